"""The compressed stream of COMPRESS=DEFLATE (RFC 4978): raw deflate, flushed where an answer ends.

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


class DeflateStream:
    """Both directions of one connection."""

    __slots__ = ("_deflater", "_inflated", "_inflater", "_max_ratio", "_packed", "_received", "_unflushed")

    def __init__(self, max_ratio: int) -> None:
        """`max_ratio`: how many times larger than what came in all that was inflated may be, after the first MiB."""
        self._deflater = zlib.compressobj(6, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
        self._inflater = zlib.decompressobj(_RECEIVE_WINDOW_BITS)
        self._packed = b""
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

    def inflate(self, most: int) -> bytes:
        """Up to `most` bytes of what the client meant; empty when there is nothing more.

        Raises Farewell for what isn't deflate, and for a bomb.
        """
        if not self._packed:
            return b""
        try:
            data = self._inflater.decompress(self._packed, most)
        except zlib.error:
            raise Farewell("That is not a deflate stream") from None
        self._packed = self._inflater.unconsumed_tail
        self._inflated += len(data)
        if self._inflater.eof:
            raise Farewell("The deflate stream has ended")
        if self._inflated > 1024 * 1024 + self._received * self._max_ratio:
            raise Farewell("What you send grows too much when it is inflated")
        return data

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
