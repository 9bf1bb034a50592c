"""The compressed stream of COMPRESS=DEFLATE (RFC 4978): raw deflate, flushed where an answer ends.

The client's stream is inflated flush by flush: what comes behind a flush may not be compressed any more
(UNAUTHENTICATE, RFC 8437 section 4.1), and only the command before it can tell.

Must never: inflate more at once than it is asked for, or follow a stream that is made only to grow.
"""

from __future__ import annotations

import zlib
from typing import Final

from pillarbox.imap.refusals import Farewell

_WINDOW_BITS: Final = -12
"""A 4 KiB window when sending: 32 KB of state for a connection instead of 256 KB, for a few per cent of size."""
_MEMORY_LEVEL: Final = 5
_RECEIVE_WINDOW_BITS: Final = -15
"""Clients send with the largest window there is."""
END_OF_FLUSH: Final = b"\0\0\xff\xff"
"""What Z_SYNC_FLUSH ends with (an empty stored block); by chance it may stand elsewhere, which does no harm."""


class DeflateStream:
    """Both directions of one connection."""

    __slots__ = ("_deflater", "_inflated", "_inflater", "_max_ratio", "_packed", "_received", "_taken", "_unflushed")

    def __init__(self, max_ratio: int) -> None:
        """`max_ratio`: how many times larger than what came in all that was inflated may be, after the first MiB."""
        self._deflater = zlib.compressobj(6, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
        self._inflater = zlib.decompressobj(_RECEIVE_WINDOW_BITS)
        self._packed = b""
        self._taken = b""
        """The last octets that were inflated: a flush may end in pieces."""
        self._received = self._inflated = 0
        self._max_ratio = max_ratio
        self._unflushed = False

    @property
    def waiting_bytes(self) -> int:
        """What came in and is not inflated yet."""
        return len(self._packed)

    def receive(self, data: bytes | memoryview) -> None:
        """Keep what the client sent."""
        self._packed += bytes(data)
        self._received += len(data)

    def take_unread(self) -> bytes:
        """Give back what was not inflated: it turns out not to be compressed."""
        unread, self._packed = self._packed, b""
        return unread

    def inflate(self, most: int) -> bytes:
        """Up to `most` bytes of what the client meant, not past a flush; empty when there is nothing more.

        Raises Farewell for what isn't deflate, and for a bomb.
        """
        data = b""
        while self._packed and not data:
            data = self._inflate_to_flush(most)
        return data

    def _inflate_to_flush(self, most: int) -> bytes:
        if self._inflater.eof:
            raise Farewell("The deflate stream has ended")
        end = self._end_of_flush()
        packed, rest = self._packed[:end], self._packed[end:]
        try:
            data = self._inflater.decompress(packed, most)
        except zlib.error:
            raise Farewell("That is not a deflate stream") from None
        left = self._inflater.unconsumed_tail or self._inflater.unused_data
        self._taken = (self._taken + packed[: len(packed) - len(left)])[1 - len(END_OF_FLUSH) :]
        self._packed = left + rest
        self._inflated += len(data)
        if self._inflated > 1024 * 1024 + self._received * self._max_ratio:
            raise Farewell("What you send grows too much when it is inflated")
        return data

    def _end_of_flush(self) -> int:
        at = (self._taken + self._packed).find(END_OF_FLUSH)
        return len(self._packed) if at < 0 else at + len(END_OF_FLUSH) - len(self._taken)

    def deflate(self, data: bytes) -> bytes:
        """What to send for `data`; some may be kept back until flush()."""
        self._unflushed = True
        return self._deflater.compress(data)

    def flush(self) -> bytes:
        """What is left to send, so that the client can read all that was written (RFC 4978 section 4)."""
        if not self._unflushed:
            return b""
        self._unflushed = False
        return self._deflater.flush(zlib.Z_SYNC_FLUSH)
