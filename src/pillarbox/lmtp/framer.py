"""Cuts what a client sends into command lines, message text and chunks; any input may be split at any byte.

A message ends at CRLF "." CRLF and nowhere else: not at LF "." LF or any other mixture. What lets one server see an
end where another sees text lets strangers smuggle in messages of their own.

Must never: hold more than a line and what came with the last reads.

RFC 5321 sections 2.3.8 (lines), 4.1.1.4 (DATA), 4.5.2 (transparency); RFC 3030 section 2 (BDAT).
"""

from __future__ import annotations

import enum
from typing import Final

_END: Final = b"\r\n.\r\n"
_PIECE_BYTES: Final = 64 * 1024


class Unfit(enum.Enum):
    """A line that is none; all of it was taken."""

    TOO_LONG = "Line too long"
    BARE_LF = "End lines with CR LF"


class Framer:
    """Feed it; take lines, text or chunks, as the conversation stands."""

    __slots__ = ("_buffer", "_is_dropping", "_skip_bytes", "_text_held")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._is_dropping = False
        self._text_held = b""
        self._skip_bytes = 0

    @property
    def unread_bytes(self) -> int:
        """What waits."""
        return len(self._buffer)

    def feed(self, data: bytes | memoryview) -> None:
        """Bytes from the client."""
        self._buffer += data

    def line(self, limit_bytes: int) -> bytes | Unfit | None:
        """The next command line without its CRLF; None: not whole yet."""
        end = self._buffer.find(b"\n")
        if end < 0:
            if self._is_dropping or len(self._buffer) > limit_bytes:
                self._is_dropping = True
                self._buffer.clear()
            return None
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if self._is_dropping or len(line) > limit_bytes:
            self._is_dropping = False
            return Unfit.TOO_LONG
        return line[:-2] if line.endswith(b"\r\n") else Unfit.BARE_LF

    # --- DATA -------------------------------------------------------------------------------------

    def begin_text(self) -> None:
        """What comes now is a message up to its final dot."""
        self._text_held = b"\r\n"  # so that a dot in the very first place stands at the beginning of a line too
        self._skip_bytes = 2

    def text(self) -> tuple[bytes, bool]:
        """What of the message has come, without the dots that transparency added; and whether that was its end.

        At the end what is left over is the next command's.
        """
        data = self._text_held + self._buffer
        end = data.find(_END)
        if end >= 0:
            self._buffer = bytearray(data[end + len(_END) :])
            return self._unstuffed(data[: end + 2]), True
        held = next((size for size in range(len(_END) - 1, 0, -1) if data.endswith(_END[:size])), 0)
        self._buffer.clear()
        self._text_held = data[len(data) - held :]
        return self._unstuffed(data[: len(data) - held]), False

    def _unstuffed(self, lines: bytes) -> bytes:
        """Every dot that begins a line goes: the end is none of `lines`, so these were all added."""
        if not lines:
            return b""
        skip, self._skip_bytes = self._skip_bytes, 0
        return lines.replace(b"\r\n.", b"\r\n")[skip:]

    # --- BDAT -------------------------------------------------------------------------------------

    def chunk(self, wanted_bytes: int) -> bytes:
        """Up to `wanted_bytes` of what has come, as it is."""
        taken = bytes(self._buffer[: min(wanted_bytes, _PIECE_BYTES)])
        del self._buffer[: len(taken)]
        return taken
