"""What imap/wire writes, the independent grammar reads; what a client may write, imap/wire reads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.wire import writer
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.dates import parse_date_time, render_date_time
from pillarbox.imap.wire.framer import Literal, RawCommand
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.utf7 import InvalidUtf7, decode_utf7, encode_utf7
from tests.grammar import Dialect, GrammarError
from tests.grammar.reader import Reader, decode_modified_utf7
from tests.grammar.status import resp_text

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=40)


@given(NAMES)
def test_modified_utf7_round_trips_and_others_can_read_it(name: str) -> None:
    raw = encode_utf7(name)
    assert name == decode_utf7(raw)
    assert name == decode_modified_utf7(raw)


@given(st.text("&ABab09+,-/~\u00fc\ud83d ", max_size=12).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_both_decoders_of_modified_utf7_agree_on_what_is_legal(raw: bytes) -> None:
    try:
        expected: str | None = decode_modified_utf7(raw)
    except GrammarError:
        expected = None
    try:
        actual: str | None = decode_utf7(raw)
    except InvalidUtf7:
        actual = None
    assert expected == actual


@given(st.binary(max_size=1200))
def test_a_string_is_read_as_it_was_written(data: bytes) -> None:
    raw = writer.string(data)
    assert data.replace(b"\0", b"") == Reader(raw).string()


@given(st.binary(max_size=300))
def test_an_astring_is_read_as_it_was_written(data: bytes) -> None:
    reader = Reader(writer.astring(data) + b" ")
    assert data.replace(b"\0", b"") == reader.astring()
    reader.space()


@given(NAMES, st.booleans())
def test_a_mailbox_name_is_read_as_it_was_written(name: str, utf8: bool) -> None:
    reader = Reader(writer.mailbox_name(name, utf8=utf8) + b" ", Dialect.UTF8 if utf8 else Dialect.ASCII)
    assert name == reader.mailbox_as_given()
    reader.space()


@given(st.text(max_size=100))
def test_text_for_people_is_always_legal(text: str) -> None:
    reader = Reader(writer.resp_text(text) + b"\r\n")
    resp_text(reader)
    reader.end()


@given(st.integers(-62_000_000_000, 250_000_000_000), st.integers(-14 * 60, 14 * 60))
def test_a_date_is_read_as_it_was_written(seconds: int, zone: int) -> None:
    raw = render_date_time(seconds, zone)
    moment = Reader(raw).date_time()
    assert (seconds, timedelta(minutes=zone)) == (moment.timestamp(), moment.utcoffset())
    assert InternalDate(seconds, zone) == parse_date_time(raw[1:-1])


ENDS = st.one_of(st.integers(1, 30), st.none())
PARTS = st.lists(st.tuples(ENDS, st.one_of(st.just("alone"), ENDS)), min_size=1, max_size=5)


@given(PARTS, st.integers(1, 30))
def test_a_sequence_set_holds_what_the_rfc_says(parts: list[tuple[int | None, int | str | None]], largest: int) -> None:
    def written(end: int | str | None) -> str:
        return "*" if end is None else str(end)

    def value(end: int | str | None) -> int:
        return largest if end is None else int(end)

    text = ",".join(written(low) if high == "alone" else f"{written(low)}:{written(high)}" for low, high in parts)
    expected: set[int] = set()
    for low, high in parts:
        ends = sorted((value(low), value(low if high == "alone" else high)))
        expected |= set(range(ends[0], ends[1] + 1))
    cursor = Cursor(RawCommand((text.encode(),)))
    assert sorted(expected) == list(cursor.sequence_set().resolve(largest))
    assert cursor.at_end()


def quoted(data: bytes) -> bytes:
    return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


@given(
    st.binary(max_size=60).map(lambda data: bytes(octet for octet in data if 0 < octet < 128 and octet not in b"\r\n"))
)
def test_a_client_may_write_a_string_quoted_or_as_a_literal(data: bytes) -> None:
    assert data == Cursor(RawCommand((quoted(data),))).astring()
    assert data == Cursor(RawCommand((b"", b""), (Literal(data, False),))).astring()


@pytest.mark.parametrize("raw", [b'"', b'"a', b'"\\a"', b"(", b'a"b', b"", b"\xff", b"a{"])
def test_what_is_no_astring_is_bad_syntax(raw: bytes) -> None:
    with pytest.raises(BadSyntax):
        _read_astring(raw)


def _read_astring(raw: bytes) -> None:
    cursor = Cursor(RawCommand((raw,)))
    cursor.astring()
    cursor.end()
