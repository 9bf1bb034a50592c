r"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 section 6.3.4-6.3.8; CREATE-SPECIAL-USE: RFC 6154)."""

from __future__ import annotations

from dataclasses import dataclass

from pillarbox.imap.command import Area, Capability, Command
from pillarbox.imap.features import Feature
from pillarbox.imap.object_ids import mailbox_object_id
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.replies import LOGGED_IN, Done, Replies
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.writer import utf8_quoted
from pillarbox.mail.specialuse import SPECIAL_USE_BY_LOWER


@dataclass(frozen=True, slots=True)
class _NewMailbox:
    name: str
    given_name: str
    uses: frozenset[str]


def _parse_name(cursor: Cursor, session: Session) -> str:
    return session.decode_name(cursor.astring())


# create-param = "USE" SP "(" [use-attr *(SP use-attr)] ")"
def _parse_create(cursor: Cursor, session: Session) -> _NewMailbox:
    raw_name = cursor.astring()
    uses: list[str] = []
    if cursor.skip(b" ("):
        if cursor.word() != "USE":
            raise BadSyntax("Unknown parameter")
        cursor.space()
        uses = cursor.flag_list(session.services.limits.list_items)
        cursor.expect(b")")
    unknown = [use for use in uses if use.lower() not in SPECIAL_USE_BY_LOWER]
    if unknown:
        raise Refused("That special use is not known here", "USEATTR")
    known = frozenset(SPECIAL_USE_BY_LOWER[use.lower()] for use in uses)
    return _NewMailbox(session.decode_name(raw_name), raw_name.decode("utf-8", "replace").rstrip("/"), known)


async def _create(session: Session, new: _NewMailbox) -> Replies:
    mailbox = await session.mail.create(new.name, new.uses)
    session.own_changes.names.add(new.name)
    yield Done(f"MAILBOXID ({mailbox_object_id(*session.mail.origin(mailbox.id))})".encode("ascii"), "Created")
    if Feature.IMAP4REV2 in session.features and new.given_name != new.name:
        old = utf8_quoted(new.given_name)
        yield b'* LIST () "/" %b ("OLDNAME" (%b))\r\n' % (session.encode_name(new.name), old)


async def _delete(session: Session, name: str) -> Replies:
    await session.mail.delete(name)
    session.own_changes.names.add(name)
    return
    yield  # makes it a generator


def _parse_rename(cursor: Cursor, session: Session) -> tuple[str, str]:
    old = _parse_name(cursor, session)
    cursor.space()
    return old, _parse_name(cursor, session)


async def _rename(session: Session, names: tuple[str, str]) -> Replies:
    await session.mail.rename(*names)
    session.own_changes.names.update(names)
    return
    yield  # makes it a generator


async def _subscribe(session: Session, name: str) -> Replies:
    await session.mail.subscribe(name)
    session.own_changes.names.add(name)
    return
    yield  # makes it a generator


async def _unsubscribe(session: Session, name: str) -> Replies:
    await session.mail.unsubscribe(name)
    session.own_changes.names.add(name)
    return
    yield  # makes it a generator


AREA = Area(
    commands=(
        Command("CREATE", LOGGED_IN, _create, "9051 6.3.4", _parse_create),
        Command("DELETE", LOGGED_IN, _delete, "9051 6.3.5", _parse_name),
        Command("RENAME", LOGGED_IN, _rename, "9051 6.3.6", _parse_rename),
        Command("SUBSCRIBE", LOGGED_IN, _subscribe, "9051 6.3.7", _parse_name),
        Command("UNSUBSCRIBE", LOGGED_IN, _unsubscribe, "9051 6.3.8", _parse_name),
    ),
    capabilities=(Capability("CREATE-SPECIAL-USE", "6154", LOGGED_IN),),
)
