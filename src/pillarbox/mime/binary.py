"""Content-Transfer-Encodings taken off: FETCH BINARY, and text for SEARCH.

Must never: raise for broken data; it yields what can be read of it. RFC 2045 section 6, RFC 9051 section 6.4.5.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
NOT_BASE64: Final = bytes(set(range(256)) - set(_BASE64))
_MAX_BASE64_PIECES: Final = 1_000
"""Base64 texts in a row, each with its own padding: a few come from broken mailers, many from nobody."""

_space_before_line_end = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")


class UnknownEncoding(Exception):
    """A Content-Transfer-Encoding that nobody here can take off (RFC 9051: NO [UNKNOWN-CTE])."""

    def __init__(self, encoding: str) -> None:
        super().__init__("The encoding of this part is not known here")
        self.encoding = encoding


def decode_body(data: bytes, encoding: str) -> bytes:
    """The data behind a Content-Transfer-Encoding. Raises UnknownEncoding."""
    match encoding.strip().lower():
        case "" | "7bit" | "8bit" | "binary":
            return data
        case "base64":
            return _decode_base64(data)
        case "quoted-printable":
            return _decode_quoted_printable(data)
        case _:
            raise UnknownEncoding(encoding)


def _decode_base64(data: bytes) -> bytes:
    """All that is not in the alphabet is passed over (RFC 2045 section 6.8), and so is a character too many."""
    text = data.translate(None, NOT_BASE64)
    pieces: list[bytes] = []
    start = 0
    while start < len(text) and len(pieces) < _MAX_BASE64_PIECES:
        end = text.find(b"=", start)
        if end < 0:
            end = len(text)
        piece = text[start:end]
        if len(piece) % 4 == 1:
            piece = piece[:-1]
        pieces.append(binascii.a2b_base64(piece + b"=" * (-len(piece) % 4)))
        start = end
        while start < len(text) and text[start] == 0x3D:
            start += 1
    return b"".join(pieces)


def _decode_quoted_printable(data: bytes) -> bytes:
    """White space at the end of a line was added on the way and goes (RFC 2045 section 6.7, rule 3)."""
    if b" \n" in data or b" \r" in data or b"\t\n" in data or b"\t\r" in data or data.endswith((b" ", b"\t")):
        data = _space_before_line_end.sub(b"", data)
    return binascii.a2b_qp(data)
