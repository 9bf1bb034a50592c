"""What is measured: each figure prepares, runs and cleans up on one server, and returns seconds for one unit of work.

Must never: let preparation be timed, or leave a server in another state than it was found in.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from bench.client import Peer, RawClient, run_side_by_side
from bench.letters import Letter
from bench.peers import CROWD, LOGIN

MANY = 5_000
"""Full bodies fetched, at most."""
SOME = 1_000
"""Messages copied, moved and expunged, at most."""
SEEN_BEFORE = 8
"""Logins before any is timed, so that every worker has met the person."""
GROUP = 50
"""Messages of one MULTIAPPEND, and APPENDs sent in one go."""


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


def select_again(bench: Bench) -> float:
    """Another client's, while this one has it open."""
    other = RawClient(bench.server, bench.login)
    start = time.perf_counter()
    other.run(b"SELECT big")
    seconds = time.perf_counter() - start
    other.close()
    return seconds


def select_cold(bench: Bench) -> float:
    """The first after the server was started anew; what the kernel keeps of its files stays."""
    bench.client.close()
    bench.server.restart()
    bench.client = RawClient(bench.server, bench.login)
    return bench.timed(b"SELECT big")


def condstore(bench: Bench) -> float:
    """FETCH CHANGEDSINCE after a hundred flags changed."""
    bench.client.run(b"STATUS big (HIGHESTMODSEQ)")
    found = re.search(r"HIGHESTMODSEQ (\d+)", bench.client.last_line)
    assert found is not None
    for number in range(200, 300):
        bench.client.run(b"STORE %d +FLAGS.SILENT (BenchSome)" % number)
    seconds = bench.timed(b"FETCH 1:* (FLAGS) (CHANGEDSINCE %b)" % found[1].encode())
    bench.client.run(b"STORE 200:299 -FLAGS.SILENT (BenchSome)")
    return seconds


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


def pipelined_append(bench: Bench) -> float:
    """Seconds per message, one APPEND for each, fifty of them sent without waiting for an answer."""
    mailbox = bench.fresh_mailbox()
    letters = bench.letters[:400]
    seconds = 0.0
    for at in range(0, len(letters), GROUP):
        commands = [append_command(mailbox, [letter]) for letter in letters[at : at + GROUP]]
        start = time.perf_counter()
        bench.client.run_pipelined(commands)
        seconds += time.perf_counter() - start
    bench.client.run(b"DELETE " + mailbox)
    return seconds / len(letters)


def multiappend(bench: Bench) -> float:
    """Seconds per message, fifty messages per APPEND."""
    mailbox = bench.fresh_mailbox()
    letters = bench.letters[:400]
    groups = [letters[start : start + GROUP] for start in range(0, len(letters), GROUP)]
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


def login(clients: int, person: tuple[str, str]) -> Callable[[Bench], float]:
    """Seconds for connect, TLS handshake, LOGIN of a user who was here before, and LOGOUT; so many at a time."""

    def run(bench: Bench) -> float:
        def one(_: int) -> None:
            client = RawClient(bench.server, person)
            client.run(b"LOGOUT")
            client.close()

        for number in range(SEEN_BEFORE):
            one(number)
        count = max(20, 2 * clients)
        start = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(one, range(count)))
        return (time.perf_counter() - start) / count

    return run


def noop(clients: int) -> Callable[[Bench], float]:
    """Seconds for each round trip, so many clients asking at a time."""

    def run(bench: Bench) -> float:
        asking = [RawClient(bench.server, bench.login) for _ in range(clients)]
        for client in asking:
            client.run(b"SELECT big")
        start = time.perf_counter()
        if clients == 1:
            for _ in range(1_000):
                asking[0].run(b"NOOP")
        else:
            run_side_by_side(asking, itertools.repeat(b"NOOP", 3_000))
        seconds = (time.perf_counter() - start) / (1_000 if clients == 1 else 3_000)
        for client in asking:
            client.close()
        return seconds

    return run


HEADERS = b"FETCH 1:* (BODY.PEEK[HEADER.FIELDS (FROM TO CC SUBJECT DATE MESSAGE-ID)])"
ENVELOPE = b"FETCH 1:* (ENVELOPE INTERNALDATE RFC822.SIZE)"

FIRST = (
    command("FETCH 1:* (UID FLAGS), first time", b"FETCH 1:* (UID FLAGS)"),
    command("FETCH 1:* ENVELOPE DATE SIZE, first time", ENVELOPE),
    command("FETCH 1:* BODYSTRUCTURE, first time", b"FETCH 1:* (BODYSTRUCTURE)"),
    command("FETCH 1:* HEADER.FIELDS, first time", HEADERS),
    command("SEARCH TEXT, no hit, first time", b'SEARCH TEXT "zzyzx nowhere"'),
)
"""Run once, right after filling, before everything else."""

SEARCHES = (
    command("SEARCH SUBJECT", b'SEARCH SUBJECT "lantern"'),
    command("SEARCH FROM", b"SEARCH FROM emre"),
    command("SEARCH SINCE", b"SEARCH SINCE 1-Jan-2022"),
    command("SEARCH UNSEEN FLAGGED", b"SEARCH UNSEEN FLAGGED"),
    command("SEARCH TEXT, no hit", b'SEARCH TEXT "zzyzx nowhere"'),
    command("SEARCH BODY, a rare text", b'SEARCH BODY "lantern harbour willow"'),
    command("SEARCH BODY, a common word", b"SEARCH BODY lantern"),
    command("SEARCH BODY, mid-word", b"SEARCH BODY anter"),
    command("SORT DATE", b"SORT (DATE) UTF-8 ALL"),
    command("SORT SUBJECT", b"SORT (SUBJECT) UTF-8 ALL"),
    command("THREAD REFERENCES", b"THREAD REFERENCES UTF-8 ALL"),
)

FIGURES = (
    Figure("SELECT", select),
    Figure("SELECT, open elsewhere", select_again),
    command("FETCH 1:* (UID FLAGS)", b"FETCH 1:* (UID FLAGS)"),
    command("FETCH 1:* ENVELOPE DATE SIZE", ENVELOPE),
    command("FETCH 1:* BODYSTRUCTURE", b"FETCH 1:* (BODYSTRUCTURE)"),
    command("FETCH 1:* HEADER.FIELDS", HEADERS),
    Figure(f"FETCH 1:{MANY} BODY.PEEK[]", bodies),
    Figure("FETCH CHANGEDSINCE, 100 changes", condstore),
    Figure("STORE 1:* one flag", store_all),
    Figure("STORE one message", store_one, "us"),
    Figure("APPEND, 1 connection, per message", append(1), "us"),
    Figure("APPEND, 8 connections, per message", append(8), "us"),
    Figure(f"APPEND, {GROUP} pipelined, per message", pipelined_append, "us"),
    Figure(f"MULTIAPPEND x {GROUP}, per message", multiappend, "us"),
    Figure(f"COPY {SOME}", copy),
    Figure(f"MOVE {SOME}", move),
    Figure(f"EXPUNGE {SOME}", expunge),
    *SEARCHES,
    *(
        Figure(f"TLS, LOGIN, LOGOUT, {clients} client{'s' * (clients > 1)}{which}", login(clients, person))
        for person, which in ((LOGIN, ""), (CROWD, ", password in clear there"))
        for clients in (1, 8, 32)
    ),
    Figure("NOOP round trip, 1 client", noop(1), "us"),
    Figure("NOOP, 32 clients, each", noop(32), "us"),
)
"""Run in every round."""

LAST = (Figure("SELECT after a restart", select_cold),)
"""Run in every round after all else, for it starts the server anew."""
