"""COMPRESS DEFLATE and UNAUTHENTICATE: what becomes of the connection (RFC 4978, RFC 8437)."""

from __future__ import annotations

from pillarbox.imap.command import Area, Capability, Command, Trait
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.replies import LOGGED_IN, Replies
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor


def _parse_compress(cursor: Cursor, session: Session) -> str:
    return cursor.atom().decode("ascii").upper()


async def _compress(session: Session, algorithm: str) -> Replies:
    """The tagged OK is the last that goes out as it is; the conversation turns compression on after it."""
    if algorithm != "DEFLATE":
        raise BadSyntax("DEFLATE is the only algorithm there is")
    if session.compressed:
        raise Refused("Compression is on already", "COMPRESSIONACTIVE")
    session.compressed = True
    return
    yield  # makes it a generator


async def _unauthenticate(session: Session, _: None) -> Replies:
    """RFC 8437 section 3 and 4.1: everything but TLS is as it was at the greeting; the tagged OK is the last that is
    compressed."""
    await session.leave_account()
    session.login_name = ""
    session.features.clear()
    session.compressed = False
    return
    yield  # makes it a generator


AREA = Area(
    commands=(
        Command("COMPRESS", LOGGED_IN, _compress, "4978 3", _parse_compress),
        Command("UNAUTHENTICATE", LOGGED_IN, _unauthenticate, "8437 3", None, Trait.NO_UPDATES),
    ),
    capabilities=(
        Capability("COMPRESS=DEFLATE", "4978", LOGGED_IN),
        Capability("UNAUTHENTICATE", "8437", LOGGED_IN),
    ),
)
