"""Groups of people, and who has shared something with whom: the Neighbours of the accounts in `accounts.db`.

What is shared stands with the owner's mailboxes; here is only where to look (rows may outlive what they tell of). Rows
name accounts by id: a new account of an old name is in no group.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from pillarbox.auth.directory import AccountDirectory, AccountMissing, DirectoryUnavailable
from pillarbox.auth.names import LoginNameInvalid, prepare_login_name
from pillarbox.mail.errors import LimitReached, StoreUnavailable
from pillarbox.sharing.acl import ANYONE, GROUP_PREFIX, NEGATIVE
from pillarbox.sharing.neighbours import SHARED_ACCOUNT, Owner
from pillarbox.store.contract import AccountId

_T = TypeVar("_T")

MOST_NOTED: Final = 10_000
"""Identifiers that one account ever shares something with: rows stay when the rights are gone, and a name need not be
anybody's."""


class GroupMissing(Exception):
    """Nobody of that name is in a group of that name."""

    def __init__(self, what: str) -> None:
        super().__init__(f"there is no {what}")


def prepare_identifier(typed: str) -> str:
    """An identifier of RFC 4314 as it is kept: `anyone`, a login name, `group:NAME`, or one of these behind `-`.

    RFC 4314 section 3 wants SASLprep; names are prepared here as they are at the door. Raises LoginNameInvalid.
    """
    sign = NEGATIVE if typed.startswith(NEGATIVE) else ""
    name = typed.removeprefix(NEGATIVE)
    if name.lower() == ANYONE:
        return sign + ANYONE
    if name.lower().startswith(GROUP_PREFIX):
        return sign + GROUP_PREFIX + prepare_group(name[len(GROUP_PREFIX) :])
    return sign + prepare_login_name(name)


def prepare_group(typed: str) -> str:
    """A group's name as it is kept: like a login name without a domain. Raises LoginNameInvalid."""
    name = prepare_login_name(typed)
    if "@" in name:
        raise LoginNameInvalid("the name of a group can't hold @")
    return name


class Groups:
    """Who is in which group. A group is there as long as somebody is in it."""

    def __init__(self, directory: AccountDirectory) -> None:
        self._directory = directory

    def add(self, group: str, login_names: Sequence[str]) -> None:
        """Put accounts into a group, all or none. Raises AccountMissing, DirectoryUnavailable."""
        with self._directory.change() as connection:
            for login_name in login_names:
                connection.execute(
                    "INSERT OR REPLACE INTO member SELECT ?, id FROM account WHERE login_name = ?", (group, login_name)
                )
                if not connection.changes():
                    raise AccountMissing(login_name)

    def remove(self, group: str, login_names: Sequence[str] = ()) -> None:
        """Take accounts, or all, out of a group. Raises GroupMissing, DirectoryUnavailable."""
        with self._directory.change() as connection:
            if not login_names:
                connection.execute("DELETE FROM member WHERE group_name = ?", (group,))
                if not connection.changes():
                    raise GroupMissing(f"group {group}")
            for login_name in login_names:
                connection.execute(
                    "DELETE FROM member"
                    " WHERE group_name = ? AND account = (SELECT id FROM account WHERE login_name = ?)",
                    (group, login_name),
                )
                if not connection.changes():
                    raise GroupMissing(f"{login_name} in group {group}")

    def all(self) -> dict[str, list[str]]:
        """Members by group, both ascending. Raises DirectoryUnavailable."""
        found: dict[str, list[str]] = {}
        for group, login_name in self._directory.rows(
            "SELECT group_name, login_name FROM member JOIN account ON id = account ORDER BY group_name, login_name"
        ):
            found.setdefault(str(group), []).append(str(login_name))
        return found

    def of(self, login_name: str) -> list[str]:
        """The groups that somebody is in. Raises DirectoryUnavailable."""
        rows = self._directory.rows(
            "SELECT group_name FROM member JOIN account ON id = account WHERE login_name = ? ORDER BY group_name",
            login_name,
        )
        return [str(group) for (group,) in rows]


class AccountNeighbours:
    """sharing.Neighbours of the accounts in a directory."""

    def __init__(self, directory: AccountDirectory) -> None:
        self._directory = directory
        self._groups = Groups(directory)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="neighbours")

    def close(self) -> None:
        """Let the thread go. The directory stays open."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def identifiers(self, login_name: str) -> frozenset[str]:
        return await self._look(lambda: self._identifiers(login_name))

    async def sharing_with(self, login_name: str) -> Sequence[Owner]:
        return await self._look(lambda: self._sharing_with(login_name))

    async def note(self, owner: AccountId, identifier: str) -> None:
        await self._look(lambda: self._note_one(owner, identifier))

    def note_now(self, owner: AccountId, identifiers: Sequence[str]) -> None:
        """The same at once, for several. Raises DirectoryUnavailable."""
        with self._directory.change() as connection:
            for identifier in identifiers:
                connection.execute("INSERT OR IGNORE INTO shares_with VALUES (?, ?)", (identifier, owner))

    def _note_one(self, owner: AccountId, identifier: str) -> None:
        with self._directory.change() as connection:
            connection.execute("INSERT OR IGNORE INTO shares_with VALUES (?, ?)", (identifier, owner))
            if connection.changes():
                noted = connection.execute("SELECT count(*) FROM shares_with WHERE owner = ?", (owner,)).get
                if noted > MOST_NOTED:
                    raise LimitReached("You have shared mailboxes with too many names by now; use groups")

    def owners_noting(self, identifier: str) -> list[AccountId]:
        """Accounts that have shared something with an identifier. Raises DirectoryUnavailable."""
        rows = self._directory.rows("SELECT owner FROM shares_with WHERE identifier = ? ORDER BY owner", identifier)
        return [AccountId(str(owner)) for (owner,) in rows]

    def _identifiers(self, login_name: str) -> frozenset[str]:
        return frozenset({login_name, ANYONE, *(GROUP_PREFIX + group for group in self._groups.of(login_name))})

    def _sharing_with(self, login_name: str) -> Sequence[Owner]:
        rows = self._directory.rows(
            """
            WITH mine (identifier) AS (
                SELECT ?1 UNION ALL SELECT ?2 UNION ALL
                SELECT ?3 || group_name FROM member JOIN account ON id = account WHERE login_name = ?1
            )
            SELECT DISTINCT owner, ifnull(login_name, '') FROM mine
            JOIN shares_with USING (identifier) LEFT JOIN account ON id = owner
            WHERE (login_name IS NOT NULL AND login_name <> ?1) OR owner = ?4 ORDER BY 2
            """,
            login_name,
            ANYONE,
            GROUP_PREFIX,
            SHARED_ACCOUNT,
        )
        return [Owner(AccountId(str(account)), str(name)) for account, name in rows]

    async def _look(self, query: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, query)
        except DirectoryUnavailable as error:
            raise StoreUnavailable("The server can't look up who shares what now; try again later") from error
