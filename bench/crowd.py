"""What thousands of connections cost a server in memory: logged in, with a mailbox open, and idling.

PSS of all its processes before and after, divided by the connections; after a restart, so that no server reuses memory
that earlier figures left, and with ten connections there already, so that what is loaded once doesn't count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.client import Peer, RawClient
from bench.peers import CROWD, pss_kib
from bench.report import Row

FIRST = 10
SMALL_BUFFER_BYTES = 16_384


class Guest(RawClient):
    """One of very many; keeps little."""

    def __init__(self, server: Peer) -> None:
        super().__init__(server, CROWD, SMALL_BUFFER_BYTES)

    def open(self) -> None:
        self.run(b"SELECT INBOX")

    def idle(self) -> None:
        self.start(b"IDLE")
        while b"+ " not in self._take():
            pass


def measure(servers: dict[str, Peer], counts: Sequence[int], rows: dict[str, Row]) -> None:
    """Adds rows: the server with ten connections, then each state at each count."""
    stages: Sequence[tuple[str, Callable[[Guest], None] | None]] = (
        ("logged in", None),
        ("mailbox open", Guest.open),
        ("idling", Guest.idle),
    )
    for name, server in servers.items():
        for count in counts:
            server.restart()
            guests = [Guest(server) for _ in range(FIRST)]
            before = pss_kib(server.process_id)
            rows.setdefault("memory of the server with 10 connections", Row("KiB")).values[name] = [before]
            guests += [Guest(server) for _ in range(count)]
            for stage, act in stages:
                if act is not None:
                    for guest in guests:
                        act(guest)
                row = rows.setdefault(f"memory per connection, {count:,} {stage}", Row("KiB"))
                row.values[name] = [(pss_kib(server.process_id) - before) / count]
            for guest in guests:
                guest.close()
