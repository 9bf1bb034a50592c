"""The words of the grammar: read and written."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.dates import parse_date, parse_date_time, render_date_time
from pillarbox.imap.wire.framer import Literal, RawCommand
from pillarbox.imap.wire.sequence import STAR, SequenceSet
from pillarbox.imap.wire.writer import astring, mailbox_name, resp_text, string
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.uids import UidSet
from pillarbox.mail.utf7 import InvalidUtf7, decode_utf7, encode_utf7


def cursor(text: bytes) -> Cursor:
    return Cursor(RawCommand((text,)))


# --- modified UTF-7 ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        (b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),  # RFC 3501 section 5.1.3
        (b"&AOk-t&AOk-", "été"),
        (b"a&-b", "a&b"),
        (b"&2D3eAA-", "😀"),
        (b"INBOX", "INBOX"),
    ],
)
def test_utf7_known_answers(wire: bytes, name: str) -> None:
    assert (decode_utf7(wire), encode_utf7(name)) == (name, wire)


@pytest.mark.parametrize(
    "wire",
    [b"&Jjo!", b"&U,BTFw-&ZeVnLIqe-", b"&AGE-", b"a&", b"&ZeVnLIqe", b"\xc3\xa9", b"&2D0-", b"&ZeVnLIq-", b"\x07"],
)
def test_utf7_that_no_encoder_writes_is_refused(wire: bytes) -> None:
    with pytest.raises(InvalidUtf7):
        decode_utf7(wire)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_utf7_round_trip(name: str) -> None:
    assert decode_utf7(encode_utf7(name)) == name


# --- dates ---------------------------------------------------------------------------------------------


def test_date_time_known_answer() -> None:
    date = parse_date_time(b"17-Jul-1996 02:44:25 -0700")
    assert date == InternalDate(837596665, -420)
    assert render_date_time(*date) == b'"17-Jul-1996 02:44:25 -0700"'


def test_a_single_digit_day_is_padded_with_a_space() -> None:
    assert render_date_time(0, 60) == b'" 1-Jan-1970 01:00:00 +0100"'


@pytest.mark.parametrize(
    "text",
    [b"31-Feb-2026 00:00:00 +0000", b"1-Foo-2026 00:00:00 +0000", b"01-Jan-2026 24:00:00 +0000", b"01-Jan-2026", b""],
)
def test_what_is_not_a_date_time_is_none(text: bytes) -> None:
    assert parse_date_time(text) is None


@given(st.integers(-60_000_000_000, 200_000_000_000), st.integers(-1439, 1439))
def test_date_time_round_trip(seconds: int, zone: int) -> None:
    assert parse_date_time(render_date_time(seconds, zone).strip(b'"')) == InternalDate(seconds, zone)


def test_search_dates() -> None:
    assert parse_date(b"1-Feb-1994") == datetime.date(1994, 2, 1)
    assert parse_date(b"30-Feb-1994") is None


# --- strings -------------------------------------------------------------------------------------------


@given(st.binary(max_size=200).filter(lambda data: b"\0" not in data))
def test_string_round_trip(data: bytes) -> None:
    wire = string(data)
    if wire.startswith(b"{"):
        head, _, content = wire.partition(b"\r\n")
        assert (int(head[1:-1]), content) == (len(data), data)
    else:
        assert wire.isascii()
        assert cursor(wire).string() == data


@given(st.binary(max_size=50).filter(lambda data: b"\0" not in data))
def test_astring_never_breaks_out_of_its_place(data: bytes) -> None:
    wire = astring(data)
    if not wire.startswith(b"{"):
        reader = cursor(wire + b" next")
        assert reader.astring() == data
        reader.space()
        assert reader.atom() == b"next"


def test_nil_as_text_is_quoted() -> None:
    assert astring(b"nil") == b'"nil"'


def test_mailbox_names_by_what_the_client_reads() -> None:
    assert mailbox_name("Entwürfe", utf8=False) == b"Entw&APw-rfe"
    assert mailbox_name("Entwürfe", utf8=True) == '"Entwürfe"'.encode()
    assert mailbox_name("a&b", utf8=False) == b"a&-b"
    assert mailbox_name("a&b", utf8=True) == b'"a&b"'
    assert mailbox_name("two words", utf8=False) == b'"two words"'


def test_resp_text_is_one_legal_line() -> None:
    assert resp_text("[a]\r\n* BYE\x00 ü") == b"a] * BYE"
    assert resp_text("") == b"Done"


@pytest.mark.parametrize(
    "text", [b'"abc', b'"a\nb"', b'"a\\c"', b"abc", b"", b'"a\0b"'], ids=["open", "LF", "escape", "atom", "none", "NUL"]
)
def test_what_is_not_a_string_is_refused(text: bytes) -> None:
    with pytest.raises(BadSyntax):
        cursor(text).string()


def test_a_string_may_be_a_literal_without_nul() -> None:
    assert Cursor(RawCommand((b"", b""), (Literal(b'a"\\\r\n', False),))).string() == b'a"\\\r\n'
    for literal in (Literal(b"a\0", False), Literal(b"a", True)):
        with pytest.raises(BadSyntax):
            Cursor(RawCommand((b"", b""), (literal,))).string()


def test_nothing_may_be_left_over() -> None:
    reader = cursor(b"a b")
    reader.atom()
    with pytest.raises(BadSyntax):
        reader.end()


# --- sequence sets -------------------------------------------------------------------------------------


def test_sequence_set_known_answers() -> None:
    assert cursor(b"2,4:7,9,12:*").sequence_set().resolve(15) == UidSet(((2, 2), (4, 7), (9, 9), (12, 15)))
    assert cursor(b"*:4,5:7").sequence_set().resolve(10) == UidSet(((4, 10),))
    assert cursor(b"*").sequence_set() == SequenceSet(((STAR, STAR),))
    assert cursor(b"$").sequence_set().is_saved_result


def test_a_star_below_the_other_end_turns_the_range_round() -> None:
    assert cursor(b"559:*").sequence_set().resolve(37) == UidSet(((37, 559),))


def test_a_star_in_an_empty_mailbox_stands_for_nothing() -> None:
    assert cursor(b"1:*").sequence_set().resolve(0) == UidSet(())


@pytest.mark.parametrize("text", [b"0", b"1:0", b"4294967296", b"", b"a", b":1", b"1,,2"])
def test_what_is_not_a_sequence_set_is_refused(text: bytes) -> None:
    def read_all() -> None:
        reader = cursor(text)
        reader.sequence_set()
        reader.end()

    with pytest.raises(BadSyntax):
        read_all()


@given(st.sets(st.integers(1, 300)))
def test_uid_sets_hold_what_they_were_made_of(numbers: set[int]) -> None:
    uids = UidSet.of(numbers)
    assert list(uids) == sorted(numbers)
    assert len(uids) == len(numbers)
    assert [n for n in range(302) if n in uids] == sorted(numbers)
    assert uids.within(list(range(0, 301, 3))) == [n for n in sorted(numbers) if n % 3 == 0]
    if numbers:
        assert cursor(str(uids).encode()).sequence_set().resolve(1) == uids


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60))))
def test_ranges_merge(pairs: list[tuple[int, int]]) -> None:
    expected = {n for a, b in pairs for n in range(min(a, b), max(a, b) + 1)}
    assert UidSet.of_ranges(pairs) == UidSet.of(expected)
