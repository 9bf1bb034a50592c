"""CATENATE: a message put together by the server, from what the client sends and what is there already (RFC 4469).

The pieces are copied one after another to where messages are staged; a large one is never in memory whole.

Must never: store anything when one of the URLs is bad; set \\Seen on what is copied from; change an octet.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from pillarbox.auth.names import LoginNameInvalid, prepare_login_name
from pillarbox.imap.command import Area, Capability
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.replies import LOGGED_IN
from pillarbox.imap.session import Session
from pillarbox.imap.url_target import NothingThere, find_target, host_is_ours
from pillarbox.imap.urls import MAX_URL_BYTES, UrlInvalid, resolve_url
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.framer import Literal, Spill
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.errors import NotAllowed
from pillarbox.store.contract import NewMessage, Staged

_TURN_BYTES: Final = 1024 * 1024
"""Copied before others get their turn."""
_NOT_IN_A_CODE: Final = re.compile(rb"[^\x21\x23-\x5b\x5e-\x7e]")


@dataclass(frozen=True, slots=True)
class Url:
    """A URL as the client wrote it."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class Catenation:
    """A message to be put together."""

    pieces: tuple[Url | bytes | Spill, ...]
    internal_date: InternalDate
    flags: frozenset[str]


Incoming = NewMessage | Catenation


# append-data =/ "CATENATE" SP "(" cat-part *(SP cat-part) ")"
# cat-part    = "TEXT" SP literal / "URL" SP astring;  RFC 6855: cat-part =/ "UTF8" SP "(" literal8 ")"
def parse_pieces(cursor: Cursor, session: Session) -> tuple[Url | bytes | Spill, ...]:
    """What follows `CATENATE (`."""
    pieces: list[Url | bytes | Spill] = []
    while not pieces or not cursor.skip(b")"):
        if pieces:
            cursor.space()
        pieces.append(_parse_piece(cursor))
        if len(pieces) > session.services.limits.list_items:
            raise Refused("Too many pieces for one message", "LIMIT")
    return tuple(pieces)


def _parse_piece(cursor: Cursor) -> Url | bytes | Spill:
    kind = cursor.word()
    cursor.space()
    if kind == "URL":
        return Url(cursor.astring())
    if kind == "TEXT":
        return literal_content(cursor.literal())
    if kind != "UTF8":
        raise BadSyntax("Expected TEXT or URL")
    cursor.expect(b"(")
    content = literal_content(cursor.literal())
    cursor.expect(b")")
    return content


def literal_content(literal: Literal) -> bytes | Spill:
    """What a literal holds, which has NUL only when it is a literal8."""
    if not literal.binary and isinstance(literal.content, bytes) and b"\0" in literal.content:
        raise BadSyntax("NUL is allowed in a binary literal only")
    return literal.content


@asynccontextmanager
async def put_together(session: Session, incoming: Sequence[Incoming]) -> AsyncIterator[list[NewMessage]]:
    """The messages, ready to be stored within this context. Raises Refused (BADURL, LIMIT) and MailError."""
    catenations = sum(isinstance(each, Catenation) for each in incoming)
    if catenations > session.services.limits.spilled_literals:
        raise Refused("Too many messages to put together at once; send them in several", "LIMIT")
    staged: list[Staged] = []
    try:
        yield [each if isinstance(each, NewMessage) else await _whole(session, each, staged) for each in incoming]
    finally:
        for each_staged in staged:
            each_staged.discard()


async def _whole(session: Session, catenation: Catenation, staged: list[Staged]) -> NewMessage:
    """One message; `staged` keeps all there are."""
    message = session.services.store.stage()
    staged.append(message)
    most = session.services.store.limits.max_message_bytes
    before, turn = sum(each.size_bytes for each in staged), 0
    for piece in catenation.pieces:
        for data in await _octets(session, piece):
            message.write(data)
            turn += len(data)
            if len(staged) > 1 and before + message.size_bytes > most:
                raise Refused("Too much for one command; send it in several", "LIMIT")
            if turn >= _TURN_BYTES:
                turn = 0
                await asyncio.sleep(0)
    if not message.size_bytes:
        raise Refused("An empty message can't be stored")
    return NewMessage(message, catenation.internal_date, catenation.flags)


async def _octets(session: Session, piece: Url | bytes | Spill) -> Iterable[bytes]:
    size = session.services.limits.stream_bytes
    if isinstance(piece, Url):
        return await _pointed_to(session, piece, size)
    return (piece,) if isinstance(piece, bytes) else piece.pieces(size)


async def _pointed_to(session: Session, url: Url, size: int) -> Iterator[bytes]:
    """RFC 4469 section 3: only what the session could fetch itself."""
    view = session.view
    hosts = session.services.limits.url_hosts
    try:
        found = resolve_url(
            url.raw.decode("utf-8"),
            hosts[0] if hosts else "localhost",
            session.login_name,
            None if view is None else view.image.mailbox.name,
        )
        if found.auth is not None or not host_is_ours(session, found):
            raise NothingThere
        if prepare_login_name(found.login_name) != session.login_name:
            raise NothingThere
        return (await find_target(session, session.mail, found)).octets.pieces(size)
    except (UnicodeDecodeError, UrlInvalid, LoginNameInvalid, NothingThere, NotAllowed) as error:
        raise Refused("One of the URLs leads to nothing that can be used; nothing was stored", _bad_url(url)) from error


def _bad_url(url: Url) -> str:
    r"""badurl-response-code = "BADURL" SP url-resp-text ; TEXT-CHAR without "]" and, by its ABNF, "\"

    What a code can't hold is percent-encoded, as a URL has it anyway.
    """
    shown = _NOT_IN_A_CODE.sub(lambda found: b"%%%02X" % found[0][0], url.raw[:MAX_URL_BYTES])
    return f"BADURL {(shown or b'%20').decode('ascii')}"


AREA = Area(capabilities=(Capability("CATENATE", "4469", LOGGED_IN),))
