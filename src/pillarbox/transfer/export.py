"""Writes an account out, so that mail can leave: .eml with a manifest, Maildir, or mbox.

All is written under `DEST.partial`, synced and renamed at the end: what has the name that was asked for is whole.
Must never: write over what is there, or leave something half behind when it fails.
"""

from __future__ import annotations

import enum
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from pillarbox.mail.dates import InternalDate
from pillarbox.mail.flags import FlagSet
from pillarbox.store.contract import AccountStore, Mailbox
from pillarbox.transfer.container import MailboxOut, MessageOut, Writer
from pillarbox.transfer.eml_writer import EmlWriter
from pillarbox.transfer.maildir_writer import MaildirWriter
from pillarbox.transfer.mbox_writer import MboxWriter

BATCH_MESSAGES: Final = 200
BATCH_BYTES: Final = 8 * 1024 * 1024


class Format(enum.Enum):
    """What is written."""

    EML = "eml"
    MAILDIR = "maildir"
    MBOX = "mbox"


class ExportRefused(Exception):
    """It would write over something; the text says what to do."""


class Progress(Protocol):
    """Told how far it got."""

    def wrote(self, size_bytes: int) -> None: ...


@dataclass(slots=True)
class Outcome:
    """What was written."""

    size_bytes: int = 0
    by_mailbox: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """What the format could not hold as it is."""

    @property
    def messages(self) -> int:
        return sum(self.by_mailbox.values())


_WRITERS: Final[dict[Format, Callable[[Path], Writer]]] = {
    Format.EML: EmlWriter,
    Format.MAILDIR: MaildirWriter,
    Format.MBOX: MboxWriter,
}


@dataclass(frozen=True, slots=True)
class _Row:
    """A message as it was when the mailbox was looked at."""

    uid: int
    flags: FlagSet
    modseq: int
    size_bytes: int
    date: InternalDate
    save_seconds: int


async def export_account(
    account: AccountStore, destination: Path, format: Format, mailboxes: Sequence[str], progress: Progress
) -> Outcome:
    """Write the mailboxes (all, when none are named).

    Raises ExportRefused, OSError, MailboxMissing, StoreUnavailable.
    """
    partial = _free_place(destination)
    chosen = [await account.find(name) for name in mailboxes] or list(await account.mailboxes())
    partial.mkdir(mode=0o700)
    try:
        outcome = Outcome()
        writer = _WRITERS[format](partial)
        subscriptions = await account.subscriptions()
        for mailbox in chosen:
            await _mailbox(account, mailbox, mailbox.name in subscriptions, (writer, outcome, progress))
        writer.finish(sorted(subscriptions))
        outcome.notes = writer.notes()
        os.sync()
        partial.rename(destination)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return outcome


def _free_place(destination: Path) -> Path:
    partial = destination.with_name(destination.name + ".partial")
    if os.path.lexists(destination):
        raise ExportRefused(f"{destination} is there already; name a folder that is not there yet")
    if os.path.lexists(partial):
        raise ExportRefused(f"an export that was stopped left {partial}; remove it, then start again")
    return partial


async def _mailbox(
    account: AccountStore, mailbox: Mailbox, is_subscribed: bool, tools: tuple[Writer, Outcome, Progress]
) -> None:
    writer, outcome, progress = tools
    image = await account.image(mailbox.id)
    rows = [
        _Row(uid, flags, modseq, size_bytes, InternalDate(seconds, zone), saved)
        for uid, flags, modseq, size_bytes, seconds, zone, saved in zip(
            image.uids, image.flags, image.modseqs, image.sizes, image.date_seconds, image.date_zones,
            image.save_seconds, strict=True,
        )
    ]  # fmt: skip
    keywords = sorted({name for row in {row.flags for row in rows} for name in row.names if name[0] != "\\"})
    writer.begin(
        MailboxOut(
            mailbox.name, image.mailbox.uidvalidity, image.uidnext, image.highest_modseq, mailbox.special_use,
            is_subscribed, tuple(keywords),
        )
    )  # fmt: skip
    outcome.by_mailbox[mailbox.name] = 0
    for batch in _batches(rows):
        contents = await account.contents(mailbox.id, [row.uid for row in batch])
        for row, content in zip(batch, contents, strict=True):
            if content is None:
                continue  # expunged meanwhile
            message = MessageOut(row.uid, row.flags.names, row.modseq, row.date, row.save_seconds, content.whole())
            writer.message(message)
            outcome.by_mailbox[mailbox.name] += 1
            outcome.size_bytes += row.size_bytes
            progress.wrote(row.size_bytes)
    writer.end()


def _batches(rows: Sequence[_Row]) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    size_bytes = 0
    for row in rows:
        if batch and (len(batch) >= BATCH_MESSAGES or size_bytes + row.size_bytes > BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(row)
        size_bytes += row.size_bytes
    if batch:
        yield batch
