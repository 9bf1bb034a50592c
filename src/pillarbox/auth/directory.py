"""The accounts of this server: login names, password hashes, and the opaque ids that mail is kept under.

One small SQLite database (`accounts.db`, mode 0600) that the server, its workers and the command line open at the
same time; each change is one durable transaction.

Must never: see a password, or give an account id twice.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from pillarbox.auth.names import LoginNameInvalid, prepare_alias, prepare_login_name
from pillarbox.auth.schema import MIGRATIONS
from pillarbox.clock import Clock
from pillarbox.database import open_database, write_transaction
from pillarbox.sharing.acl import ANYONE
from pillarbox.store.contract import AccountId

BUSY_SECONDS: Final = 10.0
"""How long one process waits for another's transaction; those take milliseconds."""

_COLUMNS: Final = (
    "id, login_name, password_hash, disabled, created_seconds, password_changed_seconds, admin, password_version"
)


class DirectoryUnavailable(Exception):
    """The account database can't be read or written now; the text is for the operator."""


class AccountExists(Exception):
    """The login name is taken."""

    def __init__(self, login_name: str) -> None:
        super().__init__(f"there is already an account {login_name}")
        self.login_name = login_name


class AliasMissing(Exception):
    """No alias of that address, or none that leads there."""

    def __init__(self, address: str) -> None:
        super().__init__(f"there is no such alias {address}")
        self.address = address


class AccountMissing(Exception):
    """No account has that login name."""

    def __init__(self, login_name: str) -> None:
        super().__init__(f"there is no account {login_name}")
        self.login_name = login_name


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """One account as it is kept."""

    id: AccountId
    login_name: str
    password_hash: str
    disabled: bool
    created_seconds: int
    password_changed_seconds: int
    admin: bool = False
    """May set quotas and what is said of the whole server, over IMAP."""
    password_version: int = 0
    """How often the password, or what it opens, was changed; a new hash of the same one is no change."""

    def __repr__(self) -> str:
        return f"Account({self.login_name}, {self.id})"


@dataclass(frozen=True, slots=True)
class Alias:
    """An address that leads to accounts which have another name."""

    address: str
    """As names.prepare_alias has it."""
    login_names: tuple[str, ...]
    """Ascending."""


