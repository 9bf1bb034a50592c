"""A client that sends without end costs the server a bounded amount of memory (security.md, attacks 2 and 12)."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Iterator

import pytest

from pillarbox.imap.limits import ImapLimits
from tests.properties.commands import LOGIN
from tests.properties.recorder import converse, read_all
from tests.transcripts.memory import MemoryStage

PIECE_BYTES = 16 * 1024
MEGABYTE = 1024 * 1024

ENDLESS = {
    "a line without end": (b"a1 SEARCH " + b"x" * PIECE_BYTES, 8 * MEGABYTE),
    "parentheses": (b"(" * PIECE_BYTES, 8 * MEGABYTE),
    "quotes": (b'"' * PIECE_BYTES, 8 * MEGABYTE),
    "a literal beyond all limits": (b"a1 CREATE {99999999+}\r\n" + b"z" * PIECE_BYTES, 8 * MEGABYTE),
    "sequence sets": (b"a1 FETCH " + b"1,2:3," * (PIECE_BYTES // 6), 8 * MEGABYTE),
    "keys": (b"a1 SEARCH " + b"NOT (OR SEEN " * (PIECE_BYTES // 13), 8 * MEGABYTE),
    "literals in one command": (b"a {100+}\r\n" + b"y" * 100, MEGABYTE),
    "commands": (b"a1 NOOP\r\n" * (PIECE_BYTES // 9), MEGABYTE // 8),
    "nonsense lines": (b"\xff\xfe\r\n" * (PIECE_BYTES // 4), MEGABYTE // 8),
    "empty lines": (b"\r\n" * (PIECE_BYTES // 2), MEGABYTE // 8),
    "empty literals": (b"{0+}\r\n" * (PIECE_BYTES // 6), MEGABYTE // 8),
}
"""What is sent again and again, and how much of it (many small things take long, not much room)."""


class Endless:
    """The same piece again and again, and how much memory it took at most."""

    def __init__(self, first: bytes, piece: bytes, size_bytes: int) -> None:
        self._first = first
        self._piece = piece
        self._left = size_bytes
        self.peak_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        tracemalloc.reset_peak()
        start = tracemalloc.get_traced_memory()[0]
        while self._left > 0:
            self._left -= len(self._piece)
            yield self._piece
            self.peak_bytes = max(self.peak_bytes, tracemalloc.get_traced_memory()[1] - start)


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    """Count allocations for this test alone."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("who", ["stranger", "user"])
@pytest.mark.parametrize("name", ENDLESS)
async def test_endless_input_takes_bounded_memory(name: str, who: str) -> None:
    stage = MemoryStage()
    flood = Endless(LOGIN if who == "user" else b"", *ENDLESS[name])
    said = await converse(stage.services, flood)
    assert stage.events.bugs == []
    limits = ImapLimits()
    room = limits.command_bytes + limits.drain_bytes if who == "user" else 8 * limits.line_bytes_before_login
    assert flood.peak_bytes < room + len(said) * 2 + MEGABYTE // 2
    read_all(said)


async def test_a_client_that_reads_nothing_is_not_read_from() -> None:
    """wants_input goes down while commands wait, so the connection's buffer, not ours, fills."""
    stage = MemoryStage()
    connection = await stage.connect()
    conversation = connection.conversation
    taken = 0
    while conversation.wants_input and taken < 10 * MEGABYTE:
        conversation.receive(memoryview(b"a1 NOOP\r\n" * 100))
        taken += 900
    assert taken < MEGABYTE
    async with asyncio.timeout(20):
        await connection.close()
