"""What waits to be sent on one connection: small pieces joined into whole TLS records, large ones left where they are.

Must never: touch a socket; copy a large piece; change a piece after its sending began (OpenSSL wants the same
bytes again after a write that would have blocked).
"""

from __future__ import annotations

from collections import deque

RECORD_BYTES = 16 * 1024
"""The most that one TLS record holds (RFC 8446 section 5.1)."""


class Output:
    """A queue of bytes. Slots and lazy parts, because thousands of them are idle."""

    __slots__ = ("_head", "_head_at", "_pieces", "_tail", "size_bytes")

    def __init__(self) -> None:
        self.size_bytes = 0
        """What waits, altogether."""
        self._head: bytes | bytearray | memoryview | None = None
        self._head_at = 0
        self._pieces: deque[bytes | bytearray | memoryview] | None = None
        self._tail: bytearray | None = None

    def push(self, data: bytes | bytearray | memoryview) -> None:
        """Append. Up to a record's size is copied; larger bytes and memoryviews are kept as they are."""
        size = len(data)
        self.size_bytes += size
        if size > RECORD_BYTES:
            self._seal()
            self._append(bytes(data) if isinstance(data, bytearray) else data)
        elif self._tail is None:
            self._tail = bytearray(data)
        elif len(self._tail) + size <= RECORD_BYTES:
            self._tail += data
        else:
            self._seal()
            self._tail = bytearray(data)

    def next_piece(self) -> bytes | bytearray | memoryview:
        """What is to be sent next: the same until `advance`. Only when something waits."""
        if self._head is None:
            self._head, self._head_at = self._pop(), 0
        if self._head_at:
            return memoryview(self._head)[self._head_at :]
        return self._head

    def advance(self, count: int) -> None:
        """The first `count` bytes of the next piece were sent."""
        self.size_bytes -= count
        self._head_at += count
        if self._head is not None and self._head_at >= len(self._head):
            self._head = None

    def clear(self) -> None:
        """Drop everything."""
        self.size_bytes = 0
        self._head = self._pieces = self._tail = None

    def _pop(self) -> bytes | bytearray | memoryview:
        if self._pieces:
            piece = self._pieces.popleft()
            if not self._pieces:
                self._pieces = None
            return piece
        tail, self._tail = self._tail, None
        return tail or b""

    def _append(self, piece: bytes | bytearray | memoryview) -> None:
        if self._pieces is None:
            self._pieces = deque()
        self._pieces.append(piece)

    def _seal(self) -> None:
        if self._tail is not None:
            self._append(self._tail)
            self._tail = None
