"""What is measured: each figure prepares, runs and cleans up on one server, and returns seconds for one unit of work.

Must never: let preparation be timed, or leave a server in another state than it was found in.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.client import Peer, RawClient, run_side_by_side
from bench.letters import Letter

MANY = 5_000
"""Full bodies fetched, at most."""
SOME = 1_000
"""Messages copied, moved and expunged, at most."""


@dataclass(slots=True)
class Bench:
    """One server under measurement: a filled mailbox `big`, selected by `client`."""

    server: Peer
    login: tuple[str, str]
    client: RawClient
    messages: int
    letters: Sequence[Letter]
    """Some to append."""
    serial: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def fresh_mailbox(self) -> bytes:
        """A new, empty mailbox."""
        name = b"fresh%d" % next(self.serial)
        self.client.run(b"CREATE " + name)
        return name

    def timed(self, command: bytes) -> float:
        """Seconds for one command."""
        start = time.perf_counter()
        self.client.run(command)
        return time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    run: Callable[[Bench], float]
    """Seconds."""
    unit: str = "ms"
    """`ms`, or `us` where one unit of work is that small."""


def command(name: str, text: bytes) -> Figure:
    """A figure of one command on the selected mailbox."""
    return Figure(name, lambda bench: bench.timed(text))


def select(bench: Bench) -> float:
    bench.client.run(b"UNSELECT")
    return bench.timed(b"SELECT big")


def bodies(bench: Bench) -> float:
    return bench.timed(b"FETCH 1:%d (BODY.PEEK[])" % min(MANY, bench.messages))


def store_all(bench: Bench) -> float:
    """Sets a flag that some have, then takes it away: the mean of the two."""
    added = bench.timed(b"STORE 1:* +FLAGS.SILENT (BenchAll)")
    return (added + bench.timed(b"STORE 1:* -FLAGS.SILENT (BenchAll)")) / 2


def store_one(bench: Bench) -> float:
    times = [bench.timed(b"STORE %d +FLAGS (BenchOne)" % number) for number in range(100, 200)]
    bench.client.run(b"STORE 100:199 -FLAGS.SILENT (BenchOne)")
    return sum(times) / len(times)


def append_command(mailbox: bytes, letters: Sequence[Letter]) -> bytes:
    """One APPEND of one or more messages with non-synchronising literals."""
    messages = [
        b'(%s) "%s" {%d+}\r\n%s'
        % (letter.flags.encode(), letter.internal_date.encode(), len(letter.content), letter.content)
        for letter in letters
    ]
    return b"APPEND %s %s" % (mailbox, b" ".join(messages))


def append(connections: int) -> Callable[[Bench], float]:
    """Seconds per message, one message per APPEND, on so many connections."""

    def run(bench: Bench) -> float:
        mailbox = bench.fresh_mailbox()
        clients = [RawClient(bench.server, bench.login) for _ in range(connections)]
        commands = [append_command(mailbox, [letter]) for letter in bench.letters[:400]]
        start = time.perf_counter()
        answered = run_side_by_side(clients, iter(commands))
        seconds = time.perf_counter() - start
        for client in clients:
            client.close()
        bench.client.run(b"DELETE " + mailbox)
        return seconds / answered

    return run


def multiappend(bench: Bench) -> float:
    """Seconds per message, 100 messages per APPEND."""
    mailbox = bench.fresh_mailbox()
    letters = bench.letters[:400]
    groups = [letters[start : start + 100] for start in range(0, len(letters), 100)]
    seconds = sum(bench.timed(append_command(mailbox, group)) for group in groups)
    bench.client.run(b"DELETE " + mailbox)
    return seconds / len(letters)


def copy(bench: Bench) -> float:
    mailbox = bench.fresh_mailbox()
    seconds = bench.timed(b"COPY 1:%d %s" % (min(SOME, bench.messages), mailbox))
    bench.client.run(b"DELETE " + mailbox)
    return seconds


def move(bench: Bench) -> float:
    source, destination = bench.fresh_mailbox(), bench.fresh_mailbox()
    bench.client.run(b"COPY 1:%d %s" % (min(SOME, bench.messages), source))
    bench.client.run(b"SELECT " + source)
    seconds = bench.timed(b"MOVE 1:* " + destination)
    _back(bench, source, destination)
    return seconds


def expunge(bench: Bench) -> float:
    mailbox = bench.fresh_mailbox()
    bench.client.run(b"COPY 1:%d %s" % (min(SOME, bench.messages), mailbox))
    bench.client.run(b"SELECT " + mailbox)
    bench.client.run(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
    seconds = bench.timed(b"EXPUNGE")
    _back(bench, mailbox)
    return seconds


def _back(bench: Bench, *mailboxes: bytes) -> None:
    bench.client.run(b"SELECT big")
    for mailbox in mailboxes:
        bench.client.run(b"DELETE " + mailbox)


def login(bench: Bench) -> float:
    """Seconds for connect, TLS handshake and LOGIN of a user who was here before, one after another."""
    start = time.perf_counter()
    for _ in range(20):
        RawClient(bench.server, bench.login).close()
    return (time.perf_counter() - start) / 20


def noop(bench: Bench) -> float:
    start = time.perf_counter()
    for _ in range(1_000):
        bench.client.run(b"NOOP")
    return (time.perf_counter() - start) / 1_000


HEADERS = b"FETCH 1:* (BODY.PEEK[HEADER.FIELDS (FROM TO CC SUBJECT DATE MESSAGE-ID)])"

FIRST = (
    command("FETCH 1:* ENVELOPE, first time", b"FETCH 1:* (ENVELOPE)"),
    command("FETCH 1:* BODYSTRUCTURE, first time", b"FETCH 1:* (BODYSTRUCTURE)"),
    command("FETCH 1:* HEADER.FIELDS, first time", HEADERS),
    command("SEARCH TEXT, no hit, first time", b'SEARCH TEXT "zzyzx nowhere"'),
)
"""Run once, right after filling, before everything else."""

FIGURES = (
    Figure("SELECT", select),
    command("FETCH 1:* (UID FLAGS)", b"FETCH 1:* (UID FLAGS)"),
    command("FETCH 1:* ENVELOPE", b"FETCH 1:* (ENVELOPE)"),
    command("FETCH 1:* BODYSTRUCTURE", b"FETCH 1:* (BODYSTRUCTURE)"),
    command("FETCH 1:* HEADER.FIELDS", HEADERS),
    Figure(f"FETCH 1:{MANY} BODY.PEEK[]", bodies),
    Figure("STORE 1:* one flag", store_all),
    Figure("STORE one message", store_one, "us"),
    Figure("APPEND, 1 connection, per message", append(1), "us"),
    Figure("APPEND, 8 connections, per message", append(8), "us"),
    Figure("MULTIAPPEND x 100, per message", multiappend, "us"),
    Figure(f"COPY {SOME}", copy),
    Figure(f"MOVE {SOME}", move),
    Figure(f"EXPUNGE {SOME}", expunge),
    command("SEARCH TEXT, no hit", b'SEARCH TEXT "zzyzx nowhere"'),
    command("SEARCH TEXT, a common word", b'SEARCH TEXT "lantern"'),
    command("SEARCH SUBJECT", b'SEARCH SUBJECT "lantern"'),
    command("SEARCH UNSEEN FLAGGED", b"SEARCH UNSEEN FLAGGED"),
    Figure("connect, TLS, LOGIN", login),
    Figure("NOOP round trip", noop, "us"),
)
"""Run in every round."""
