"""`pillarbox import`: mail that people bring along.

Must never: change the source.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pillarbox.auth.directory import Account
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import account_named, mail_of
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Bar, Json, complain, progress_bar, say, say_json, size_text
from pillarbox.delivery.importer import Importer, Outcome
from pillarbox.delivery.letters import Unreadable
from pillarbox.delivery.source import Source, SourceUnknown, find_source
from pillarbox.mail.errors import LimitReached, NameInvalid, OverQuota, StoreCorrupt, StoreUnavailable


def bring(
    source: Annotated[
        Path, Parameter(help="An mbox file, a Maildir, a folder of .eml files, an export, or one .eml file.")
    ],
    /,
    *,
    user: Annotated[str, Parameter(help="Whose mail it becomes.")],
    mailbox: Annotated[
        str, Parameter(help="Mailbox for it; folders go below. Default: INBOX, with folders beside it.")
    ] = "",
    json: Json = False,
    place: Place = Place(),  # noqa: B008 - frozen
) -> None:
    """Import what is at `source` into the mail of `user`."""
    account = account_named(place, user)
    found = _found(source, place.settings().store.max_message_bytes)
    outcome = asyncio.run(_import(place, account, found, mailbox))
    if json:
        say_json(
            {
                "kind": found.kind.value,
                "messages": outcome.messages,
                "size_bytes": outcome.size_bytes,
                "mailboxes": outcome.by_mailbox,
                "uids_kept": outcome.uids_kept,
                "new_uids": outcome.renumbered,
                "here_before": outcome.here_before,
                "left_out": [{"origin": each.origin, "reason": each.reason} for each in outcome.left_out],
            }
        )
    else:
        where = ", ".join(f"{name} {count}" for name, count in outcome.by_mailbox.items())
        say(f"imported {outcome.messages} messages, {size_text(outcome.size_bytes)} ({where or 'nothing'})")
        if outcome.uids_kept:
            say(f"mail programs need not download again: {', '.join(outcome.uids_kept)}")
        if outcome.here_before:
            say(f"{outcome.here_before} messages were here from an import before and were not brought again")
        for name, reason in outcome.renumbered.items():
            complain(f'mail programs will download "{name}" again, its messages have new UIDs: {reason}')
    if outcome.left_out:
        raise CommandFailed(f"{len(outcome.left_out)} messages were left out, named above", ExitCode.BAD_DATA)


def _found(source: Path, max_message_bytes: int) -> Source:
    try:
        return find_source(source.expanduser(), max_message_bytes)
    except SourceUnknown as error:
        raise CommandFailed(str(error), ExitCode.BAD_DATA) from error
    except OSError as error:
        raise CommandFailed(f"can't read {source}: {error.strerror}", ExitCode.NO_INPUT) from error


async def _import(place: Place, account: Account, source: Source, into: str) -> Outcome:
    total = sum(folder.size_bytes for folder in source.folders)
    async with mail_of(place, account) as mail:
        with progress_bar(f"Importing {source.kind.value}", total) as bar:
            importer = Importer(mail, _Shown(bar))
            try:
                outcome = await importer.run(source.folders, into)
                for name in () if into else source.subscriptions:
                    with contextlib.suppress(NameInvalid, LimitReached):
                        await mail.subscribe(name)
                return outcome
            except OSError as error:
                done = importer.outcome.messages
                raise CommandFailed(
                    f"can't read {error.filename}: {error.strerror}; {done} messages were imported before",
                    ExitCode.NO_INPUT,
                ) from error
            except OverQuota as error:
                done = importer.outcome.messages
                raise CommandFailed(f"{error}; {done} messages were imported before", ExitCode.UNAVAILABLE) from error
            except (StoreUnavailable, StoreCorrupt):
                complain(f"{importer.outcome.messages} messages were imported before")
                raise
            except (KeyboardInterrupt, asyncio.CancelledError):
                complain(f"stopped; {importer.outcome.messages} messages were imported before")
                raise


class _Shown:
    """Progress for a person."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def took(self, messages: int, size_bytes: int) -> None:
        self._bar.advance(size_bytes)

    def left_out(self, letter: Unreadable) -> None:
        complain(f"left out: {letter.origin}: {letter.reason}")
