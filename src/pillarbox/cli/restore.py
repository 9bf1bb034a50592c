"""`pillarbox restore`: a whole server out of a backup, or an account, a mailbox, single messages (docs/backup.md).

Must never: write over mail that is there.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.app.mail import open_mail
from pillarbox.auth.directory import AccountDirectory
from pillarbox.backup.chest import Chest, Run
from pillarbox.backup.laying import chosen_run, lay_accounts, lay_server, lay_unit, leap, open_house, unit_of
from pillarbox.backup.returning import (
    Brought,
    bring_account,
    bring_mailbox,
    bring_messages,
    mailbox_named,
    uids_with,
)
from pillarbox.cli.backup import Folder, Identity, RunName, opened, troubles
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import account_named, login_name, mail_of
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Bar, Json, progress_bar, say, say_json, size_text
from pillarbox.cli.witness import witness
from pillarbox.clock import SystemClock
from pillarbox.events import NoEvents
from pillarbox.mail.errors import LimitReached, MailboxMissing, NameInvalid, OverQuota, StoreCorrupt, StoreUnavailable
from pillarbox.store.contract import AccountId, AccountStore

_HERE: Final = Place()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What of an account is to come back."""

    mailbox: str | None
    uids: Sequence[int]
    message_ids: Sequence[str]


def restore(
    source: Folder,
    /,
    *,
    run: RunName = None,
    user: Annotated[str | None, Parameter(help="Bring back this account's mail, into the account of now.")] = None,
    mailbox: Annotated[str | None, Parameter(help="Only this mailbox of it.")] = None,
    uid: Annotated[tuple[int, ...], Parameter(help="Only this message, by the UID it had; may be repeated.")] = (),
    message_id: Annotated[tuple[str, ...], Parameter(help="Only this message; may be repeated.")] = (),
    identity: Identity = None,
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """Restore a server, an account, a mailbox or messages."""
    if (mailbox and user is None) or ((uid or message_id) and mailbox is None):
        raise CommandFailed("name the account with --user, and for single messages --mailbox too", ExitCode.USAGE)
    folder = source.expanduser().absolute()
    with troubles(folder):
        chest = opened(folder, identity, place)
        chosen = chosen_run(chest, run)
        if user is None:
            _restore_server(chest, chosen, place, json)
            return
        account = account_named(place, user)
        brought = _restore_account(chest, chosen, place, user, _Wanted(mailbox, uid, message_id))
    count = sum(each.messages for each in brought)
    witness(place).info("mail.restored", login=account.login_name, run=chosen.name, messages=count)
    if json:
        say_json(
            [
                {
                    "mailbox": each.mailbox,
                    "made": each.made,
                    "messages": each.messages,
                    "there_already": each.there_already,
                }
                for each in brought
            ]
        )
        return
    for each in brought:
        already = f", {each.there_already} were there already" if each.there_already else ""
        say(f"{each.mailbox}: {each.messages} messages came back{already}")


def _restore_server(chest: Chest, run: Run, place: Place, json: bool) -> None:
    with progress_bar("Restoring", run.size_bytes) as bar:
        unfinished = lay_server(chest, run, place.path, bar.advance)
    accounts = asyncio.run(_leap(Place(data=unfinished, config=place.config)))
    open_house(place.path)
    if json:
        say_json({"run": run.name, "accounts": accounts, "size_bytes": run.size_bytes})
    else:
        say(f"restored {run.name} into {place.path}: {accounts} accounts, {size_text(run.size_bytes)}")


async def _leap(place: Place) -> int:
    """Prepare the mail of a restored server for clients that saw more than the backup has."""
    store = await open_mail(place.settings(), SystemClock(), NoEvents())
    try:
        accounts = await store.accounts()
        for account in accounts:
            mail = await store.open(account)
            try:
                await leap(mail)
            finally:
                await mail.close()
        return len(accounts)
    except (StoreUnavailable, StoreCorrupt) as error:
        raise CommandFailed(f"the restored mail can't be used: {error}", ExitCode.BAD_DATA) from error
    finally:
        await store.close()


def _restore_account(chest: Chest, run: Run, place: Place, user: str, wanted: _Wanted) -> list[Brought]:
    with tempfile.TemporaryDirectory(dir=place.folder.run_path, prefix="restore-") as scratch:
        account = _account_then(lay_accounts(chest, run, Path(scratch)), user, run)
        unit = unit_of(run, account)
        with progress_bar("Reading the backup", unit.size_bytes) as bar:
            lay_unit(chest, unit, Path(scratch), bar.advance)
        with progress_bar("Restoring", unit.size_bytes) as bar:
            return asyncio.run(_bring(place, Path(scratch), (account, user), wanted, bar))


def _account_then(database: Path, user: str, run: Run) -> AccountId:
    """The account of that login name as the backup has it. Raises CommandFailed."""
    directory = AccountDirectory.open(database, SystemClock())
    try:
        account = directory.find(login_name(user))
    finally:
        directory.close()
    if account is None:
        raise CommandFailed(f"there was no account {user} when {run.name} was made", ExitCode.NO_USER)
    return account.id


async def _bring(place: Place, scratch: Path, whose: tuple[AccountId, str], wanted: _Wanted, bar: Bar) -> list[Brought]:
    account, user = whose
    async with _mail_then(place, scratch, account) as kept, mail_of(place, account_named(place, user)) as mail:
        try:
            if wanted.mailbox is None:
                return await bring_account(kept, mail, bar.advance)
            box = await mailbox_named(kept, wanted.mailbox)
            if not wanted.uids and not wanted.message_ids:
                return [await bring_mailbox(kept, box, mail, bar.advance)]
            image = await kept.image(box.id)
            uids = {uid for uid in wanted.uids if image.row_of(uid) >= 0}
            uids.update(await uids_with(kept, box, wanted.message_ids) if wanted.message_ids else ())
            if not uids:
                raise CommandFailed("the backup has no such message in that mailbox", ExitCode.NO_INPUT)
            return [await bring_messages(kept, box, mail, sorted(uids), bar.advance)]
        except MailboxMissing as error:
            raise CommandFailed(f'the backup has no mailbox "{wanted.mailbox}" of {user}', ExitCode.NO_INPUT) from error
        except (LimitReached, OverQuota, NameInvalid) as error:
            raise CommandFailed(
                f"not all could come back: {error}; what did come back stays, and a second try brings only the rest",
                ExitCode.UNAVAILABLE,
            ) from error


@asynccontextmanager
async def _mail_then(place: Place, scratch: Path, account: AccountId) -> AsyncIterator[AccountStore]:
    store = await open_mail(replace(place.settings(), data_folder=scratch), SystemClock(), NoEvents())
    try:
        kept = await store.open(account)
        yield kept
        await kept.close()
    finally:
        await store.close()
