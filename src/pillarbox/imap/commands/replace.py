"""REPLACE and UID REPLACE: a new message in the place of an old one, in one step (RFC 8508).

Drafts are kept so: nobody ever sees two of them, or none.
"""

from __future__ import annotations

from dataclasses import dataclass

from pillarbox.imap.command import Area, Capability, Command, Trait
from pillarbox.imap.commands.append import parse_message
from pillarbox.imap.commands.catenate import Incoming, put_together
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.replies import LOGGED_IN, Done, Replies, State
from pillarbox.imap.session import Session
from pillarbox.imap.view import Indices
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.sequence import SequenceSet
from pillarbox.mail.errors import MailboxMissing


@dataclass(frozen=True, slots=True)
class _Replacement:
    old: SequenceSet
    destination: str
    message: Incoming


# replace = "REPLACE" SP seq-number SP mailbox append-message; append-message: see append.py
def _parse(cursor: Cursor, session: Session) -> _Replacement:
    old = cursor.sequence_set()
    if len(old.pairs) != 1 or old.pairs[0][0] != old.pairs[0][1]:
        raise BadSyntax("REPLACE takes one message")
    cursor.space()
    destination = session.decode_name(cursor.astring())
    cursor.space()
    return _Replacement(old, destination, parse_message(cursor, session))


async def _replace_number(session: Session, replacement: _Replacement) -> Replies:
    yield await _replace(session, replacement, session.writable.by_number(replacement.old))
    yield Done(text="REPLACE completed")


async def _replace_uid(session: Session, replacement: _Replacement) -> Replies:
    yield await _replace(session, replacement, session.writable.by_uid(replacement.old))
    yield Done(text="UID REPLACE completed")


async def _replace(session: Session, replacement: _Replacement, indices: Indices) -> bytes:
    """APPENDUID comes untagged, before the EXPUNGE (RFC 8508 section 4.3)."""
    view = session.writable
    if not indices:
        raise Refused("There is no such message; nothing was stored")
    try:
        destination = await session.mail.find(replacement.destination)
        async with put_together(session, [replacement.message]) as (message,):
            appended = await session.mail.replace(
                view.image.mailbox.id, view.uids_of(indices)[0], destination.id, message
            )
    except MailboxMissing as missing:
        raise Refused(f"{missing}; create it first", "TRYCREATE") from missing
    session.own_changes.arrived(destination.id, appended.uids)
    return b"* OK [APPENDUID %d %d] Stored\r\n" % (appended.uidvalidity, appended.uids[0])


_TRAITS = Trait.TAKES_MESSAGES | Trait.EXPUNGES

AREA = Area(
    commands=(
        Command("REPLACE", State.SELECTED, _replace_number, "8508 3.2", _parse, _TRAITS | Trait.TAKES_NUMBERS),
        Command("UID REPLACE", State.SELECTED, _replace_uid, "8508 3.3", _parse, _TRAITS),
    ),
    capabilities=(Capability("REPLACE", "8508", LOGGED_IN),),
)
