"""The compressed stream: whatever pieces it comes in, what a client meant comes out; and no more than is asked for."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.imap.refusals import Farewell
from pillarbox.imap.wire.deflate import END_OF_FLUSH, DeflateStream

RATIO = 250
MEBIBYTE = 1024 * 1024


def all_of(stream: DeflateStream, most: int = 65_536) -> bytes:
    found = b""
    while data := stream.inflate(most):
        assert len(data) <= most
        found += data
    return found


def packed(*flushed: bytes, window_bits: int = -15) -> bytes:
    """Each piece with a flush behind it, as clients send commands."""
    client = zlib.compressobj(9, zlib.DEFLATED, window_bits)
    return b"".join(client.compress(piece) + client.flush(zlib.Z_SYNC_FLUSH) for piece in flushed)


@given(st.lists(st.binary(max_size=200), max_size=5), st.integers(1, 50), st.integers(1, 100))
def test_what_was_sent_arrives_in_whatever_pieces(commands: list[bytes], piece_size: int, most: int) -> None:
    stream, found = DeflateStream(RATIO), b""
    raw = packed(*commands)
    for at in range(0, len(raw), piece_size):
        stream.receive(raw[at : at + piece_size])
        found += all_of(stream, most)
    assert found == b"".join(commands)
    assert stream.waiting_bytes == 0


def test_one_call_never_reaches_past_a_flush() -> None:
    stream = DeflateStream(RATIO)
    stream.receive(packed(b"a1 UNAUTHENTICATE\r\n", b"a2 NOOP\r\n"))
    assert stream.inflate(65_536) == b"a1 UNAUTHENTICATE\r\n"
    assert stream.inflate(65_536) == b"a2 NOOP\r\n"
    assert stream.inflate(65_536) == b""


@pytest.mark.parametrize("split", range(1, 40))
def test_what_follows_the_last_flush_can_be_had_as_it_is(split: int) -> None:
    raw = packed(b"a1 UNAUTHENTICATE\r\n")
    stream, found = DeflateStream(RATIO), b""
    whole = raw + b"a2 LOGIN fred secret\r\n"
    stream.receive(whole[:split])
    found += all_of(stream) if split <= len(raw) else b""
    stream.receive(whole[split:])
    while not found.endswith(b"\n"):
        found += stream.inflate(65_536)
    assert found == b"a1 UNAUTHENTICATE\r\n"
    assert stream.take_unread().lstrip(END_OF_FLUSH) == b"a2 LOGIN fred secret\r\n"


def test_a_stream_that_ended_gives_back_what_follows_and_goes_no_further() -> None:
    client = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = DeflateStream(RATIO)
    stream.receive(client.compress(b"a1 NOOP\r\n") + client.flush(zlib.Z_FINISH) + b"a2 NOOP\r\n")
    assert stream.inflate(65_536) == b"a1 NOOP\r\n"
    with pytest.raises(Farewell):
        stream.inflate(65_536)
    assert stream.take_unread() == b"a2 NOOP\r\n"


def test_what_is_no_deflate_stream_ends_the_talk() -> None:
    stream = DeflateStream(RATIO)
    stream.receive(b"\xff\xfe a2 NOOP\r\n")
    with pytest.raises(Farewell):
        stream.inflate(65_536)


def test_a_bomb_is_inflated_piece_by_piece_and_ends_the_talk_soon() -> None:
    bomb = packed(b"\0" * (200 * MEBIBYTE))
    assert len(bomb) < MEBIBYTE // 4
    stream = DeflateStream(RATIO)
    stream.receive(bomb)
    allowed = (MEBIBYTE + len(bomb) * RATIO) // 65_536
    assert {len(stream.inflate(65_536)) for _ in range(allowed)} == {65_536}
    with pytest.raises(Farewell):
        stream.inflate(65_536)


def test_a_large_letter_of_like_lines_is_no_bomb() -> None:
    letter = b"".join(b"Line %d of a long and boring letter\r\n" % number for number in range(100_000))
    stream = DeflateStream(RATIO)
    stream.receive(packed(letter))
    assert all_of(stream) == letter


def test_a_client_reads_all_that_was_written_after_a_flush() -> None:
    stream = DeflateStream(RATIO)
    client = zlib.decompressobj(-15)
    for answer in (b"* OK one\r\n", b"a1 OK two\r\n"):
        sent = stream.deflate(answer) + stream.flush()
        assert client.decompress(sent) == answer
    assert stream.flush() == b""
