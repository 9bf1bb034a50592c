"""Text for SEARCH: header words, charsets, HTML."""

from __future__ import annotations

import encodings
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.mime.charsets import codec_name
from pillarbox.mime.digest import digest
from pillarbox.mime.html import html_to_text
from pillarbox.mime.parts import PartMap
from pillarbox.mime.text import decode_header_text, decode_text, searchable_text
from tests.mime.samples import FORWARD, NESTED, REPORT, crlf


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe?= da", "Grüße da"),
        (b"=?ISO-8859-1?B?R3L832U=?=", "Grüße"),
        (b"=?utf-8?q?a?=\r\n =?utf-8?q?b?= c =?utf-8?q?d?=", "ab c d"),
        (b"=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
        (b"=?utf-8*de?q?a_b?=", "a b"),
        (b"=?utf-8?q?with space?=", "with space"),
        (b"=?nonsense?q?=C3=A9?=", "é"),
        (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        (b"=?utf-8?q?unfinished", "=?utf-8?q?unfinished"),
        ("été".encode(), "été"),
        (b"caf\xe9", "café"),
        (b"(=?utf-8?q?a?=)", "(a)"),
        (b'"=?utf-8?q?a?=" <a@b>', '"a" <a@b>'),
        (b"folded\r\n\tline", "folded\tline"),
        (b"=?gb2312?b?0LvQuw==?=", "谢谢"),
        (b"=?koi8-r?b?8NLJ18XU?=", "Привет"),
        (b"=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "日本"),
    ],
)
def test_header_words(raw: bytes, text: str) -> None:
    assert decode_header_text(raw) == text


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("utf-8", "utf_8"),
        ("US-ASCII", "utf_8"),
        ("ISO-8859-1", "cp1252"),
        ("iso-8859-15", "iso8859_15"),
        ("Windows-1251", "cp1251"),
        ("gb2312", "gb18030"),
        ("x-gbk", "gb18030"),
        ("ks_c_5601-1987", "cp949"),
        ("koi8-u", "koi8_u"),
        ("windows-874", "cp874"),
        ("zlib", None),
        ("rot13", None),
        ("base64", None),
        ("punycode", None),
        ("idna", None),
        ("unicode-escape", None),
        ("undefined", None),
        ("../../etc", None),
        ("a\0b", None),
        ("x" * 41, None),
        ("", None),
    ],
)
def test_charset_names(charset: str, codec: str | None) -> None:
    assert codec_name(charset) == codec


def test_unknown_charset_names_are_not_remembered_by_python() -> None:
    before = len(encodings._cache)  # type: ignore[attr-defined]  # what codecs.lookup() fills for good
    for number in range(50):
        decode_text(b"\xff\xfe\xfd", "7bit", f"made-up-{number}")
    assert len(encodings._cache) == before  # type: ignore[attr-defined]  # as above


@pytest.mark.parametrize(
    ("data", "encoding", "charset", "text"),
    [
        (b"sch=F6n", "quoted-printable", "iso-8859-1", "schön"),
        (b"R3L832U=", "base64", "latin1", "Grüße"),
        ("naïve".encode(), "8bit", "us-ascii", "naïve"),
        ("naïve".encode("latin-1"), "8bit", "utf-8", "naïve"),
        ("日本".encode(), "8bit", "unknown-8bit", "日本"),
        (b"abc", "x-unknown", "", "abc"),
        ("Привет, как дела? Это письмо".encode("cp1251"), "8bit", "", "Привет, как дела? Это письмо"),
    ],
)
def test_text_parts(data: bytes, encoding: str, charset: str, text: str) -> None:
    assert decode_text(data, encoding, charset) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>Hel<b>lo</b> wo&eacute;rld</p><p>next", "Hello woérld next"),
        ("a<br>b<td>c</td><li>d", "a b c d"),
        ("<style>p{}</style>x<script>alert('<p>')</script>y<!-- z -->", "x y"),
        ('<a title="a > b" href=x>link</a>', "link"),
        ("1 < 2 && 3 > 2 &amp; &lt;b&gt;", "1 < 2 && 3 > 2 & <b>"),
        ("<html><head><title>t</title></head><body>b", "t b"),
        ("unclosed <a href='x", "unclosed"),
        ("<p title=don't>it's</p>", "it's"),
        ("unclosed <!-- comment", "unclosed"),
        ("unclosed <script> alert", "unclosed"),
        ("<blockquote>q</blockquote>", "q"),
        ("&#xE9;&#233;&nbsp;x&bogus;", "éé x&bogus;"),
        ("&#" + "9" * 5000 + ";x", "x"),
    ],
)
def test_html_shows_what_is_seen(source: str, text: str) -> None:
    assert html_to_text(source) == text


def searched(message: bytes) -> list[str]:
    return list(searchable_text(message, PartMap.unpack(digest(message).parts)))


def test_text_parts_are_searched_decoded() -> None:
    assert searched(crlf(REPORT)) == ["schön groß"]


def test_headers_of_forwarded_messages_are_searched_and_the_message_s_own_is_not() -> None:
    header, body = searched(crlf(FORWARD))
    assert "Subject: original" in header
    assert body == "text\r\nof it\r\n"
    found = "\n".join(searched(crlf(NESTED)))
    assert "four.two.two.two" in found
    assert "Subject: four.two" in found
    assert "four.one" not in found
    assert "outer" not in found


def test_a_view_of_a_message_is_searched_like_the_message() -> None:
    message = crlf(REPORT)
    part_map = PartMap.unpack(digest(message).parts)
    assert list(searchable_text(memoryview(message), part_map)) == searched(message)


@given(st.binary())
def test_no_bytes_make_decoding_raise(data: bytes) -> None:
    assert isinstance(decode_header_text(data), str)
    assert isinstance(decode_text(data, "base64", data.decode("latin-1")), str)


@given(
    st.binary(), st.sampled_from(sorted({"utf-16", "utf-7", "hz", "iso-2022-kr", "utf-32", "johab", "big5", "cp037"}))
)
def test_no_charset_makes_decoding_raise(data: bytes, charset: str) -> None:
    assert isinstance(decode_text(data, "8bit", charset), str)


@given(st.text(alphabet="<>!-&;#x19/\"' abscriptyle=", max_size=300))
def test_no_html_makes_it_raise(source: str) -> None:
    assert isinstance(html_to_text(source), str)


def test_memory_stays_in_proportion_to_the_text() -> None:
    data = b"=?utf-8?q?=C3=A9?= " * 20_000
    tracemalloc.start()
    decode_header_text(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * len(data)
