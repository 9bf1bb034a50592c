"""What the commands about shared mailboxes have in common: an owner's mail as the server sees it, identifiers, rights.

Must never: go around the layer that checks rights and keeps the index of who shares with whom.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.groups import AccountNeighbours, prepare_identifier
from pillarbox.auth.names import LoginNameInvalid
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import accounts
from pillarbox.cli.place import Place
from pillarbox.cli.speech import say_json, say_table
from pillarbox.cli.witness import witness
from pillarbox.clock import SystemClock
from pillarbox.events import NoEvents
from pillarbox.mail.errors import MailboxExists, MailboxMissing, MailError, StoreCorrupt, StoreUnavailable
from pillarbox.mail.names import canonical_name
from pillarbox.mail.rights import RightsInvalid, kept_text, read_rights
from pillarbox.sharing.acl import Acl, AclChange
from pillarbox.sharing.administration import forget, wake
from pillarbox.sharing.neighbours import SHARED_ACCOUNT
from pillarbox.sharing.person import PersonalMail
from pillarbox.store.contract import NOTHING_MORE, AccountId, AccountStore, NewAccount, Store


@asynccontextmanager
async def all_mail(place: Place, new_account: NewAccount | None = None) -> AsyncIterator[Store]:
    """The store; what goes wrong becomes CommandFailed. `new_account`: instead of what the settings say."""
    from pillarbox.app.mail import open_mail

    store: Store | None = None
    try:
        settings = place.settings()
        if new_account is not None:
            settings = replace(settings, new_account=new_account)
        store = await open_mail(settings, SystemClock(), NoEvents())
        yield store
    except (StoreUnavailable, StoreCorrupt) as error:
        raise CommandFailed(f"the mail in {place.path} can't be used: {error}", ExitCode.UNAVAILABLE) from error
    except MailboxMissing as error:
        raise CommandFailed(f"there is no mailbox {error.name}", ExitCode.NO_INPUT) from error
    except MailboxExists as error:
        raise CommandFailed(str(error), ExitCode.EXISTS) from error
    except MailError as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error
    finally:
        if store is not None:
            await store.close()


@asynccontextmanager
async def owners_mail(place: Place, account: AccountId, login_name: str) -> AsyncIterator[PersonalMail]:
    """An owner's mail, with the rights of the owner."""
    with accounts(place) as directory:
        neighbours = AccountNeighbours(directory)
        try:
            async with all_mail(place, NOTHING_MORE if account == SHARED_ACCOUNT else None) as store:
                own = await store.open(account)
                mail = PersonalMail(own, login_name, store, neighbours, place.settings().sharing)
                try:
                    yield mail
                finally:
                    await mail.close()
        finally:
            neighbours.close()


def set_rights(place: Place, account: AccountId, login_name: str, mailbox: str, who: str, rights: str) -> str:
    """Change somebody's rights to a mailbox; what they are now, in letters. Raises CommandFailed."""
    identifier = identifier_of(who)
    change = AclChange(rights[0]) if rights[:1] in ("+", "-") else AclChange.REPLACE
    text = rights.removeprefix(change.value)
    try:
        named = read_rights("" if text == "none" else text)
    except RightsInvalid as error:
        raise CommandFailed(f'"{rights}": {error}; see docs/sharing.md', ExitCode.USAGE) from error

    async def work() -> str:
        async with owners_mail(place, account, login_name) as mail:
            found = await mail.find(canonical_name(mailbox))
            await mail.grant(found.id, identifier, change, named)
            after = (await mail.acl(found.id)).get(identifier)
            return kept_text(after) if after else "none"

    now = asyncio.run(work())
    events = witness(place)
    events.info(
        "acl.changed", owner=login_name or "(nobody: shared)", mailbox=mailbox, identifier=identifier, rights=now
    )
    return now


def identifier_of(typed: str) -> str:
    """An identifier as it is kept. Raises CommandFailed."""
    try:
        return prepare_identifier(typed)
    except LoginNameInvalid as error:
        raise CommandFailed(
            f'"{typed}": {error}; give a login name, "anyone", or "group:" and a name', ExitCode.USAGE
        ) from error


def say_acls(acls: dict[str, Acl], json: bool) -> None:
    """Who may do what, mailbox by mailbox."""
    if json:
        say_json(
            [
                {"mailbox": name, "rights": {who: kept_text(rights) for who, rights in acl.items()}}
                for name, acl in acls.items()
            ]
        )
        return
    rows: list[tuple[str, str, str]] = []
    for name, acl in acls.items():
        rows += [(name, who, kept_text(rights)) for who, rights in acl.items()] or [(name, "nobody else", "")]
    say_table(("mailbox", "who", "rights"), rows)


def wake_users_of(place: Place, directory: AccountDirectory, identifier: str) -> None:
    """Let running sessions hear that `identifier` stands for other people now."""
    owners = _owners_noting(directory, identifier)
    stamp = str(SystemClock().now_seconds())
    if owners:
        asyncio.run(_in_each(place, owners, lambda account: wake(account, identifier, stamp)))


def forget_everywhere(place: Place, directory: AccountDirectory, identifier: str) -> None:
    """Take `identifier` out of everybody's lists."""
    owners = _owners_noting(directory, identifier)
    if owners:
        asyncio.run(_in_each(place, owners, lambda account: forget(account, identifier)))


def _owners_noting(directory: AccountDirectory, identifier: str) -> Sequence[AccountId]:
    neighbours = AccountNeighbours(directory)
    try:
        return neighbours.owners_noting(identifier)
    finally:
        neighbours.close()


async def _in_each(place: Place, owners: Sequence[AccountId], work: Callable[[AccountStore], Awaitable[None]]) -> None:
    async with all_mail(place) as store:
        for owner in owners:
            account = await store.open(owner)
            try:
                await work(account)
            finally:
                await account.close()
