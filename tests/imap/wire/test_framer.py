"""Framing: lines and literals become whole commands, whatever way the bytes arrive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.imap.wire.framer import (
    Event,
    FrameLimits,
    Framer,
    GoAhead,
    Hopeless,
    Literal,
    NoRoom,
    RawCommand,
    Rejected,
    Room,
)
from pillarbox.mail.errors import StoreUnavailable


def limits() -> FrameLimits:
    return FrameLimits(line_bytes=100, drain_bytes=50, literals=3, spilled_literals=1)


def up_to_ten(text: bytes, size: int, held_bytes: int) -> Room | NoRoom:
    return Room() if size <= 10 else NoRoom("too large", "TOOBIG")


def events_of(pieces: list[bytes], policy=up_to_ten) -> list[Event]:
    framer = Framer(policy)
    found: list[Event] = []
    for piece in pieces:
        framer.feed(memoryview(piece))
        while (event := framer.pull(limits())) is not None:
            found.append(event)
    return found


def test_a_line_is_a_command() -> None:
    assert events_of([b"A NOOP\r\n"]) == [RawCommand((b"A NOOP",))]


def test_a_bare_line_feed_ends_a_line() -> None:
    assert events_of([b"A NOOP\nB NOOP\n"]) == [RawCommand((b"A NOOP",)), RawCommand((b"B NOOP",))]


def test_a_synchronising_literal_gets_a_go_ahead() -> None:
    assert events_of([b"A LOGIN {3}\r\n", b"abc", b" {2}\r\n", b"xy\r\n"]) == [
        GoAhead(),
        GoAhead(),
        RawCommand((b"A LOGIN ", b" ", b""), (Literal(b"abc", False), Literal(b"xy", False))),
    ]


def test_a_non_synchronising_literal_needs_none() -> None:
    assert events_of([b"A LOGIN {3+}\r\nabc ~{2+}\r\nxy\r\n"]) == [
        RawCommand((b"A LOGIN ", b" ", b""), (Literal(b"abc", False), Literal(b"xy", True))),
    ]


def test_an_empty_literal_is_a_literal() -> None:
    assert events_of([b"A X {0+}\r\n\r\n"]) == [RawCommand((b"A X ", b""), (Literal(b"", False),))]


def test_a_literal_may_hold_what_looks_like_commands() -> None:
    assert events_of([b"A X {7+}\r\nB Y\r\nC \r\n"]) == [RawCommand((b"A X ", b""), (Literal(b"B Y\r\nC ", False),))]


def test_a_refused_synchronising_literal_ends_its_command() -> None:
    assert events_of([b"A X {11}\r\n", b"B NOOP\r\n"]) == [
        Rejected(b"A", "too large", "TOOBIG"),
        RawCommand((b"B NOOP",)),
    ]


def test_a_refused_literal_that_comes_anyway_is_dropped_with_its_command() -> None:
    assert events_of([b"A X {11+}\r\nB LOGOUT\r\n\r {4+}\r\n1234 rest\r\nC NOOP\r\n"]) == [
        Rejected(b"A", "too large", "TOOBIG"),
        RawCommand((b"C NOOP",)),
    ]


def test_a_refused_literal_too_large_to_drop_is_hopeless() -> None:
    assert events_of([b"A X {51+}\r\n"]) == [Hopeless("too large")]


def test_too_many_literals_are_rejected() -> None:
    assert events_of([b"A X {0+}\r\n {0+}\r\n {0+}\r\n {0+}\r\n\r\nB NOOP\r\n"]) == [
        Rejected(b"A", "Too many literals in one command", "LIMIT"),
        RawCommand((b"B NOOP",)),
    ]


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_line_over_the_limit_is_dropped_and_its_tag_answered(end: bytes) -> None:
    assert events_of([b"A X " + b"y" * 200 + end + b"B NOOP" + end]) == [
        Rejected(b"A", "The command line is too long", "TOOBIG"),
        RawCommand((b"B NOOP",)),
    ]


def test_an_endless_line_is_not_buffered() -> None:
    framer = Framer(up_to_ten)
    rejected = 0
    for _ in range(1000):
        framer.feed(memoryview(b"(" * 1000))
        while (event := framer.pull(limits())) is not None:
            assert isinstance(event, Rejected)
            rejected += 1
        assert framer.unread_bytes <= 100
    assert rejected == 1


def test_a_line_over_the_limit_after_a_literal_drops_the_whole_command() -> None:
    assert events_of([b"A X {2+}\r\nab " + b"y" * 200 + b"\r\nB NOOP\r\n"]) == [
        Rejected(b"A", "The command line is too long", "TOOBIG"),
        RawCommand((b"B NOOP",)),
    ]


def test_what_is_not_pulled_waits_for_the_mode_it_is_pulled_in() -> None:
    framer = Framer(up_to_ten)
    framer.feed(memoryview(b"A IDLE\r\nDONE {3}\r\nB NOOP\r\n"))
    assert framer.pull(limits()) == RawCommand((b"A IDLE",))
    assert framer.pull_line(limits()) == b"DONE {3}"
    assert framer.pull(limits()) == RawCommand((b"B NOOP",))


@dataclass
class FullDisk:
    size_bytes: int = 0
    discarded: int = field(default=0)

    def write(self, data: bytes | memoryview) -> None:
        self.size_bytes += len(data)
        if self.size_bytes > 4:
            raise StoreUnavailable("No room left")

    def pieces(self, size: int) -> Iterator[bytes]:
        raise StoreUnavailable("No room left")

    def discard(self) -> None:
        self.discarded += 1


def test_a_spill_that_fails_refuses_the_command_and_keeps_in_step() -> None:
    disk = FullDisk()
    events = events_of([b"A APPEND {6+}\r\n", b"abc", b"def\r\nB NOOP\r\n"], lambda *_: Room(disk))
    assert events == [Rejected(b"A", "No room left", "UNAVAILABLE", bad=False), RawCommand((b"B NOOP",))]
    assert disk.discarded >= 1


def test_a_closed_framer_discards_what_was_spilled() -> None:
    disk = FullDisk()
    framer = Framer(lambda *_: Room(disk))
    framer.feed(memoryview(b"A APPEND {6+}\r\nab"))
    assert framer.pull(limits()) is None
    framer.close()
    assert disk.discarded == 1


STREAM = (
    b"A NOOP\r\nB LOGIN {3+}\r\na\r\n ~{2+}\r\nxy\r\n\r\nC X {11+}\r\n0123456789A\r\n"
    + b"D "
    + b"z" * 150
    + b"\r\nE Y {4}\r\nabcd\r\nF LOGOUT\r\n"
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_any_split_gives_the_same_events(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in pairwise(places)]
    assert events_of(pieces) == events_of([STREAM])


def test_byte_by_byte_gives_the_same_events() -> None:
    whole = events_of([STREAM])
    assert events_of([STREAM[i : i + 1] for i in range(len(STREAM))]) == whole
    assert len(whole) == 8


@pytest.mark.parametrize("fragment", [b"c UID SEARCH UID ", b"c X {2+}\r\nab "], ids=["first text", "after a literal"])
def test_what_a_dropped_line_announces_is_dropped_too_and_never_read_as_commands(fragment: bytes) -> None:
    stream = fragment + b"1," * 100 + b"1 TEXT {19+}\r\nx DELETE Precious\r\n and {3+}\r\nyes no\r\nd NOOP\r\n"
    expected = [Rejected(b"c", "The command line is too long", "TOOBIG"), RawCommand((b"d NOOP",))]
    assert events_of([stream]) == expected
    assert events_of([stream[i : i + 1] for i in range(len(stream))]) == expected


def test_a_dropped_line_that_announces_too_much_to_drop_is_hopeless() -> None:
    assert events_of([b"c X " + b"y" * 200 + b"{51+}\r\n"])[-1] == Hopeless("The command line is too long")


def test_no_more_literals_are_spilled_than_may_be() -> None:
    disks = [FullDisk(), FullDisk()]
    made = iter(disks)
    events = events_of([b"A APPEND {1+}\r\na {1+}\r\nb\r\nB NOOP\r\n"], lambda *_: Room(next(made)))
    assert events == [
        Rejected(b"A", "Too much for one command; send it in several", "LIMIT", bad=False),
        RawCommand((b"B NOOP",)),
    ]
    assert [disk.discarded > 0 for disk in disks] == [True, True]
