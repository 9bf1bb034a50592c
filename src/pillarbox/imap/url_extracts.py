"""What URLFETCH tells of the part that a URL names: its octets, the same decoded, its structure (RFC 5524 section 3).

Must never: hold a large part in memory that it needs not decode.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

from pillarbox.imap.commands.fetch_batch import Slice
from pillarbox.imap.commands.fetch_sections import decoded_part
from pillarbox.imap.refusals import Refused
from pillarbox.imap.session import Session
from pillarbox.imap.url_target import Target
from pillarbox.imap.wire.writer import literal
from pillarbox.mime.parts import PartMap
from pillarbox.mime.substructure import structure_of_part


class Extract(enum.Enum):
    """url-fetch-param"""

    BODY = "BODY"
    BINARY = "BINARY"
    BODYPARTSTRUCTURE = "BODYPARTSTRUCTURE"


def pieces_of(session: Session, target: Target, extracts: tuple[Extract, ...]) -> Iterator[bytes]:
    """All that was asked for, with spaces between; what can't be told is NIL."""
    size = session.services.limits.stream_bytes
    if not extracts:
        yield from _literal(target.octets, size)
    for number, extract in enumerate(extracts):
        yield b"%b(%b " % (b" " if number else b"", extract.value.encode("ascii"))
        match extract:
            case Extract.BODY:
                yield from _literal(target.octets, size)
            case Extract.BINARY:
                yield _binary(target)
            case Extract.BODYPARTSTRUCTURE:
                yield _structure(target)
        yield b")"


def _literal(octets: Slice, size: int) -> Iterator[bytes]:
    yield b"{%d}\r\n" % (octets.end - octets.start)
    yield from octets.pieces(size)


def _binary(target: Target) -> bytes:
    """nstring / literal8: the part without its transfer encoding, then cut to what the URL asks for. Headers, and the
    text of a whole message, have none."""
    path = target.body_part
    if path is None:
        data = target.octets.content.read(target.octets.start, target.octets.end)
    else:
        try:
            decoded = decoded_part(target.message, target.parts, path)
        except Refused:  # an encoding that is not known here
            return b"NIL"
        if decoded is None:
            return b"NIL"
        last = None if target.url.count is None else target.url.first + target.url.count
        data = decoded[target.url.first : last]
    return (b"~" if b"\0" in data else b"") + literal(data)


def _structure(target: Target) -> bytes:
    path = target.body_part
    part = None if path is None else PartMap.unpack(target.parts).part(path)
    found = None if part is None else structure_of_part(target.message.whole(), part)
    return found or b"NIL"
