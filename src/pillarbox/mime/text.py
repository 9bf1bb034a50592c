"""The text of a message as a person reads it, for SEARCH.

Must never: raise on any bytes, or look up anything outside of the message. RFC 2047 for header words:

    encoded-word = "=?" charset "?" encoding "?" encoded-text "?="
"""

from __future__ import annotations

import binascii
import contextlib
import mmap
import re
from collections.abc import Iterator
from typing import Final

from pillarbox.mime.binary import UnknownEncoding, decode_body
from pillarbox.mime.charsets import decode_charset, decode_undeclared
from pillarbox.mime.heads import unfold
from pillarbox.mime.html import html_to_text
from pillarbox.mime.parts import Part, PartMap, SectionText, Span
from pillarbox.mime.scan import Kind

_encoded_word = re.compile(rb"=\?([^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?\r\n]*+)\?=")
HTML_SUBTYPES: Final = ("html", "xhtml+xml")
_BASE64_PAD: Final = b"=="


def decode_header_text(raw: bytes) -> str:
    """A header value, or a whole header block, as text: unfolded, encoded words decoded, 8-bit read as UTF-8 or
    whatever it looks like. White space between encoded words is not there (RFC 2047 section 6.2)."""
    raw = unfold(raw)
    if b"=?" not in raw:
        return _plain(raw)
    pieces: list[str] = []
    pending: list[bytes] = []
    """Bytes of words in a row with one charset: a character may be cut between two."""
    pending_charset = b""
    at = 0
    for match in _encoded_word.finditer(raw):
        between = raw[at : match.start()]
        charset = match[1].lower()
        if pending and (charset != pending_charset or between.strip(b" \t\r\n")):
            pieces.append(decode_charset(b"".join(pending), pending_charset.decode("latin-1")))
            pending = []
        if between.strip(b" \t\r\n") or at == 0:
            pieces.append(_plain(between))
        pending.append(_decode_word(match[2], match[3]))
        pending_charset = charset
        at = match.end()
    if pending:
        pieces.append(decode_charset(b"".join(pending), pending_charset.decode("latin-1")))
    pieces.append(_plain(raw[at:]))
    return "".join(pieces)


def _plain(raw: bytes) -> str:
    return raw.decode("ascii") if raw.isascii() else decode_undeclared(raw)


def _decode_word(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"qQ":
        return binascii.a2b_qp(text, header=True)
    return decode_body(text + _BASE64_PAD, "base64")


def decode_text(data: bytes, encoding: str, charset: str) -> str:
    """The text in a part's body. With an unknown encoding, the bytes as they are; an unknown charset is guessed."""
    with contextlib.suppress(UnknownEncoding):
        data = decode_body(data, encoding)
    return decode_charset(data, charset)


def searchable_text(message: bytes | memoryview | mmap.mmap, part_map: PartMap) -> Iterator[str]:
    """What SEARCH BODY looks into: text parts (HTML as it is seen), small talk of mail systems (message/*),
    and the headers of forwarded messages. The message's own header is not among it."""
    for part in part_map.parts():
        if part.kind is Kind.MESSAGE:
            header = part_map.locate(part.path, SectionText.HEADER)
            if header is not None:
                yield decode_header_text(_cut(message, header))
        elif part.kind is Kind.LEAF and part.type in ("text", "message"):
            yield part_text(message, part)


def part_text(message: bytes | memoryview | mmap.mmap, part: Part) -> str:
    """The text of one part, as searchable_text() has it."""
    text = part_source(message, part)
    return html_to_text(text) if part.subtype in HTML_SUBTYPES else text


def part_source(message: bytes | memoryview | mmap.mmap, part: Part) -> str:
    """The same as it was written: HTML with its tags."""
    return decode_text(_cut(message, part.body), part.encoding, part.charset)


def _cut(message: bytes | memoryview | mmap.mmap, span: Span) -> bytes:
    return bytes(message[span.start : span.end])
