"""CPU time of the server's own code for each operation: conversation and store in this process, no TLS, no socket.

    .venv/bin/python -m bench.cpu                             5,000 messages, best of 5
    .venv/bin/python -m bench.cpu --only SELECT --profile     where one operation spends it (cProfile)

What is printed is process CPU time (all threads), so a busy machine disturbs it little. It holds what fsync and the
kernel cost in CPU, not the waiting. For figures beside another server see bench/run.py.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.figures import HEADERS, append_command
from bench.letters import letters

from pillarbox.auth.claims import Claim
from pillarbox.auth.contract import Attempt, Denied, Granted
from pillarbox.clock import SystemClock
from pillarbox.conversation import Peer
from pillarbox.events import NoEvents
from pillarbox.imap.conversation import ImapConversation
from pillarbox.imap.services import Services
from pillarbox.store.contract import AccountId, StoreLimits
from pillarbox.store.sqlite import open_store

GROUP = 50
_REST_SECONDS = 1.0
"""For what the store does when nothing else goes on, so that it is not counted with what is measured next."""
_TAIL_BYTES = 4_096
"""Longer than any tagged line."""


class AnyUser:
    """Lets everybody in."""

    async def decide(self, claim: Claim, attempt: Attempt) -> Granted | Denied:
        return Granted(AccountId("fred"), claim.login_name)

    def client_named(self, decision: int, client: str) -> None:
        pass


class Client:
    """One conversation, and the Outlet that it writes to."""

    def __init__(self, services: Services) -> None:
        self.peer = Peer("192.0.2.7", 40_000, "TLSv1.3")
        self.received_bytes = 0
        self._conversation = ImapConversation(services)
        self._tail = b""
        self._wake = asyncio.Event()
        self._count = 0
        self.task = asyncio.get_running_loop().create_task(self._conversation.run(self))

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.received_bytes += len(data)
        self._tail = (self._tail + bytes(data[-_TAIL_BYTES:]))[-_TAIL_BYTES:]
        self._wake.set()

    async def drain(self) -> None:
        return

    async def run(self, command: bytes) -> None:
        """Send, wait for the tagged OK."""
        self._count += 1
        tag = b"B%06d " % self._count
        data = memoryview(tag + command + b"\r\n")
        for at in range(0, len(data), 16_384):
            while not self._conversation.wants_input:
                await asyncio.sleep(0)
            self._conversation.receive(data[at : at + 16_384])
        while True:
            self._wake.clear()
            at = self._tail.rfind(tag)
            if at >= 0 and self._tail.endswith(b"\r\n"):
                break
            await self._wake.wait()
        if not self._tail.startswith(b"OK", at + len(tag)):
            raise AssertionError(self._tail[at:])


Step = Callable[[Client], Awaitable[None]]


def _command(text: bytes) -> Step:
    return lambda client: client.run(text)


async def _select(client: Client) -> None:
    await client.run(b"UNSELECT")
    await client.run(b"SELECT big")


async def _noop(client: Client) -> None:
    for _ in range(1_000):
        await client.run(b"NOOP")


async def _store_one(client: Client) -> None:
    for number in range(1, 101):
        await client.run(b"STORE %d +FLAGS (BenchOne)" % number)
    await client.run(b"STORE 1:100 -FLAGS.SILENT (BenchOne)")


async def _store_all(client: Client) -> None:
    await client.run(b"STORE 1:* +FLAGS.SILENT (BenchAll)")
    await client.run(b"STORE 1:* -FLAGS.SILENT (BenchAll)")


def _appending(size: int) -> Step:
    groups = [append_command(b"INBOX", list(letters(size))) for _ in range(400 // size)]

    async def append(client: Client) -> None:
        for group in groups:
            await client.run(group)

    return append


async def _copy_and_delete(client: Client) -> None:
    await client.run(b"CREATE some")
    await client.run(b"COPY 1:1000 some")
    await client.run(b"DELETE some")


async def _expunge_every_other(client: Client) -> None:
    await client.run(b"CREATE all")
    await client.run(b"COPY 1:* all")
    await client.run(b"SELECT all")
    odd = b",".join(b"%d" % number for number in range(1, 3_000, 2))
    await client.run(b"STORE %b +FLAGS.SILENT (\\Deleted)" % odd)
    await client.run(b"EXPUNGE")
    await client.run(b"SELECT big")
    await client.run(b"DELETE all")


STEPS: dict[str, tuple[Step, int]] = {
    "SELECT": (_select, 1),
    "NOOP": (_noop, 1_000),
    "FETCH FLAGS": (_command(b"FETCH 1:* (UID FLAGS)"), 1),
    "FETCH ENVELOPE": (_command(b"FETCH 1:* (ENVELOPE)"), 1),
    "FETCH BODYSTRUCTURE": (_command(b"FETCH 1:* (BODYSTRUCTURE)"), 1),
    "FETCH HEADER.FIELDS": (_command(HEADERS), 1),
    "FETCH BODY[]": (_command(b"FETCH 1:* (BODY.PEEK[])"), 1),
    "STORE all": (_store_all, 2),
    "STORE one": (_store_one, 100),
    "APPEND x 1": (_appending(1), 400),
    "MULTIAPPEND x 100": (_appending(100), 400),
    "COPY, DELETE 1000": (_copy_and_delete, 1),
    "EXPUNGE every other": (_expunge_every_other, 1),
    "SEARCH SUBJECT": (_command(b'SEARCH SUBJECT "lantern"'), 1),
    "SEARCH FROM": (_command(b'SEARCH FROM "example.org"'), 1),
    "SEARCH UNSEEN FLAGGED": (_command(b"SEARCH UNSEEN FLAGGED"), 1),
}
"""Name -> (what is done, how many units of work that is)."""


async def _fill(client: Client, count: int) -> float:
    """Seconds of CPU for each message."""
    mail = list(letters(count))
    await client.run(b"CREATE big")
    groups = [append_command(b"big", mail[start : start + GROUP]) for start in range(0, count, GROUP)]
    before = time.process_time()
    for group in groups:
        await client.run(group)
    return (time.process_time() - before) / count


async def _best(step: Step, client: Client, rounds: int) -> float:
    """Seconds of CPU of the quickest round."""
    best = float("inf")
    for _ in range(rounds):
        before = time.process_time()
        await step(client)
        best = min(best, time.process_time() - before)
    return best


async def _profile(step: Step, client: Client) -> None:
    profile = cProfile.Profile()
    profile.enable()
    await step(client)
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


async def measure(folder: Path, chosen: argparse.Namespace) -> None:
    """Fill a store and print what each operation costs."""
    clock, events = SystemClock(), NoEvents()
    store = await open_store(folder, StoreLimits(), clock, events)
    client = Client(Services(store, AnyUser(), clock, events))
    await client.run(b"LOGIN fred x")
    print(f"{'fill x 50, per message':32}{await _fill(client, chosen.messages) * 1e6:12.1f} us", flush=True)
    await client.run(b"SELECT big")
    before = time.process_time()
    await client.run(b"FETCH 1:* (ENVELOPE)")
    seconds = (time.process_time() - before) / chosen.messages
    print(f"{'ENVELOPE first time, per message':32}{seconds * 1e6:12.1f} us", flush=True)
    await asyncio.sleep(_REST_SECONDS)
    for name, (step, units) in STEPS.items():
        if chosen.only not in name:
            continue
        if chosen.profile:
            await _profile(step, client)
        print(f"{name:32}{await _best(step, client, chosen.rounds) / units * 1e6:12.1f} us", flush=True)
    await client.run(b"LOGOUT")
    await client.task
    await store.close()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="operations with this in their name")
    parser.add_argument("--profile", action="store_true", help="print where each operation spends its time")
    chosen = parser.parse_args(arguments)
    try:
        import uvloop
    except ImportError:
        loop_factory = asyncio.new_event_loop
    else:
        loop_factory = uvloop.new_event_loop
    with (
        tempfile.TemporaryDirectory(prefix="pillarbox-cpu-") as folder,
        asyncio.Runner(loop_factory=loop_factory) as runner,
    ):
        runner.run(measure(Path(folder), chosen))


if __name__ == "__main__":
    main()
