"""GETMETADATA and SETMETADATA (RFC 5464), and METADATA in the answers to LIST (RFC 9590).

Must never: change some of what one SETMETADATA names when it can't change all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pillarbox.imap.annotations import (
    ADMIN,
    PRIVATE,
    SHARED,
    SPECIAL_USE,
    can_hold_value,
    entry_name,
    mailbox_entries,
    property_of,
    read_special_use,
    reader_of,
    server_account,
    server_entries,
)
from pillarbox.imap.command import Area, Capability, Command
from pillarbox.imap.features import Feature
from pillarbox.imap.named_searches import check_filter
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.replies import LOGGED_IN, Done, Replies
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.writer import astring, string
from pillarbox.mail.errors import LimitReached, NoPermission
from pillarbox.store.contract import Mailbox

Values = Mapping[str, bytes | None]


@dataclass(slots=True)
class _Asked:
    """Arguments of GETMETADATA."""

    max_size: int | None = None
    depth: int | None = 0
    """Levels below each entry; None for all."""
    name: str = ""
    """Of the mailbox; empty for the server."""
    entries: list[str] = field(default_factory=list)


# entry = astring ; slash-separated path to entry, MUST NOT contain "*" or "%"
def _parse_entry(cursor: Cursor) -> str:
    name = entry_name(cursor.astring())
    if name is None:
        raise BadSyntax("An entry's name begins with /private/ or /shared/ and has no *, % or empty component")
    return name


# entries = entry / "(" entry *(SP entry) ")"
def parse_entries(cursor: Cursor, session: Session) -> list[str]:
    """Once each, in the order asked for."""
    if not cursor.skip(b"("):
        return [_parse_entry(cursor)]
    entries = [_parse_entry(cursor)]
    while not cursor.skip(b")"):
        cursor.space()
        entries.append(_parse_entry(cursor))
        if len(entries) > session.services.limits.list_items:
            raise BadSyntax("Too many entries")
    return list(dict.fromkeys(entries))


# getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")"
# maxsize-opt = "MAXSIZE" SP number; scope-opt = "DEPTH" SP ("0" / "1" / "infinity")
def _parse_options(cursor: Cursor, asked: _Asked) -> None:
    cursor.expect(b"(")
    while True:
        option = cursor.word()
        cursor.space()
        if option == "MAXSIZE":
            asked.max_size = cursor.number()
        elif option == "DEPTH":
            word = cursor.word()
            if word not in _DEPTHS:
                raise BadSyntax("DEPTH is 0, 1 or infinity")
            asked.depth = _DEPTHS[word]
        else:
            raise BadSyntax("Unknown option")
        if cursor.skip(b")"):
            return
        cursor.space()


_DEPTHS: Mapping[str, int | None] = {"0": 0, "1": 1, "INFINITY": None}


# getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries; the examples (section 4.2.1) have the
# options behind the mailbox, and clients do as the examples do
def _parse_get(cursor: Cursor, session: Session) -> _Asked:
    asked = _Asked()
    if has_options := cursor.peek() == b"(":
        _parse_options(cursor, asked)
        cursor.space()
    asked.name = session.decode_name(cursor.astring())
    cursor.space()
    if not has_options and cursor.peek(2)[1:].isalpha() and cursor.peek() == b"(":
        _parse_options(cursor, asked)
        cursor.space()
    asked.entries = parse_entries(cursor, session)
    while not cursor.at_end():  # several without parentheses, as in the examples of section 4.4.1
        cursor.space()
        asked.entries.append(_parse_entry(cursor))
    return asked


async def _get(session: Session, asked: _Asked) -> Replies:
    mailbox = await session.mail.find(asked.name) if asked.name else None
    values, longest = _chosen(await _entries(session, mailbox), asked)
    if values:
        yield _response(session, asked.name, values)
    if longest:
        yield Done(b"METADATA LONGENTRIES %d" % longest)


def _chosen(kept: Mapping[str, bytes], asked: _Asked) -> tuple[Values, int]:
    """What to answer, NIL for what was asked for by its full name and is not there; and the size of the largest value
    that is too large to be told, 0 for none."""
    values: dict[str, bytes | None] = {}
    longest = 0
    for wanted in asked.entries:
        if asked.depth == 0 and wanted not in kept:
            values[wanted] = None
        for entry in sorted(kept):
            below = entry.removeprefix(wanted)
            within = entry == wanted or (below != entry and below.startswith("/"))
            if not within or (asked.depth is not None and below.count("/") > asked.depth):
                continue
            if asked.max_size is not None and len(kept[entry]) > asked.max_size:
                longest = max(longest, len(kept[entry]))
            else:
                values[entry] = kept[entry]
    return values, longest


# entry-values = "(" entry-value *(SP entry-value) ")"; value = nstring / literal8
def _parse_set(cursor: Cursor, session: Session) -> tuple[str, Values]:
    name = session.decode_name(cursor.astring())
    cursor.space()
    cursor.expect(b"(")
    values: dict[str, bytes | None] = {}
    while True:
        entry = _parse_entry(cursor)
        cursor.space()
        values[entry] = _parse_value(cursor)
        if cursor.skip(b")"):
            return name, values
        cursor.space()
        if len(values) >= session.services.limits.list_items:
            raise BadSyntax("Too many entries")


def _parse_value(cursor: Cursor) -> bytes | None:
    if not cursor.at_literal():
        return cursor.nstring()
    literal = cursor.literal()
    assert isinstance(literal.content, bytes), "only messages are staged"
    if b"\0" in literal.content and not literal.binary:
        raise BadSyntax("NUL is allowed in a binary literal only")
    return literal.content


async def _set(session: Session, arguments: tuple[str, Values]) -> Replies:
    name, values = arguments
    mailbox = await session.mail.find(name) if name else None
    _check_values(session, values)
    if mailbox is None:
        for entry, value in values.items():
            check_filter(entry, value, session.services.limits)
    _check_count(session, await _entries(session, mailbox), values)
    try:
        if mailbox is None:
            await _set_of_server(session, values)
        else:
            await _set_of_mailbox(session, mailbox, dict(values))
    except LimitReached as error:
        raise Refused(str(error), "METADATA TOOMANY") from error
    return
    yield  # makes it a generator


def _check_values(session: Session, values: Values) -> None:
    most = session.services.limits.metadata_value_bytes
    if any(not can_hold_value(entry) for entry in values):
        raise Refused("That entry only has others below it; vendors' have four components at least", "CANNOT")
    if any(value is not None and len(value) > most for value in values.values()):
        raise Refused(f"A value can have {most} bytes at most", f"METADATA MAXSIZE {most}")


def _check_count(session: Session, kept: Mapping[str, bytes], values: Values) -> None:
    removed = {entry for entry, value in values.items() if value is None}
    new = values.keys() - removed - kept.keys()
    most = session.services.limits.metadata_entries
    if new and len(kept.keys() - removed) + len(new) > most:
        raise Refused(f"There can be {most} entries here at most; remove some", "METADATA TOOMANY")


async def _set_of_mailbox(session: Session, mailbox: Mailbox, values: dict[str, bytes | None]) -> None:
    mail, told, uses = session.mail, dict(values), None
    reader = reader_of(mail, mailbox)
    if SPECIAL_USE in values:
        if reader is not None:
            raise NoPermission
        uses = read_special_use(values.pop(SPECIAL_USE))
        if uses is None:
            raise Refused("That special use is not known here", "USEATTR")
        told[SPECIAL_USE] = " ".join(sorted(uses)).encode("ascii") or None
    await mail.set_properties(mailbox.id, {property_of(entry, reader): value for entry, value in values.items()})
    if uses is not None:  # last: no limit can refuse it
        await mail.set_special_use(mailbox.name, uses)
    if session.annotations is not None:
        session.annotations.changed_here(mailbox.id, told)


async def _set_of_server(session: Session, values: Values) -> None:
    shared = {property_of(entry): value for entry, value in values.items() if entry.startswith(SHARED)}
    private = {property_of(entry): value for entry, value in values.items() if entry.startswith(PRIVATE)}
    if ADMIN in values:
        raise Refused("That entry is a setting of the server", "CANNOT")
    if shared:
        if not session.administers:
            raise Refused("Only an administrator can change what everybody sees", "NOPERM")
        async with server_account(session.services.store) as account:
            await account.set_properties(None, shared)
    await session.mail.set_properties(None, private)
    if session.annotations is not None:
        session.annotations.changed_here(None, values)


async def _entries(session: Session, mailbox: Mailbox | None) -> dict[str, bytes]:
    if mailbox is not None:
        return await mailbox_entries(session.mail, mailbox)
    services = session.services
    return await server_entries(session.mail, services.store, services.limits.admin_contact)


async def listed_metadata(session: Session, mailbox: Mailbox, entries: Sequence[str]) -> bytes:
    """The METADATA response that follows a mailbox's LIST (RFC 9590 section 3): NIL for what is not there.

    Raises MailboxMissing, NoPermission.
    """
    kept = await mailbox_entries(session.mail, mailbox)
    return _response(session, mailbox.name, {entry: kept.get(entry) for entry in entries})


# metadata-resp = "METADATA" SP mailbox SP (entry-values / entry-list)
def _response(session: Session, name: str, values: Values) -> bytes:
    pairs = b" ".join(b"%b %b" % (astring(entry.encode("ascii")), _value(value)) for entry, value in values.items())
    return b"* METADATA %b (%b)\r\n" % (session.encode_name(name) if name else b'""', pairs)


def _value(value: bytes | None) -> bytes:
    """value = nstring / literal8"""
    if value is None:
        return b"NIL"
    return b"~{%d}\r\n%b" % (len(value), value) if b"\0" in value else string(value)


AREA = Area(
    commands=(
        Command("GETMETADATA", LOGGED_IN, _get, "5464 4.2", _parse_get),
        Command("SETMETADATA", LOGGED_IN, _set, "5464 4.3", _parse_set),
    ),
    capabilities=(
        Capability("METADATA", "5464", LOGGED_IN),
        Capability("METADATA-SERVER", "5464", LOGGED_IN),
        Capability("LIST-METADATA", "9590", LOGGED_IN),
    ),
    features=(Feature.METADATA, Feature.METADATA_SERVER),
)
