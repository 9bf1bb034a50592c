"""Opens what a command works on: the account database and people's mail; closes it again, whatever happens.

Must never: pick a backend; `app` does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from pillarbox.auth.directory import Account, AccountDirectory, AccountExists, AccountMissing, DirectoryUnavailable
from pillarbox.auth.names import LoginNameInvalid, prepare_login_name
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.place import Place
from pillarbox.clock import SystemClock
from pillarbox.events import NoEvents
from pillarbox.mail.errors import StoreCorrupt, StoreUnavailable
from pillarbox.store.contract import AccountStore, Store


@contextmanager
def accounts(place: Place) -> Iterator[AccountDirectory]:
    """The accounts; what goes wrong with them becomes CommandFailed."""
    directory = None
    try:
        directory = AccountDirectory.open(place.folder.accounts_path, SystemClock())
        yield directory
    except AccountMissing as error:
        raise CommandFailed(f"{error}; see: pillarbox user list", ExitCode.NO_USER) from error
    except AccountExists as error:
        raise CommandFailed(str(error), ExitCode.EXISTS) from error
    except DirectoryUnavailable as error:
        raise CommandFailed(str(error), ExitCode.UNAVAILABLE) from error
    finally:
        if directory is not None:
            directory.close()


@asynccontextmanager
async def everybodys_mail(place: Place) -> AsyncIterator[Store]:
    """The store; what goes wrong with it becomes CommandFailed."""
    from pillarbox.app.mail import open_mail

    store: Store | None = None
    try:
        store = await open_mail(place.settings(), SystemClock(), NoEvents())
        yield store
    except (StoreUnavailable, StoreCorrupt) as error:
        raise CommandFailed(f"the mail in {place.path} can't be used: {error}", ExitCode.UNAVAILABLE) from error
    finally:
        if store is not None:
            await store.close()


@asynccontextmanager
async def mail_of(place: Place, account: Account) -> AsyncIterator[AccountStore]:
    """One account's mail."""
    async with everybodys_mail(place) as store:
        opened = await store.open(account.id)
        try:
            yield opened
        finally:
            await opened.close()


def account_named(place: Place, typed: str) -> Account:
    """The account that a person named. Raises CommandFailed."""
    place.check()
    name = login_name(typed)
    with accounts(place) as directory:
        account = directory.find(name)
    if account is None:
        raise CommandFailed(f"there is no account {name}; see: pillarbox user list", ExitCode.NO_USER)
    return account


def login_name(typed: str) -> str:
    """A login name as it is kept. Raises CommandFailed."""
    try:
        return prepare_login_name(typed)
    except LoginNameInvalid as error:
        raise CommandFailed(f'"{typed}": {error}', ExitCode.USAGE) from error
