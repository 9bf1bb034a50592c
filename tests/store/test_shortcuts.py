"""What SEARCH leaves out or folds piece by piece on its way through a message reads as it would in full."""

from __future__ import annotations

import html
import itertools
import unicodedata
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pillarbox.mail.marks import with_short_runs
from pillarbox.mime.digest import digest
from pillarbox.mime.html import html_to_text, may_show
from pillarbox.mime.parts import PartMap, SectionText, Span
from pillarbox.search.casemap import casemap
from pillarbox.store.searchable import MessageBody
from pillarbox.store.sqlite.contents import InlineContent

_TAGS = (
    "<b>",
    "</b>",
    "<BR>",
    "<br/>",
    "<p>",
    "<wbr>",
    "<span x='>'>",
    '<a\nhref="ow">',
    "</i",
    "<",
    ">",
    "<!-- now -->",
)
_MORE_TAGS = ("<bd>", "<body>", "<style>no</style>", "<script>ow", "</script>", "<template", "--", "<Font>", "<fonts>")
_REFERENCES = (
    "&nbsp;",
    "&NBSP;",
    "&amp;",
    "&lt;b&gt;",
    "&Lt;",
    "&quot;",
    "&apos;",
    "&#39;",
    "&#110;",
    "&#x4f",
    "&",
    ";",
)
_MORE_REFERENCES = ("&nbs", "&amp;nbsp;", "&fjlig;", "&Kopf;", "&am", "p;", "&#3", "nbsp;", "lt;", "&notin;", "&not")
_WORDS = ("n", "o", "w", "now", "NOW", "no", "ow", " ", "\r\n", "\t", "\x1f", "\0", "fj", "'", "-", "=", "/", "b", "\\")
_BEYOND = ("é", "K", "ſ", "＜", "\u0301", "\u3000", "≪", "ﬃ", "ı")

sources = st.lists(st.sampled_from((*_TAGS, *_MORE_TAGS, *_REFERENCES, *_MORE_REFERENCES, *_WORDS)), max_size=14).map(
    "".join
)
needles = st.lists(st.sampled_from((*_REFERENCES, *_WORDS, *_BEYOND, "<", ">", "+", "(")), min_size=1, max_size=5).map(
    "".join
)


def _body(message: bytes) -> MessageBody:
    return MessageBody(digest(message).parts, InlineContent(message))


def _shown(texts: Iterable[Iterable[str]], needle: str) -> bool:
    return any(needle in casemap("".join(text)) for text in texts)


@given(sources, needles)
@example("n<b>ow", "now")
@example("n<br>ow", "now")
@example("x&#110;ow", "now")
@example("now", "now " * 40)
@example("n<b>" + "o" * 80, "n" + "o" * 80)
def test_html_that_is_not_read_for_a_needle_does_not_show_it(source: str, needle: str) -> None:
    asked = casemap(needle)
    if asked in casemap(html_to_text(source)):
        assert may_show(source.lower(), asked.split())


@given(st.lists(st.sampled_from((*_WORDS, *_TAGS, *_REFERENCES, *_BEYOND)), max_size=10).map("".join), needles)
def test_what_a_body_leaves_out_for_a_needle_does_not_hold_it(source: str, needle: str) -> None:
    head = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    html_head = b"\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    text = source.encode()
    body = _body(head + text + html_head + text + b"\r\n--x--\r\n")
    asked = casemap(needle)
    assert _shown(body.texts_with([asked]), asked) == _shown(body.texts(), asked)


def test_html_that_lacks_a_word_is_left_out_and_plain_text_is_not() -> None:
    body = _body(b"Content-Type: text/html\r\n\r\n<p>a lamp<br>in the <b>har</b>bour</p>&nbsp;")
    assert list(body.texts_with(["lantern"])) == []
    assert ["".join(text) for text in body.texts_with(["lantern", "harbour"])] == ["a lamp in the harbour"]
    plain = _body(b"Content-Type: text/plain\r\n\r\na lamp")
    assert ["".join(text) for text in plain.texts_with(["lantern"])] == ["a lamp"]


@pytest.mark.parametrize("name", ["nbsp", "amp", "lt", "gt", "quot", "apos"])
def test_references_that_are_not_read_stand_for_no_word_however_they_are_spelled(name: str) -> None:
    for spelled in map("".join, itertools.product(*((letter, letter.upper()) for letter in name))):
        shown = html.unescape(f"&{spelled};")
        assert shown == f"&{spelled};" or shown in {"\xa0", *"&<>\"'≪≫"}


def _folded_at_once(text: str) -> str:
    folded = unicodedata.normalize("NFD", with_short_runs(text)).casefold()
    folded = unicodedata.normalize("NFKD", folded).casefold()
    folded = unicodedata.normalize("NFKD", folded).replace("ı", "i")
    runs = itertools.groupby(folded, key=lambda character: "\u1100" <= character <= "\u11ff")
    return "".join(unicodedata.normalize("NFC", "".join(run)) if is_jamo else "".join(run) for is_jamo, run in runs)


_stretches = st.one_of(
    st.integers(min_value=100, max_value=300).map(lambda length: "aB e" * length),
    st.integers(min_value=120, max_value=136).map(lambda length: "E" * length),
    st.text(max_size=20),
    st.sampled_from(
        ("e\u0301\u0323", "\u0323\u0301", "각\u11a8", "\u1100\u1161", "Σ", "İ", "ΐ", "\u0345\u0301" * 40, "\ud800")
    ),
)


@given(st.lists(_stretches, max_size=8).map("".join))
@example("e" * 128 + "\u0323\u0301" + "e" * 254 + "\u0301\u0323")
@example("a" * 127 + "\u1100" + "\u1161" + "b" * 300)
def test_text_folds_to_the_same_in_stretches_as_at_once(text: str) -> None:
    assert _folded_at_once(text) == casemap(text)


_HEADS = (
    "multipart/mixed; boundary=a",
    "multipart/digest; boundary=b",
    "message/rfc822",
    "text/plain",
    "text/html",
    "x",
)
_LINES = ("", "", "--a", "--b", "--a--", "--b--", "Subject: x", "text", *(f"Content-Type: {head}" for head in _HEADS))


@given(st.lists(st.sampled_from(_LINES), max_size=24))
def test_inner_headers_are_those_of_all_parts_and_forwarded_messages(lines: list[str]) -> None:
    parts = PartMap.unpack(digest("\r\n".join(lines).encode()).parts)
    spans: set[Span | None] = set()
    for part in parts.parts():
        spans |= {part.header, parts.locate(part.path, SectionText.HEADER)}
    spans -= {None, parts.locate((), SectionText.HEADER)}
    assert sorted(filter(None, spans)) == parts.inner_headers()
