"""One message on its way in, for all of its recipients: small ones in memory, large ones on disk as they come.

A small message gets Delivered-To for each recipient. A large one is on disk once, and accounts share that file; it
names the recipient only when there is just one (more would tell each of the others).

Must never: be stored before `finish`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from pillarbox.delivery.addresses import Addressee, Recipient
from pillarbox.delivery.line_ends import LineEnds
from pillarbox.delivery.trace import TRACE_BYTES, Via, trace_fields, untraced_head
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.errors import MessageTooBig
from pillarbox.mime.digest import header_size
from pillarbox.store.contract import Staged, Store

_PIECE_BYTES: Final = 256 * 1024


class InMemory:
    """filter.Arriving; whole in memory."""

    __slots__ = ("_header", "content", "size_bytes", "trace_bytes")

    def __init__(self, content: bytes, trace_bytes: int) -> None:
        self.content: bytes = content
        self.trace_bytes = trace_bytes
        self.size_bytes = len(content)
        self._header: bytes | None = None

    @property
    def header(self) -> bytes:
        if self._header is None:
            self._header = self.content[: header_size(self.content)]
        return self._header

    def read(self, start: int, end: int) -> bytes:
        return self.content[start:end]

    def pieces(self) -> Iterator[bytes]:
        yield self.content


class OnDisk:
    """filter.Arriving; staged, and shared by all recipients."""

    __slots__ = ("content", "header", "size_bytes", "trace_bytes")

    def __init__(self, staged: Staged, header: bytes, trace_bytes: int) -> None:
        self.content: Staged = staged
        self.trace_bytes = trace_bytes
        self.size_bytes = staged.size_bytes
        self.header = header

    def read(self, start: int, end: int) -> bytes:
        wanted, at = [], 0
        for piece in self.pieces():
            if at >= end:
                break
            wanted.append(piece[max(0, start - at) : max(0, end - at)])
            at += len(piece)
        return b"".join(wanted)

    def pieces(self) -> Iterator[bytes]:
        return self.content.pieces(_PIECE_BYTES)


ArrivedMessage = InMemory | OnDisk


class Arrival:
    """Write it, then finish it, then take a message for each recipient; discard it in any case."""

    def __init__(
        self,
        store: Store,
        sender: str,
        recipients: Sequence[Recipient],
        via: Via,
        date: InternalDate,
        memory_bytes: int,
    ) -> None:
        self.sender = sender
        self.date = date
        self.via = via
        self._store = store
        self._only = recipients[0].address if len(recipients) == 1 else ""
        self._memory_bytes = memory_bytes
        self._limit_bytes = store.limits.max_message_bytes
        self._line_ends = LineEnds()
        self._hash = hashlib.sha256()
        self._head = bytearray()
        self._staged: Staged | None = None
        self._header = b""
        self._trace_bytes = 0
        self.size_bytes = 0
        self.raw_head = b""
        """The beginning of the message without our fields: its header block, unless that is enormous."""

    def write(self, data: bytes) -> None:
        """The next piece. Raises MessageTooBig, StoreUnavailable; then it can only be discarded."""
        data = self._line_ends.feed(data)
        self.size_bytes += len(data)
        if self.size_bytes > self._limit_bytes - TRACE_BYTES:
            raise MessageTooBig(self._limit_bytes - TRACE_BYTES)
        self._hash.update(data)
        if self._staged is not None:
            self._staged.write(data)
            return
        self._head += data
        if len(self._head) > self._memory_bytes:
            self._staged = self._store.stage()
            self._make_head()
            trace = trace_fields(self.sender, self._only, self.via, self.date)
            whole_head = trace + self.raw_head
            self._header = whole_head[: header_size(whole_head)]
            self._trace_bytes = len(trace)
            self._staged.write(whole_head)

    def finish(self) -> None:
        """Nothing more comes."""
        if self._staged is None:
            self._make_head()

    def discard(self) -> None:
        """Let go of what it holds; what was stored stays."""
        if self._staged is not None:
            self._staged.discard()

    def message_for(self, recipient: Recipient) -> ArrivedMessage:
        """The message as one recipient gets it."""
        if self._staged is not None:
            return OnDisk(self._staged, self._header, self._trace_bytes)
        trace = trace_fields(self.sender, recipient.address, self.via, self.date)
        return InMemory(trace + self.raw_head, len(trace))

    def stage_with(self, message: ArrivedMessage, raw_header: bytes) -> bytes | Staged:
        """The same message with another header block. What is staged is for the caller to discard."""
        if isinstance(message, InMemory):
            return raw_header + message.content[len(message.header) :]
        staged, skip = self._store.stage(), len(message.header)
        try:
            staged.write(raw_header)
            for piece in message.pieces():
                staged.write(piece[skip:])
                skip = max(0, skip - len(piece))
        except BaseException:
            staged.discard()
            raise
        return staged

    def retry_key(self, recipient: Recipient, addressee: Addressee) -> bytes | None:
        """Equal for the same bytes from the same sender to the same address; None for a message that can't be told
        from another one that only says the same, for it has no Message-ID."""
        header = self.raw_head[: header_size(self.raw_head)]
        if b"message-id:" not in header.lower():
            return None
        said = "\0".join((self.sender, recipient.address.lower(), addressee.account))
        return hashlib.sha256(said.encode("utf-8", "replace") + self._hash.digest()).digest()

    def _make_head(self) -> None:
        self.raw_head = untraced_head(bytes(self._head))
        self._head = bytearray()
