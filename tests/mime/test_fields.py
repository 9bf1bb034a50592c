"""HEADER.FIELDS and values of fields."""

from __future__ import annotations

import pytest

from pillarbox.mime.fields import FieldChoice, field_selector, field_values

HEADER = b"From: a@x\r\nX-Long: one\r\n two\r\n\tthree\r\nSUBJECT : hi\r\njunk\r\nfrom: b@x\r\n\r\n"


def only(header: bytes, *names: bytes) -> bytes:
    return field_selector(names, FieldChoice.ONLY)(header)


def without(header: bytes, *names: bytes) -> bytes:
    return field_selector(names, FieldChoice.EXCEPT)(header)


def test_fields_come_as_they_are_in_their_order_with_an_empty_line() -> None:
    assert only(HEADER, b"FROM") == b"From: a@x\r\nfrom: b@x\r\n\r\n"
    assert only(HEADER, b"subject", b"x-long") == b"X-Long: one\r\n two\r\n\tthree\r\nSUBJECT : hi\r\n\r\n"


def test_all_but_the_named_fields_come_as_they_are() -> None:
    assert without(HEADER, b"from", b"x-long") == b"SUBJECT : hi\r\njunk\r\n\r\n"
    assert without(HEADER) == HEADER


def test_names_match_whole_and_are_no_patterns() -> None:
    assert only(HEADER, b"X-Lon", b"rom", b".*", b"one") == b"\r\n"
    assert only(b"a.c: 1\r\nabc: 2\r\n\r\n", b"a.c") == b"a.c: 1\r\n\r\n"


def test_no_field_gives_the_empty_line_alone() -> None:
    assert only(HEADER, b"to") == b"\r\n"
    assert only(HEADER) == b"\r\n"
    assert without(b"A: b\r\n\r\n", b"a") == b"\r\n"


@pytest.mark.parametrize("header", [b"\r\n", b"\n"])
def test_a_header_of_the_empty_line_alone(header: bytes) -> None:
    assert only(header, b"a") == without(header, b"a") == b"\r\n"


@pytest.mark.parametrize("header", [b"A: b", b"A: b\r\n"])
def test_there_is_no_empty_line_where_the_message_has_none(header: bytes) -> None:
    assert only(header, b"a") == without(header, b"c") == b"A: b\r\n"
    assert only(header, b"c") == without(header, b"a") == b""


def test_an_empty_message_has_no_field_and_no_empty_line() -> None:
    assert only(b"", b"a") == without(b"", b"a") == b""


def test_bare_line_feeds_are_kept() -> None:
    header = b"A: b\n c\nD: e\n\n"
    assert only(header, b"a") == b"A: b\n c\n\r\n"
    assert without(header, b"a") == b"D: e\n\r\n"


def test_only_and_except_share_out_all_fields() -> None:
    chosen, rest = only(HEADER, b"from")[:-2], without(HEADER, b"from")[:-2]
    assert sorted((chosen + rest).split(b"\r\n")) == sorted(HEADER[:-2].split(b"\r\n"))


def test_values_are_raw_and_unfolded() -> None:
    assert field_values(HEADER, b"From") == [b"a@x", b"b@x"]
    assert field_values(HEADER, b"x-long") == [b"one two\tthree"]
    assert field_values(HEADER, b"subject") == [b"hi"]
    assert field_values(HEADER, b"to") == []
    assert field_values(b"A:\r\n b", b"a") == [b"b"]
    assert field_values(b"A:\r\n\r\n", b"a") == [b""]
