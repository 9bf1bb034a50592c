"""What all connections of one worker share, and the list of who is in.

Must never: do input or output, or know a protocol.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pillarbox.clock import Clock
from pillarbox.conversation import Conversation, Overture
from pillarbox.events import EventLog
from pillarbox.net.served import ServerTls
from pillarbox.net.settings import NetSettings
from pillarbox.net.tally import Share, own_share


@dataclass(slots=True)
class Visit:
    """The record of one connection, from accept to close."""

    address: str
    port: int
    started_seconds: float
    tls_version: str = ""
    bytes_in: int = 0
    """Without TLS's own."""
    bytes_out: int = 0


class Guest(Protocol):
    """A connection in any state, as the server sees it."""

    def sweep(self, now_seconds: float) -> None:
        """Look at the time-outs."""
        ...

    def part(self, reason: str) -> None:
        """End politely: finish what runs, say goodbye, close."""
        ...

    def abort(self, reason: str) -> None:
        """End now."""
        ...


class Hall:
    """One worker's shared things. Everything here belongs to the loop's thread."""

    __slots__ = (
        "_addresses",
        "_empty",
        "_guests",
        "buffer",
        "clock",
        "events",
        "loop",
        "make_conversation",
        "make_overture",
        "settings",
        "tls",
    )

    def __init__(
        self,
        tls: ServerTls | None,
        make_conversation: Callable[[], Conversation],
        settings: NetSettings,
        clock: Clock,
        events: EventLog,
        make_overture: Callable[[], Overture] | None = None,
        addresses: Share | None = None,
    ) -> None:
        """Call on the loop's thread. Without `tls` connections are plain; with an overture TLS begins in its course.
        `addresses` counts connections together with other processes; None: those of this hall alone."""
        self.loop = asyncio.get_running_loop()
        self.tls = tls
        self.make_conversation = make_conversation
        self.make_overture = make_overture
        self.settings = settings
        self.clock = clock
        self.events = events
        self.buffer = memoryview(bytearray(settings.receive_buffer_bytes))
        """Every read goes here; its content counts until the next read of any connection."""
        self._guests: set[Guest] = set()
        self._addresses = addresses or own_share()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._guests)

    def __iter__(self) -> Iterator[Guest]:
        """Everybody who is in, also when some leave meanwhile."""
        return iter(tuple(self._guests))

    def refusal(self, address: str) -> str:
        """Why a connection from this address can't come in, or ""."""
        if full := self.refusal_of_all():
            return full
        if self._addresses.count(network_of(address)) >= self.settings.max_connections_per_address:
            return "too many connections from this address"
        return ""

    def refusal_of_all(self) -> str:
        """Why nobody can come in, or ""."""
        return "too many connections" if len(self._guests) >= self.settings.max_connections else ""

    def enter(self, guest: Guest, visit: Visit) -> None:
        """A connection was accepted."""
        self._guests.add(guest)
        self._addresses.add(network_of(visit.address))
        self._empty.clear()

    def replace(self, guest: Guest, successor: Guest) -> None:
        """The same visit goes on with another object."""
        self._guests.discard(guest)
        self._guests.add(successor)

    def hand_over(self, guest: Guest, visit: Visit) -> None:
        """The same visit goes on with another object, which enters by itself."""
        self._guests.discard(guest)
        self._addresses.take(network_of(visit.address))

    def leave(self, guest: Guest, visit: Visit, reason: str) -> None:
        """A connection is over; once for each visit."""
        self._guests.discard(guest)
        self._addresses.take(network_of(visit.address))
        if not self._guests:
            self._empty.set()
        self.events.info(
            "connection.ended",
            address=visit.address,
            port=visit.port,
            tls=visit.tls_version,
            seconds=round(self.clock.monotonic_seconds() - visit.started_seconds, 3),
            bytes_in=visit.bytes_in,
            bytes_out=visit.bytes_out,
            reason=reason,
        )

    async def wait_until_empty(self) -> None:
        """Return when nobody is in."""
        await self._empty.wait()


def network_of(address: str) -> bytes:
    """What counts as one address: an IPv4 address, or the /64 network that one IPv6 customer has at least."""
    if ":" in address:
        return socket.inet_pton(socket.AF_INET6, address)[:8]
    return address.encode()


def plain_address(address: str) -> str:
    """An address as the kernel gives it, without a zone, and IPv4 as IPv4 when it came in through an IPv6 socket."""
    address = address.partition("%")[0]
    mapped = address.removeprefix("::ffff:")
    return mapped if "." in mapped else address
