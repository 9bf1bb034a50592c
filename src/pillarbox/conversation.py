"""What the connection layer and a protocol room know of each other.

`net` owns sockets, TLS, buffers and time-outs; a conversation (imap, later lmtp) owns the protocol and never
sees a socket. The room lies below both, so that neither needs to know the other.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


class ChannelBindings(Protocol):
    """What both ends of one TLS connection know, and nobody in between (RFC 5056)."""

    @property
    def types(self) -> Sequence[str]:
        """Those that there are for the connection, by their names with IANA."""
        ...

    def data(self, binding_type: str) -> bytes:
        """The octets; empty for a type that there is not."""
        ...


class Unbound:
    """ChannelBindings of a connection that has none."""

    __slots__ = ()

    @property
    def types(self) -> Sequence[str]:
        return ()

    def data(self, binding_type: str) -> bytes:
        return b""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as far as the connection knows."""

    address: str
    """IP address text, no zone; or "local" for a Unix socket or a test in memory."""
    port: int
    tls_version: str = ""
    tls_cipher: str = ""
    server_name: str = ""
    """SNI, empty when there was none."""
    certificate: bytes = b""
    """DER, the client's, verified against the authorities that the door names; empty when there is none."""
    bindings: ChannelBindings = field(default_factory=Unbound, compare=False)
    """Of the connection."""


class Phase(enum.Enum):
    """Which time-out applies."""

    LOGIN = "login"
    """Nobody is logged in yet: the connection has `login_timeout_seconds` from its start, whatever it sends."""
    OPEN = "open"
    """Logged in: `idle_timeout_seconds` without a byte from the client."""
    OVER = "over"
    """The conversation has said its last word: send what is buffered, then close."""


class Outlet(Protocol):
    """Where a conversation writes to."""

    @property
    def peer(self) -> Peer:
        """Who is at the other end."""
        ...

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Queue bytes to be sent. Never blocks, never raises; after the peer is gone it does nothing.

        A memoryview must stay unchanged until it was sent.
        """
        ...

    async def drain(self) -> None:
        """Send what is queued; return as soon as less than the high-water mark waits.

        Raises ConnectionError when the peer is gone or took nothing for too long: the conversation ends.
        """
        ...


class Conversation(Protocol):
    """One client's talk, bytes in and bytes out."""

    @property
    def phase(self) -> Phase:
        """Where the talk stands; changes between calls."""
        ...

    @property
    def wants_input(self) -> bool:
        """False while enough commands wait: the connection stops reading until `run` has caught up
        (it asks again after each drain and before each read)."""
        ...

    def receive(self, data: memoryview) -> None:
        """Bytes from the client; consumed or copied before it returns. Never raises for bad input."""
        ...

    def receive_eof(self) -> None:
        """The client will send no more."""
        ...

    async def run(self, outlet: Outlet) -> None:
        """Greet, serve until the talk is over, return. Raises only ConnectionError from the outlet,
        or a bug, which the connection logs and closes on."""
        ...

    def keep_alive(self) -> None:
        """Called when nothing was sent for a while; the conversation may write something harmless."""
        ...

    def reassure(self) -> None:
        """Called every second or so; the conversation may tell a client that waits for an answer that work goes on."""
        ...

    def end(self, reason: str) -> None:
        """Finish the running command, say goodbye (`* BYE reason`) and end. For shutdown and time-outs."""
        ...


class Then(enum.Enum):
    """What comes after an answer in clear."""

    MORE = "more"
    TLS = "tls"
    """The TLS handshake; nothing that came in clear may be left unread."""
    OVER = "over"


class Overture(Protocol):
    """What is said in clear before TLS begins (STARTTLS); then a Conversation starts anew."""

    def greeting(self) -> bytes:
        """The first words."""
        ...

    def receive(self, data: bytes) -> tuple[bytes, Then]:
        """The answer to some bytes of the client, and what comes then. Never raises for bad input."""
        ...
