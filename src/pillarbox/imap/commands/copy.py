"""COPY, UID COPY, MOVE, UID MOVE (RFC 9051 section 6.4.7, 6.4.8; RFC 6851; COPYUID: RFC 4315)."""

from __future__ import annotations

from dataclasses import dataclass

from pillarbox.imap.command import Area, Capability, Command, Trait
from pillarbox.imap.commands.message_limit import check_saved, portion_of
from pillarbox.imap.commands.quota import soft_warning
from pillarbox.imap.refusals import Refused
from pillarbox.imap.replies import LOGGED_IN, Done, Replies, State
from pillarbox.imap.session import Session
from pillarbox.imap.view import Indices, View
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.sequence import SequenceSet
from pillarbox.mail.errors import MailboxMissing
from pillarbox.mail.uids import UidSet
from pillarbox.store.contract import Copied, Mailbox


@dataclass(frozen=True, slots=True)
class _Transfer:
    messages: SequenceSet
    destination: str


# copy = "COPY" SP sequence-set SP mailbox
def _parse(cursor: Cursor, session: Session) -> _Transfer:
    messages = cursor.sequence_set()
    cursor.space()
    return _Transfer(messages, session.decode_name(cursor.astring()))


async def _destination(session: Session, name: str) -> Mailbox:
    try:
        return await session.mail.find(name)
    except MailboxMissing as missing:
        raise Refused(f"{missing}; create it first", "TRYCREATE") from missing


def _numbered(view: View, messages: SequenceSet) -> Indices:
    """By number: all must still be there, else nothing is copied (RFC 2180 section 4.4.1)."""
    indices = view.by_number(messages)
    if view.has_vanished(indices):
        raise Refused("Some of those messages are gone; nothing was done", "EXPUNGEISSUED")
    return indices


def _copyuid(copied: Copied) -> bytes:
    """resp-code-copy = "COPYUID" SP nz-number SP uid-set SP uid-set"""
    source, destination = UidSet.of(copied.source_uids), UidSet.of(copied.destination_uids)
    return f"COPYUID {copied.uidvalidity} {source} {destination}".encode("ascii")


async def _copy(session: Session, transfer: _Transfer, indices: Indices) -> Replies:
    view = session.selected
    check_saved(session, indices)
    destination = await _destination(session, transfer.destination)
    copied = await session.mail.copy(view.image.mailbox.id, view.uids_of(indices), destination.id)
    session.own_changes.arrived(destination.id, copied.destination_uids)
    yield await soft_warning(session, destination)
    yield Done(_copyuid(copied), "Copied") if copied.source_uids else Done()


async def _copy_numbers(session: Session, transfer: _Transfer) -> Replies:
    async for reply in _copy(session, transfer, _numbered(session.selected, transfer.messages)):
        yield reply


async def _copy_uids(session: Session, transfer: _Transfer) -> Replies:
    async for reply in _copy(session, transfer, session.selected.by_uid(transfer.messages)):
        yield reply


async def _move(session: Session, transfer: _Transfer, indices: Indices) -> Replies:
    """COPYUID comes untagged, before the EXPUNGE responses (RFC 6851 section 4.3)."""
    view = session.writable
    portion = portion_of(session, indices)
    destination = await _destination(session, transfer.destination)
    moved = await session.mail.move(view.image.mailbox.id, view.uids_of(portion.indices), destination.id)
    session.own_changes.arrived(destination.id, moved.destination_uids)
    yield b"* OK [%b] Moved\r\n" % _copyuid(moved) if moved.source_uids else b""
    yield portion.done


async def _move_numbers(session: Session, transfer: _Transfer) -> Replies:
    async for reply in _move(session, transfer, _numbered(session.selected, transfer.messages)):
        yield reply


async def _move_uids(session: Session, transfer: _Transfer) -> Replies:
    async for reply in _move(session, transfer, session.selected.by_uid(transfer.messages)):
        yield reply


AREA = Area(
    commands=(
        Command("COPY", State.SELECTED, _copy_numbers, "9051 6.4.7", _parse, Trait.TAKES_NUMBERS),
        Command("UID COPY", State.SELECTED, _copy_uids, "9051 6.4.9", _parse),
        Command("MOVE", State.SELECTED, _move_numbers, "6851 3.1", _parse, Trait.TAKES_NUMBERS | Trait.EXPUNGES),
        Command("UID MOVE", State.SELECTED, _move_uids, "6851 3.2", _parse, Trait.EXPUNGES),
    ),
    capabilities=(Capability("MOVE", "6851", LOGGED_IN),),
)
