"""APPEND, with MULTIAPPEND (RFC 9051 section 6.3.12, RFC 3502), APPENDUID (RFC 4315), BINARY (RFC 3516), and CATENATE
(catenate.py)."""

from __future__ import annotations

from dataclasses import dataclass

from pillarbox.imap.command import Area, Capability, Command, Trait
from pillarbox.imap.commands.catenate import Catenation, Incoming, literal_content, parse_pieces, put_together
from pillarbox.imap.commands.message_limit import check_saved
from pillarbox.imap.commands.quota import soft_warning
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.replies import LOGGED_IN, Done, Replies
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.framer import Spill
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.errors import MailboxMissing
from pillarbox.mail.flags import SYSTEM_FLAGS, canonical_flag
from pillarbox.mail.uids import UidSet
from pillarbox.store.contract import NewMessage


@dataclass(frozen=True, slots=True)
class _Upload:
    name: str
    messages: tuple[Incoming, ...]


def storable_flags(names: list[str]) -> frozenset[str]:
    r"""Flags that a client may set, in their registered spelling. `\Recent` is passed over: clients copy it along.

    Raises BadSyntax for a system flag that there is not (RFC 9051 section 2.3.2).
    """
    flags = {canonical_flag(name) for name in names}
    flags.discard("\\Recent")
    if any(name.startswith("\\") for name in flags.difference(SYSTEM_FLAGS)):
        raise BadSyntax("There is no such system flag")
    return frozenset(flags)


# append = "APPEND" SP mailbox 1*append-message; append-message = [SP flag-list] [SP date-time] SP append-data
def _parse(cursor: Cursor, session: Session) -> _Upload:
    name = session.decode_name(cursor.astring())
    messages: list[Incoming] = []
    most = session.services.limits.append_messages
    while not messages or not cursor.at_end():
        cursor.space()
        messages.append(parse_message(cursor, session))
        check_saved(session, messages)
        if len(messages) > most:
            raise Refused("Too many messages in one APPEND; send them in several", "LIMIT")
    return _Upload(name, tuple(messages))


def parse_message(cursor: Cursor, session: Session) -> Incoming:
    """One append-message, from behind its SP."""
    flags: frozenset[str] = frozenset()
    date: InternalDate | None = None
    if cursor.peek() == b"(":
        flags = storable_flags(cursor.flag_list(session.services.limits.list_items))
        cursor.space()
    if cursor.peek() == b'"':
        date = cursor.date_time()
        cursor.space()
    clock = session.services.clock
    date = date or InternalDate(int(clock.now_seconds()), clock.zone_minutes())
    if cursor.skip_folded(b"CATENATE ("):
        return Catenation(parse_pieces(cursor, session), date, flags)
    return NewMessage(_parse_data(cursor), date, flags)


# append-data = literal / literal8 / append-data-ext; RFC 6855 had append-data-ext = "UTF8" SP "(" literal8 ")"
def _parse_data(cursor: Cursor) -> bytes | Spill:
    wrapped = cursor.skip(b"UTF8 (")
    literal = cursor.literal()
    if wrapped:
        cursor.expect(b")")
    if not (literal.content if isinstance(literal.content, bytes) else literal.content.size_bytes):
        raise Refused("An empty message can't be stored")
    return literal_content(literal)


async def _append(session: Session, upload: _Upload) -> Replies:
    try:
        mailbox = await session.mail.find(upload.name)
        async with put_together(session, upload.messages) as messages:
            appended = await session.mail.append(mailbox.id, messages)
        session.own_changes.arrived(mailbox.id, appended.uids)
    except MailboxMissing as missing:
        raise Refused(f"{missing}; create it first", "TRYCREATE") from missing
    yield await soft_warning(session, mailbox)
    yield Done(f"APPENDUID {appended.uidvalidity} {UidSet.of(appended.uids)}".encode("ascii"), "Stored")


def _begins_early(session: Session, upload: _Upload) -> bool:
    """Not when a part is in a mailbox already, nor when messages go where the client sees them arrive one by one."""
    view = session.view
    if view is not None and view.image.mailbox.name == upload.name:
        return False
    return all(isinstance(message, NewMessage) for message in upload.messages)


AREA = Area(
    commands=(
        Command(
            "APPEND",
            LOGGED_IN,
            _append,
            "9051 6.3.12",
            _parse,
            Trait.TAKES_MESSAGES,
            begins_early=_begins_early,
        ),
    ),
    capabilities=(Capability("MULTIAPPEND", "3502", LOGGED_IN),),
)
