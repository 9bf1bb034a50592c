"""Messages made to exhaust the server. The work is counted, not the time: see _Counting."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Callable

import pytest

from pillarbox.mime.digest import digest
from pillarbox.mime.fields import FieldChoice, field_selector, field_values
from pillarbox.mime.heads import unfold
from pillarbox.mime.html import html_to_text
from pillarbox.mime.limits import MimeLimits
from pillarbox.mime.parameters import without_comments
from pillarbox.mime.parts import PartMap
from pillarbox.mime.scan import scan
from pillarbox.mime.text import decode_header_text, searchable_text
from tests.mime.grammar import read_body, read_envelope
from tests.mime.samples import crlf


def nested_multiparts(depth: int) -> bytes:
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))


BOMBS: dict[str, Callable[[], bytes]] = {
    "10,000 multiparts inside each other": lambda: nested_multiparts(10_000),
    "10,000 messages inside each other": lambda: b"Content-Type: message/rfc822\r\n\r\n" * 10_000,
    "10,000 multiparts of one boundary": lambda: b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 10_000,
    "100,000 parts": lambda: crlf("Content-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 100_000 + "--b--"),
    "100,000 delimiters in a row": lambda: crlf("Content-Type: multipart/mixed; boundary=b\n\n" + "--b\n" * 100_000),
    "almost delimiters": lambda: nested_multiparts(45) + b"\r\n--b4" * 100_000,
    "parts that open and never close": lambda: (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + b"".join(b"--b\r\nContent-Type: multipart/mixed; boundary=c%d\r\n\r\n" % n for n in range(2_000))
        + b"x\r\n" * 100_000
    ),
    "a header of 4 MB": lambda: b"X: y\r\n" * 700_000,
    "a header line of 4 MB": lambda: b"Subject: " + b"x" * 4_000_000,
    "a folded header of 1 MB": lambda: b"Subject: x\r\n" + b" y\r\n" * 250_000,
    "100,000 addresses": lambda: b"From: " + b"a@b," * 100_000 + b"\r\n\r\n",
    "100,000 broken addresses": lambda: b"From: " + b"a b<@," * 50_000 + b"\r\n\r\n",
    "100,000 groups": lambda: b"To: " + b"g:;" * 100_000 + b"\r\n\r\n",
    "colons": lambda: b"To: a" * 20_000 + b"@x" + b":" * 200_000 + b"\r\n\r\n",
    "at signs": lambda: b"To: " + b"@" * 200_000 + b"\r\n\r\n",
    "angles": lambda: b"To: " + b"<" * 200_000 + b"\r\n\r\n",
    "quotes": lambda: b"To: " + b'"\\' * 100_000 + b"\r\n\r\n",
    "domain literals": lambda: b"To: " + b"@[" * 100_000 + b"\r\n\r\n",
    "open comments": lambda: b"To: a" + b"(" * 200_000 + b"\r\n\r\n",
    "a comment that ends in a backslash": lambda: b"To: a@b (c\\\r\nContent-Type: text/plain (\\\r\n\r\n",
    "a comment of backslashes": lambda: b"To: a@b (" + b"\\" * 200_001 + b"\r\n\r\n",
    "100,000 RFC 2231 sections": lambda: (
        b"Content-Type: a/b" + b"".join(b";\r\n n*%d*=%%41" % n for n in range(100_000)) + b"\r\n\r\n"
    ),
    "RFC 2231 sections with high numbers": lambda: b"Content-Type: a/b; n*9999=x; n*99999999999999999999=y\r\n\r\n",
    "100,000 parameters": lambda: b"Content-Type: a/b" + b"; a=b" * 100_000 + b"\r\n\r\n",
    "parameters of quotes": lambda: b"Content-Type: a/b" + b'; a="\\' * 60_000 + b"\r\n\r\n",
    "spaces": lambda: b"Content-Type: a" + b" " * 200_000 + b"/b;" + b" " * 200_000 + b"=\r\n\r\n",
    "100,000 languages": lambda: b"MIME-Version: 1.0\r\nContent-Language: " + b"en," * 80_000 + b"\r\n\r\n",
    "a boundary of 10 KB": lambda: (
        b"Content-Type: multipart/mixed; boundary=" + b"b" * 10_000 + b"\r\n\r\n--" + b"b" * 500_000
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_gives_a_legal_answer_in_proportion_to_it(name: str) -> None:
    limits = MimeLimits()
    message = BOMBS[name]()
    got = digest(message, limits)
    read_envelope(got.envelope)
    read_body(got.body)
    read_body(got.bodystructure)
    assert len(got.bodystructure) < 10 * len(message) + 1_000_000
    assert len(got.parts) < 2 * (limits.parts + 1) * 200
    part_map = PartMap.unpack(got.parts)
    assert all(0 <= part.body.start <= part.body.end <= len(message) for part in part_map.parts())
    for text in searchable_text(message, part_map):
        assert len(text) <= len(message)


class _Counting(bytes):
    """A message that counts the bytes that are searched, as an upper bound: to the end, or to what was found."""

    searched: int

    def find(self, needle: bytes, start: int, end: int, /) -> int:  # type: ignore[override]  # the form scan uses
        found = super().find(needle, start, end)
        self.searched += max(0, (end if found < 0 else found + len(needle)) - start)
        return found

    def count(self, needle: bytes, start: int, end: int, /) -> int:  # type: ignore[override]  # as above
        self.searched += end - start
        return super().count(needle, start, end)


@pytest.mark.parametrize("name", BOMBS)
def test_each_byte_is_searched_a_bounded_number_of_times(name: str) -> None:
    limits = MimeLimits()
    message = _Counting(BOMBS[name]())
    message.searched = 0
    scan(message, limits)
    header_searches = 3 * limits.parts * min(limits.header_bytes, 2_000)
    assert message.searched <= (limits.depth + 4) * len(message) + header_searches


def test_deep_nesting_is_searched_once_for_each_level_at_most() -> None:
    small, large = (
        _Counting(nested_multiparts(45) + b"x\r\n" * 10_000),
        _Counting(nested_multiparts(45) + b"x\r\n" * 40_000),
    )
    for message in (small, large):
        message.searched = 0
        scan(message, MimeLimits())
    assert large.searched < 4.5 * small.searched


@pytest.mark.parametrize(
    "source",
    ["<div>", "<!--", "<script>", "<", "<a '", '<a "', "<a x='", "&#", "&#9", "&amp", "</", "<b ", "a<!--b-->"],
)
def test_html_bombs_leave_no_more_text_than_they_are_long(source: str) -> None:
    assert len(html_to_text(source * 200_000)) <= len(source) * 200_000


def test_html_past_the_limit_is_not_looked_at() -> None:
    assert "needle" not in html_to_text("x " * MimeLimits().html_characters + "needle")


def test_headers_of_repeated_pieces_are_read() -> None:
    for piece in (b"=?", b"=?a?q?", b"=?utf-8?q??=", b"=?utf-8?b?=?=", b"\r\n ", b"a:\r\n", b"(", b"\\"):
        raw = piece * 50_000
        assert isinstance(decode_header_text(raw), str)
        assert len(unfold(raw)) <= len(raw)
        assert len(without_comments(raw)) <= len(raw) + 1
        assert len(field_selector([b"a"], FieldChoice.ONLY)(raw)) <= len(raw) + 4
        assert isinstance(field_values(raw, b"a"), list)


def test_a_mapped_file_is_read_like_the_bytes_in_it() -> None:
    message = crlf("Content-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nline\nline\n" * 50 + "--b--\n")
    with tempfile.TemporaryFile() as file:
        file.write(message)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            assert digest(mapped) == digest(message)
            view = memoryview(mapped)
            assert digest(view) == digest(message)
            part = view[100:200]
            assert digest(part) == digest(message[100:200])
            part.release()
            view.release()
    assert digest(memoryview(message)) == digest(message)
    assert digest(memoryview(message)[::2]) == digest(message[::2])