class AccountDirectory:
    """All accounts. Threads may share it; a process that forks opens its own afterwards."""

    def __init__(self, connection: apsw.Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, clock: Clock) -> AccountDirectory:
        """Open the database, made (mode 0600) or brought to the current schema when needed.

        Raises DirectoryUnavailable, also for a schema newer than this program.
        """
        try:
            connection = open_database(path, BUSY_SECONDS)
        except (OSError, apsw.Error) as error:
            raise DirectoryUnavailable(f"can't open {path}: {error}") from error
        directory = cls(connection, clock)
        try:
            directory._prepare()
        except BaseException:
            connection.close()
            raise
        return directory

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._connection.close()

    def find(self, login_name: str) -> Account | None:
        """The account of a prepared login name (names.prepare_login_name). Raises DirectoryUnavailable."""
        rows = self._read(f"SELECT {_COLUMNS} FROM account WHERE login_name = ?", login_name)  # noqa: S608 - constant
        return rows[0] if rows else None

    def accounts(self) -> Sequence[Account]:
        """All accounts, by login name."""
        return self._read(f"SELECT {_COLUMNS} FROM account ORDER BY login_name")  # noqa: S608 - constant

    def add(self, login_name: str, password_hash: str) -> Account:
        """A new account. Raises LoginNameInvalid, AccountExists, DirectoryUnavailable."""
        return self.add_all([(login_name, password_hash)])[0]

    def add_all(self, rows: Sequence[tuple[str, str]]) -> list[Account]:
        """New accounts from (login name, password hash), all or none. Raises as `add` does."""
        now = int(self._clock.now_seconds())
        added = [
            Account(AccountId(secrets.token_hex(16)), _new_name(name), password_hash, False, now, now)
            for name, password_hash in rows
        ]
        with self.change() as connection:
            for account in added:
                try:
                    connection.execute(
                        f"INSERT INTO account ({_COLUMNS}) VALUES (?, ?, ?, 0, ?, ?, 0, 0)",  # noqa: S608 - constant
                        (account.id, account.login_name, account.password_hash, now, now),
                    )
                except apsw.ConstraintError as error:
                    raise AccountExists(account.login_name) from error
        return added

    def set_password(self, login_name: str, password_hash: str) -> None:
        """Replace the password. Raises AccountMissing, DirectoryUnavailable."""
        self._update(
            login_name,
            "UPDATE account SET password_hash = ?, password_changed_seconds = ?,"
            " password_version = password_version + 1 WHERE login_name = ?",
            (password_hash, int(self._clock.now_seconds()), login_name),
        )

    def replace_hash(self, account: Account, password_hash: str) -> None:
        """Keep another hash of the same password, unless the password was changed meanwhile."""
        with self.change() as connection:
            connection.execute(
                "UPDATE account SET password_hash = ? WHERE id = ? AND password_hash = ?",
                (password_hash, account.id, account.password_hash),
            )

    def disable(self, login_name: str) -> None:
        """Let nobody in until it is enabled again. Raises AccountMissing, DirectoryUnavailable."""
        self._update(login_name, "UPDATE account SET disabled = 1 WHERE login_name = ?", (login_name,))

    def enable(self, login_name: str) -> None:
        """Undo `disable`. Raises AccountMissing, DirectoryUnavailable."""
        self._update(login_name, "UPDATE account SET disabled = 0 WHERE login_name = ?", (login_name,))

    def make_admin(self, login_name: str) -> None:
        """Let the account do what an administrator may do over IMAP. Raises AccountMissing, DirectoryUnavailable."""
        self._update(login_name, "UPDATE account SET admin = 1 WHERE login_name = ?", (login_name,))

    def revoke_admin(self, login_name: str) -> None:
        """Undo `make_admin`. Raises AccountMissing, DirectoryUnavailable."""
        self._update(login_name, "UPDATE account SET admin = 0 WHERE login_name = ?", (login_name,))

    def remove(self, login_name: str) -> None:
        """Forget an account; its mail is the store's affair. Raises AccountMissing, DirectoryUnavailable."""
        self._update(login_name, "DELETE FROM account WHERE login_name = ?", (login_name,))

    # --- aliases ----------------------------------------------------------------------------------

    def add_alias(self, address: str, login_names: Sequence[str]) -> None:
        """Lead an address to these accounts too; what leads there already stays.

        Raises LoginNameInvalid, AccountMissing, DirectoryUnavailable.
        """
        prepared = prepare_alias(address)
        with self.change() as connection:
            for login_name in login_names:
                found = connection.execute("SELECT id FROM account WHERE login_name = ?", (login_name,)).fetchall()
                if not found:
                    raise AccountMissing(login_name)
                connection.execute("INSERT OR IGNORE INTO alias VALUES (?, ?)", (prepared, found[0][0]))

    def remove_alias(self, address: str, login_names: Sequence[str] = ()) -> None:
        """Lead an address no more to these accounts, or to none at all. Raises AliasMissing, DirectoryUnavailable."""
        with self.change() as connection:
            if not login_names:
                connection.execute("DELETE FROM alias WHERE address = ?", (address,))
                if not connection.changes():
                    raise AliasMissing(address)
            for login_name in login_names:
                connection.execute(
                    "DELETE FROM alias WHERE address = ? AND account = (SELECT id FROM account WHERE login_name = ?)",
                    (address, login_name),
                )
                if not connection.changes():
                    raise AliasMissing(f"{address} for {login_name}")

    def aliased(self, address: str) -> Sequence[Account]:
        """The accounts that an alias leads to, by login name; empty when there is none. Raises DirectoryUnavailable."""
        return self._read(
            f"SELECT {_COLUMNS} FROM account WHERE id IN (SELECT account FROM alias WHERE address = ?)"  # noqa: S608
            " ORDER BY login_name",
            address,
        )

    def aliases(self) -> Sequence[Alias]:
        """All of them, by address. Raises DirectoryUnavailable."""
        led: dict[str, list[str]] = {}
        with self._lock:
            try:
                for address, login_name in self._connection.execute(
                    "SELECT address, login_name FROM alias JOIN account ON id = account ORDER BY address, login_name"
                ):
                    led.setdefault(str(address), []).append(str(login_name))
            except apsw.Error as error:
                raise DirectoryUnavailable(f"can't read the account database: {error}") from error
        return [Alias(address, tuple(login_names)) for address, login_names in led.items()]

    def _update(self, login_name: str, statement: str, values: tuple[str | int, ...]) -> None:
        with self.change() as connection:
            connection.execute(statement, values)
            if not connection.changes():
                raise AccountMissing(login_name)

    def _read(self, statement: str, *values: str) -> list[Account]:
        return [
            Account(
                AccountId(str(row[0])),
                str(row[1]),
                str(row[2]),
                bool(row[3]),
                _whole(row[4]),
                _whole(row[5]),
                bool(row[6]),
                _whole(row[7]),
            )
            for row in self.rows(statement, *values)
        ]

    # --- for the other tables of this room ---------------------------------------------------------

    def rows(self, statement: str, *values: apsw.SQLiteValue) -> list[tuple[apsw.SQLiteValue, ...]]:
        """What a query gives. Raises DirectoryUnavailable."""
        with self._lock:
            try:
                return list(self._connection.execute(statement, values))
            except apsw.Error as error:
                raise DirectoryUnavailable(f"can't read the account database: {error}") from error

    @contextmanager
    def change(self) -> Iterator[apsw.Connection]:
        """One durable transaction; an exception undoes it. Raises DirectoryUnavailable."""
        with self._lock:
            try:
                with write_transaction(self._connection):
                    yield self._connection
            except apsw.Error as error:
                raise DirectoryUnavailable(f"can't write the account database: {error}") from error

    def _prepare(self) -> None:
        """Bring the schema up to date, whoever else does so at the same time."""
        with self.change() as connection:
            version = _whole(connection.execute("PRAGMA user_version").fetchall()[0][0])
            if version > len(MIGRATIONS):
                raise DirectoryUnavailable("the account database was written by a newer Pillarbox")
            for statements in MIGRATIONS[version:]:
                connection.execute(statements).fetchall()
            if version < len(MIGRATIONS):
                connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}").fetchall()


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value


def _new_name(typed: str) -> str:
    name = prepare_login_name(typed)
    if name == ANYONE:
        raise LoginNameInvalid(f'"{ANYONE}" stands for everybody in lists of rights (RFC 4314); choose another name')
    return name
