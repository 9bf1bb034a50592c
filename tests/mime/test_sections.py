"""Sections by part number: RFC 9051 section 6.4.5.1 and its example."""

from __future__ import annotations

import pytest

from pillarbox.mime.digest import digest
from pillarbox.mime.limits import MimeLimits
from pillarbox.mime.parts import PartMap, SectionText, Span
from pillarbox.mime.scan import Kind
from tests.mime.samples import ALL, DIGEST, FORWARD, NESTED, PLAIN, REPORT, crlf

WHOLE, HEADER, TEXT, MIME = SectionText


def part_map(message: bytes) -> PartMap:
    return PartMap.unpack(digest(message).parts)


def section(message: bytes, name: str) -> bytes | None:
    """BODY[name] as a client would ask."""
    words = name.split(".") if name else []
    text = WHOLE
    if words and not words[-1].isdigit():
        text = SectionText(words.pop())
    span = part_map(message).locate(tuple(map(int, words)), text)
    return None if span is None else message[span.start : span.end]


NESTED_MAIL = crlf(NESTED)
THIRD = NESTED_MAIL[NESTED_MAIL.index(b"Subject: three") : NESTED_MAIL.index(b"--third--") + len(b"--third--\r\n")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", NESTED_MAIL),
        ("HEADER", NESTED_MAIL[: NESTED_MAIL.index(b"preamble")]),
        ("TEXT", NESTED_MAIL[NESTED_MAIL.index(b"preamble") :]),
        ("1", b"one"),
        ("1.MIME", b"Content-Type: text/plain\r\n\r\n"),
        ("2", b"two"),
        ("3", THIRD),
        ("3.MIME", b"Content-Type: message/rfc822\r\n\r\n"),
        ("3.HEADER", THIRD[: THIRD.index(b"--third")]),
        ("3.TEXT", THIRD[THIRD.index(b"--third") :]),
        ("3.1", b"three.one"),
        ("3.2", b"three.two"),
        ("3.2.MIME", b"Content-Type: application/octet-stream\r\n\r\n"),
        ("4.MIME", b"Content-Type: multipart/mixed; boundary=fourth\r\n\r\n"),
        ("4.1", b"four.one"),
        ("4.1.MIME", b"Content-Type: image/gif\r\n\r\n"),
        ("4.2.HEADER", b"Subject: four.two\r\nContent-Type: multipart/mixed; boundary=inner\r\n\r\n"),
        ("4.2.1", b"four.two.one"),
        ("4.2.2.1", b"four.two.two.one"),
        ("4.2.2.2", b"four.two.two.two"),
        ("4.2.2.2.MIME", b"Content-Type: text/richtext\r\n\r\n"),
    ],
)
def test_the_example_of_the_rfc(name: str, expected: bytes) -> None:
    assert section(NESTED_MAIL, name) == expected


@pytest.mark.parametrize(
    "name",
    [
        *("0", "5", "1.1", "1.HEADER", "1.TEXT", "2.0", "3.3", "3.0", "4.HEADER", "4.TEXT", "4.3"),
        *("4.2.2.HEADER", "4.2.2.3", "4.2.2.1.1", "MIME", "1.1.1.1.1.1"),
    ],
)
def test_parts_and_texts_that_are_not_there(name: str) -> None:
    assert section(NESTED_MAIL, name) is None


def test_part_1_of_a_message_that_is_no_multipart_is_its_body() -> None:
    message = crlf(PLAIN)
    assert section(message, "1") == section(message, "TEXT") == b"Hello\r\nworld\r\n"
    assert section(message, "1.MIME") == section(message, "HEADER")
    assert section(message, "2") is None
    assert section(message, "1.1") is None


def test_a_message_that_is_a_forward_counts_through_it() -> None:
    message = crlf(FORWARD)
    assert section(message, "1") == section(message, "TEXT")
    assert section(message, "1.HEADER") == b"From: bob@example.net\r\nSubject: original\r\n\r\n"
    assert section(message, "1.TEXT") == section(message, "1.1") == b"text\r\nof it\r\n"
    assert section(message, "1.1.MIME") == section(message, "1.HEADER")
    assert section(message, "1.1.1") is None


