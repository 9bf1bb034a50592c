"""Brings a message to the form in which IMAP can give it back, piece by piece.

The whole rule: a LF without CR before it becomes CRLF, and NUL is dropped. RFC 5321 section 2.3.8 allows neither on
the wire and RFC 9051 section 9 (CHAR8) no NUL in a literal; all else, a lone CR and 8-bit bytes too, stays.

Must never: decide where a message ends; that is done on the bytes as they came (or mail could be smuggled in).
"""

from __future__ import annotations

import re
from typing import Final

_BARE_LF: Final = re.compile(rb"(?<!\r)\n")


class LineEnds:
    """One message's worth."""

    __slots__ = ("_after_cr",)

    def __init__(self) -> None:
        self._after_cr = False

    def feed(self, data: bytes) -> bytes:
        """The next piece, wherever it was cut."""
        if b"\0" in data:
            data = data.replace(b"\0", b"")
        if not data:
            return b""
        goes_on = self._after_cr and data[0] == 10
        self._after_cr = data[-1] == 13
        if data.count(b"\n") == data.count(b"\r\n") + goes_on:
            return data
        return b"\n" + _BARE_LF.sub(b"\r\n", data[1:]) if goes_on else _BARE_LF.sub(b"\r\n", data)
