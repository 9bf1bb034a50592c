"""`pillarbox export`: mail that leaves, whole.

Must never: write over what is there.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pillarbox.auth.directory import Account
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import account_named, mail_of
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Bar, Json, complain, progress_bar, say, say_json, size_text
from pillarbox.cli.witness import witness
from pillarbox.mail.errors import MailboxMissing
from pillarbox.transfer.export import ExportRefused, Format, Outcome, export_account


def export(
    destination: Annotated[Path, Parameter(help="A folder that is not there yet.")],
    /,
    *,
    user: Annotated[str, Parameter(help="Whose mail.")],
    format: Annotated[Format, Parameter(help="eml (with a manifest, all is kept), maildir or mbox.")] = Format.EML,
    mailbox: Annotated[tuple[str, ...], Parameter(help="Only this mailbox; may be given again.", negative="")] = (),
    json: Json = False,
    place: Place = Place(),  # noqa: B008 - frozen
) -> None:
    """Write the mail of `user` to a folder."""
    account = account_named(place, user)
    outcome = asyncio.run(_export(place, account, (destination.expanduser().absolute(), format), mailbox))
    witness(place).info("mail.exported", login=account.login_name, messages=outcome.messages)
    if json:
        say_json(
            {
                "format": format.value,
                "messages": outcome.messages,
                "size_bytes": outcome.size_bytes,
                "mailboxes": outcome.by_mailbox,
                "notes": outcome.notes,
            }
        )
        return
    for note in outcome.notes:
        complain(f"note: {note}")
    say(
        f"wrote {outcome.messages} messages, {size_text(outcome.size_bytes)}, of {len(outcome.by_mailbox)} mailboxes "
        f"to {destination}"
    )


async def _export(place: Place, account: Account, where: tuple[Path, Format], mailboxes: tuple[str, ...]) -> Outcome:
    destination, format = where
    async with mail_of(place, account) as mail:
        total = sum([(await mail.status(mailbox.id)).size_bytes for mailbox in await mail.mailboxes()])
        with progress_bar(f"Exporting to {format.value}", total) as bar:
            try:
                return await export_account(mail, destination, format, mailboxes, _Shown(bar))
            except ExportRefused as error:
                raise CommandFailed(str(error), ExitCode.EXISTS) from error
            except MailboxMissing as error:
                raise CommandFailed(
                    f'there is no mailbox "{error.name}"; see: pillarbox mailbox list --user {account.login_name}',
                    ExitCode.NO_INPUT,
                ) from error
            except OSError as error:
                raise CommandFailed(
                    f"can't write {destination}: {error.strerror}; nothing was left behind", ExitCode.UNAVAILABLE
                ) from error


class _Shown:
    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def wrote(self, size_bytes: int) -> None:
        self._bar.advance(size_bytes)