def test_a_forward_of_a_forward() -> None:
    message = crlf("Content-Type: message/rfc822\n\n" + FORWARD)
    assert section(message, "1.1") == section(message, "1.TEXT") == crlf(FORWARD).partition(b"\r\n\r\n")[2]
    assert section(message, "1.1.HEADER") == b"From: bob@example.net\r\nSubject: original\r\n\r\n"
    assert section(message, "1.1.1") == b"text\r\nof it\r\n"


def test_parts_of_a_digest_have_headers() -> None:
    message = crlf(DIGEST)
    assert section(message, "1.HEADER") == b"Subject: first\r\n\r\n"
    assert section(message, "3.MIME") == b"X-Note: no type\r\n\r\n"
    assert section(message, "2.HEADER") is None


@pytest.mark.parametrize("message", [b"", b"\r\n", b"Subject: x", b"Subject: x\r\n", b"Subject: x\r\n\r\n"])
def test_a_message_without_a_body_is_all_header(message: bytes) -> None:
    assert section(message, "HEADER") == message
    assert section(message, "TEXT") == section(message, "1") == b""


def test_the_line_end_before_a_delimiter_is_no_part_of_what_it_ends() -> None:
    message = b"Content-Type: multipart/mixed; boundary=b\n\n--b\nA: b\n--b\n\nx\n\n--b\r\n\r\ny\r\n--b--"
    assert section(message, "1.MIME") == b"A: b"
    assert section(message, "1") == b""
    assert section(message, "2") == b"x\n"
    assert section(message, "3") == b"y"


def test_the_empty_text_of_a_multipart_without_parts_can_be_fetched() -> None:
    message = b"Content-Type: multipart/mixed; boundary=b\n\nnothing"
    assert section(message, "1") == section(message, "1.MIME") == b""
    assert section(message, "2") is None


@pytest.mark.parametrize("message", ALL)
def test_bodystructure_and_part_map_count_the_same_parts(message: bytes) -> None:
    got = digest(message)
    leaves = list(PartMap.unpack(got.parts).leaves())
    assert [leaf.path for leaf in leaves] == sorted(leaf.path for leaf in leaves)
    for leaf in leaves:
        assert b" %d" % leaf.size in got.bodystructure
        assert part_map(message).part(leaf.path) == leaf


def test_parts_say_what_is_needed_to_decode_them() -> None:
    message = crlf(REPORT)
    first, second = part_map(message).leaves()
    assert (first.path, first.type, first.subtype, first.charset, first.encoding) == (
        (1,),
        "text",
        "html",
        "iso-8859-1",
        "quoted-printable",
    )
    assert (second.path, second.type, second.charset, second.encoding, second.size) == ((2,), "image", "", "base64", 4)
    assert message[second.body.start : second.body.end] == b"AAAA"


def test_parts_come_before_what_is_in_them() -> None:
    paths = [part.path for part in part_map(NESTED_MAIL).parts()]
    assert paths == sorted(paths)
    assert len(paths) == 12
    root = part_map(NESTED_MAIL).part(())
    assert root is not None
    assert root.kind is Kind.MULTIPART
    assert part_map(NESTED_MAIL).part((9,)) is None


def test_an_encoded_charset_is_found() -> None:
    (part,) = part_map(b"Content-Type: text/plain; charset*=us-ascii'en'KOI8-R\r\n\r\n").leaves()
    assert part.charset == "koi8-r"


def test_a_span_knows_its_size() -> None:
    assert Span(3, 10).size == 7


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x00\x01", b"\x02" + b"x" * 40, b"\x01" + b"\xff" * 20])
def test_a_part_map_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="part map"):
        PartMap.unpack(data)


def test_a_part_map_that_is_cut_off_is_refused() -> None:
    packed = digest(crlf(PLAIN)).parts
    with pytest.raises(ValueError, match="cut off"):
        PartMap.unpack(packed[:-1])


def test_very_long_names_fit_into_the_map() -> None:
    message = b"Content-Type: x/" + b"y" * 5000 + b"; charset=" + b"z" * 5000 + b"\r\n\r\n"
    (part,) = PartMap.unpack(digest(message, MimeLimits()).parts).leaves()
    assert (len(part.subtype), len(part.charset)) == (255, 255)
