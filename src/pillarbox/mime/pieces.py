"""The text of a part, however large, in pieces: whoever reads it can let others run in between.

Parts up to WHOLE_BYTES come whole, as text.py has them. Larger ones are decoded bit by bit: each step takes about a
millisecond and holds some 100 KB. An empty piece is a step that had nothing to show.

What differs from decoding at once: a text without a usable charset is looked at anew for each piece, and a word of more
than 64 K characters in large HTML is cut. Must never: raise on any bytes. RFC 2045 section 6, RFC 2046 section 4.1.2.
"""

from __future__ import annotations

import binascii
import codecs
import html
import mmap
import re
from collections.abc import Iterable, Iterator
from typing import Final

from pillarbox.mime.binary import NOT_BASE64, UnknownEncoding, decode_body
from pillarbox.mime.charsets import codec_name, decode_undeclared
from pillarbox.mime.html import LONG_REFERENCE, MARKUP
from pillarbox.mime.limits import MimeLimits
from pillarbox.mime.parts import Part
from pillarbox.mime.text import part_text

WHOLE_BYTES: Final = 256 * 1024
"""As it stands in the message: some milliseconds, whatever it is."""
_STEP_BYTES: Final = 64 * 1024
_STEP_TAGS: Final = 2_000
_LINE_SEARCH_BYTES: Final = 4_096
_MAX_HTML_CHARACTERS: Final = MimeLimits().html_characters
_SPACE: Final = re.compile(r"\s")

Message = bytes | memoryview | mmap.mmap


def part_pieces(message: Message, part: Part) -> Iterator[str]:
    """The text of one part, in order; together what SEARCH looks into."""
    if part.size <= WHOLE_BYTES:
        yield part_text(message, part)
        return
    texts = _decoded(_taken_off(message, part), part.charset)
    yield from _visible(texts) if part.subtype in ("html", "xhtml+xml") else texts


def _steps(message: Message, part: Part) -> Iterator[bytes]:
    for start in range(part.body.start, part.body.end, _STEP_BYTES):
        yield bytes(message[start : min(start + _STEP_BYTES, part.body.end)])


# --- transfer encodings ------------------------------------------------------------------------------


def _taken_off(message: Message, part: Part) -> Iterator[bytes]:
    """The bytes behind the Content-Transfer-Encoding; as they are behind an unknown one."""
    raw = _steps(message, part)
    match part.encoding.strip():
        case "base64":
            return _from_base64(raw)
        case "quoted-printable":
            return (_without_encoding(lines, part.encoding) for lines in _at_line_ends(raw))
        case _:
            return raw


def _without_encoding(data: bytes, encoding: str) -> bytes:
    try:
        return decode_body(data, encoding)
    except UnknownEncoding:  # not for those that _taken_off names
        return data


def _from_base64(raw: Iterable[bytes]) -> Iterator[bytes]:
    """As binary.decode_body: padding ends one text and another one may follow."""
    held = b""
    for step in raw:
        *finished, held = (held + step.translate(None, NOT_BASE64)).split(b"=")
        decoded = [_base64_text(text) for text in finished]
        whole = len(held) // 4 * 4
        decoded.append(binascii.a2b_base64(held[:whole]))
        held = held[whole:]
        yield b"".join(decoded)
    yield _base64_text(held)


def _base64_text(text: bytes) -> bytes:
    if len(text) % 4 == 1:
        text = text[:-1]
    return binascii.a2b_base64(text + b"=" * (-len(text) % 4))


def _at_line_ends(raw: Iterable[bytes]) -> Iterator[bytes]:
    """Cut behind line ends, or where no escape and no white space is cut in two."""
    held = b""
    for step in raw:
        held += step
        end = held.rfind(b"\n") + 1
        if not end and len(held) > _STEP_BYTES:
            end = len(held)
            while end and held[end - 1] in b"=0123456789ABCDEFabcdef \t\r":
                end -= 1
            end = end or len(held)
        if end:
            yield held[:end]
            held = held[end:]
    yield held


# --- charsets ----------------------------------------------------------------------------------------


def _decoded(data: Iterable[bytes], charset: str) -> Iterator[str]:
    codec = codec_name(charset) if charset else None
    decoder: codecs.IncrementalDecoder | None = None
    if codec is not None and codec != "utf_8":
        try:
            decoder = codecs.getincrementaldecoder(codec)("replace")
        except LookupError:  # a codec that can't go on where it stopped
            decoder = None
    if decoder is None:
        return map(decode_undeclared, _at_characters(data))
    return _by_codec(data, decoder)


def _by_codec(data: Iterable[bytes], decoder: codecs.IncrementalDecoder) -> Iterator[str]:
    for step in data:
        try:
            yield decoder.decode(step)
        except (UnicodeError, ValueError):  # a codec that doesn't know "replace"
            decoder.reset()
            yield decode_undeclared(step)
    try:
        yield decoder.decode(b"", final=True)
    except (UnicodeError, ValueError):
        return


def _at_characters(data: Iterable[bytes]) -> Iterator[bytes]:
    """Cut behind a line end, else behind an ASCII character, where there is one near."""
    held = b""
    for step in data:
        held += step
        if len(held) < _STEP_BYTES // 2:
            yield b""
            continue
        end = held.rfind(b"\n", -_LINE_SEARCH_BYTES) + 1 or len(held)
        end = _character_end(held, end)
        yield held[:end]
        held = held[end:]
    yield held


def _character_end(data: bytes, near: int) -> int:
    """At most some bytes before `near`: behind an ASCII character, else before a character of UTF-8."""
    for end in range(near, near - 8, -1):
        if data[end - 1] < 0x80:
            return end
    for end in range(near - 1, near - 5, -1):
        if data[end] >= 0xC0:
            return end
    return near


# --- HTML --------------------------------------------------------------------------------------------


def _visible(texts: Iterable[str]) -> Iterator[str]:
    """As html.html_to_text has it."""
    pieces: list[str] = []
    length = 0
    for text in texts:
        pieces.append(text)
        length += len(text)
        yield ""
        if length >= _MAX_HTML_CHARACTERS:
            break
    begun = False
    for words in _words("".join(pieces)[:_MAX_HTML_CHARACTERS]):
        yield f" {words}" if begun and words else words
        begun = begun or bool(words)


def _words(source: str) -> Iterator[str]:
    """What is seen, with single spaces, in pieces that end where a word ends; empty ones in long runs of tags."""
    waiting: list[str] = []
    length = at = 0
    for count, match in enumerate(MARKUP.finditer(source), 1):
        waiting.append(source[at : match.start()])
        length += match.start() - at
        at = match.end()
        if not match["inline"]:
            waiting.append(" ")
            if length >= _STEP_BYTES:
                yield from _tidied("".join(waiting))
                waiting, length = [], 0
        if not count % _STEP_TAGS:
            yield ""
    yield from _tidied("".join(waiting) + source[at:])


def _tidied(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + _STEP_BYTES
        space = _SPACE.search(text, end) if end < len(text) else None
        end = len(text) if end >= len(text) else min(space.end() if space else len(text), end + _STEP_BYTES)
        piece = text[start:end]
        if "&" in piece:
            piece = html.unescape(LONG_REFERENCE.sub(" ", piece))
        yield " ".join(piece.split())
        start = end
