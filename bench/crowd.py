"""What thousands of connections cost a server in memory: logged in, with a mailbox open, and idling.

PSS of all its processes before and after, divided by the connections; after a restart, so that no server reuses memory
that earlier figures left, and with ten connections there already, so that what is loaded once doesn't count. Dovecot
is measured once: its stores differ on disk, not in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.client import Peer, RawClient, Refused
from bench.peers import CROWD, pss_kib
from bench.report import Row
from rich.console import Console

FIRST = 10
SMALL_BUFFER_BYTES = 16_384
MEASURED = {"Pillarbox": 10_000, "Dovecot": 10_000, "Cyrus": 2_000}
"""Beside whom: how Dovecot stores mail makes no difference to whoever waits or idles. With
how many at most: 5,000 would take 16 GB of Cyrus, which has a process for each."""


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


STAGES: Sequence[tuple[str, Callable[[Guest], None]]] = (
    ("logged in", lambda guest: None),
    ("mailbox open", Guest.open),
    ("idling", Guest.idle),
)


def measure(servers: dict[str, Peer], counts: Sequence[int], rows: dict[str, Row], console: Console) -> None:
    """Adds rows: the server with ten connections, then each state at each count. Says which server took no more."""
    for name, most in MEASURED.items():
        for count in [count for count in counts if name in servers and count <= most]:
            guests: list[Guest] = []
            try:
                _measure(servers[name], name, count, rows, guests)
            except (OSError, Refused) as error:
                console.print(f"{name}, {count:,} connections: no more after {len(guests):,} ({error})")
            for guest in guests:
                guest.close()


def _measure(server: Peer, name: str, count: int, rows: dict[str, Row], guests: list[Guest]) -> None:
    server.restart()
    for _ in range(FIRST):
        guests.append(Guest(server))
    before = pss_kib(server.process_id)
    rows.setdefault("memory of the server with 10 connections", Row("KiB")).values[name] = [before]
    for _ in range(count):
        guests.append(Guest(server))
    for stage, act in STAGES:
        for guest in guests:
            act(guest)
        row = rows.setdefault(f"memory per connection, {count:,} {stage}", Row("KiB"))
        row.values[name] = [(pss_kib(server.process_id) - before) / count]
