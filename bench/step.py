"""How fast devices hear of a change, and what catching up costs: Pillarbox and Dovecot side by side.

    .venv/bin/python -m bench.step                      1 and 500 idling clients, 20,000 messages, 20 rounds
    .venv/bin/python -m bench.step --idlers 1,100 --messages 5000

IDLE: from the moment at which a client sends the last octet of an APPEND until an idling client of the same mailbox
has `* n EXISTS`; one figure for each idler and round, half-way (p50) and at the slow end (p99). Pillarbox runs with two
workers, so half of the idlers hear of it from another process.

QRESYNC: a hundred changes (50 flags, 25 expunges, 25 arrivals) in a large mailbox, then SELECT with what the client
knew before: milliseconds and octets received.
"""

from __future__ import annotations

import argparse
import re
import selectors
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.client import Peer, RawClient
from bench.figures import append_command
from bench.letters import letters
from bench.peers import LOGIN
from tests.servers.dovecot import DovecotServer, Scheme
from tests.servers.pillarbox_server import PillarboxServer

PATIENCE_SECONDS = 30.0


class Idler(RawClient):
    """A client that idles and says when it was told of something."""

    def __init__(self, server: Peer, mailbox: bytes) -> None:
        super().__init__(server, LOGIN)
        self.run(b"SELECT " + mailbox)
        self.start(b"IDLE")
        while b"+ " not in self._take():
            pass

    def told(self) -> bool:
        """Take what came; True when that names arrivals."""
        self._tail = b""
        return b" EXISTS\r\n" in self._take()


def idle_seconds(server: Peer, idlers: int, rounds: int) -> list[float]:
    """From each APPEND to each idler's EXISTS."""
    writer = RawClient(server, LOGIN)
    mailbox = b"idle%d" % idlers
    writer.run(b"CREATE " + mailbox)
    waiting = [Idler(server, mailbox) for _ in range(idlers)]
    found: list[float] = []
    with selectors.DefaultSelector() as selector:
        for idler in waiting:
            selector.register(idler.socket, selectors.EVENT_READ, idler)
        for letter in letters(rounds):
            start = time.perf_counter()
            writer.start(append_command(mailbox, [letter]))
            found += _told_after(selector, start, idlers)
            while not writer.take_answered():
                pass
            time.sleep(0.05)  # let both servers come to rest: one letter at a time is what is measured
    for client in (writer, *waiting):
        client.close()
    return found


def _told_after(selector: selectors.BaseSelector, start: float, count: int) -> list[float]:
    told: dict[RawClient, float] = {}
    while len(told) < count:
        ready = selector.select(PATIENCE_SECONDS)
        if not ready:
            raise TimeoutError(f"{count - len(told)} of {count} idling clients were not told in {PATIENCE_SECONDS} s")
        for key, _ in ready:
            idler = key.data
            while True:
                if idler.told():
                    told.setdefault(idler, time.perf_counter() - start)
                if not idler.socket.pending():
                    break
    return list(told.values())


def resynchronise(server: Peer, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds and octets of the SELECT that tells of a hundred changes."""
    writer = RawClient(server, LOGIN)
    seconds, octets = [], []
    for number in range(rounds):
        device = RawClient(server, LOGIN)
        device.run(b"ENABLE QRESYNC")
        device.run(b"STATUS big (UIDVALIDITY HIGHESTMODSEQ)")
        known = {name: re.search(rf"{name} (\d+)", device.last_line) for name in ("UIDVALIDITY", "HIGHESTMODSEQ")}
        values = b" ".join(found[1].encode() for found in known.values() if found)
        _hundred_changes(writer, number)
        start = time.perf_counter()
        octets.append(device.run(b"SELECT big (QRESYNC (%b))" % values))
        seconds.append(time.perf_counter() - start)
        device.close()
    writer.close()
    return seconds, octets


def _hundred_changes(writer: RawClient, number: int) -> None:
    writer.run(b"SELECT big")
    for place in range(50):
        writer.run(b"STORE %d %bFLAGS (Changed)" % (100 + 7 * place, b"-" if number % 2 else b"+"))
    writer.run(b"STORE 1001:1025 +FLAGS.SILENT (\\Deleted)")
    writer.run(b"EXPUNGE")
    for letter in letters(25):
        writer.run(append_command(b"big", [letter]))


def fill(server: Peer, count: int) -> None:
    client = RawClient(server, LOGIN)
    client.run(b"CREATE big")
    mail = list(letters(count))
    for start in range(0, count, 100):
        client.run(append_command(b"big", mail[start : start + 100]))
    client.close()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idlers", default="1,500", help="how many clients idle, with commas")
    parser.add_argument("--messages", type=int, default=20_000, help="in the mailbox of the QRESYNC figure")
    parser.add_argument("--rounds", type=int, default=20)
    chosen = parser.parse_args(arguments)
    console = Console(width=120)
    table = Table(title=f"{chosen.rounds} rounds, {chosen.messages:,} messages, Pillarbox with two workers")
    for name in ("figure", "Pillarbox", "Dovecot", "ratio"):
        table.add_column(name, justify="left" if name == "figure" else "right")
    with ExitStack() as stack:
        config = Path(__file__).with_name("pillarbox.toml")
        servers: list[Peer] = [
            stack.enter_context(PillarboxServer(config=config, workers=2)),
            stack.enter_context(DovecotServer(scheme=Scheme.ARGON2ID)),
        ]
        for server in servers:
            server.add_account(*LOGIN)
        for idlers in map(int, chosen.idlers.split(",")):
            with console.status(f"{idlers} idling"):
                pairs = [_slow_ends(idle_seconds(server, idlers, chosen.rounds)) for server in servers]
            for place, name in enumerate(("p50", "p99")):
                _add(table, f"IDLE, {idlers} idling, {name}", [pair[place] * 1e3 for pair in pairs], "ms")
        with console.status("QRESYNC"):
            for server in servers:
                fill(server, chosen.messages)
            results = [resynchronise(server, chosen.rounds) for server in servers]
        _add(table, "QRESYNC after 100 changes", [statistics.median(result[0]) * 1e3 for result in results], "ms")
        _add(table, "QRESYNC after 100 changes, received", [statistics.median(result[1]) for result in results], "B")
    console.print(table)


def _slow_ends(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) * 99 // 100, len(ordered) - 1)]


def _add(table: Table, name: str, values: Sequence[float], unit: str) -> None:
    ours, theirs = values
    table.add_row(name, f"{ours:,.2f} {unit}", f"{theirs:,.2f} {unit}", f"{ours / theirs:.3f}")


if __name__ == "__main__":
    main()
