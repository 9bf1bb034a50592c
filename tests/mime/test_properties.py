"""What holds for any bytes whatever."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pillarbox.mime.dates import sent_date
from pillarbox.mime.digest import digest, header_size
from pillarbox.mime.limits import MimeLimits
from pillarbox.mime.parts import PartMap, SectionText
from pillarbox.mime.scan import Entity, Kind, scan
from pillarbox.mime.text import searchable_text
from tests.mime.grammar import Value, read_body, read_envelope
from tests.mime.samples import ALL

_PIECES = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"\n\n",
        b" ",
        b"\t",
        b"--",
        b"--b",
        b"--b--",
        b"--bb",
        b"--c",
        b"--c--",
        b"\0",
    ),
    *(
        b"Content-Type: ",
        b"multipart/mixed; boundary=b",
        b"multipart/digest; boundary=bb",
        b"message/rfc822",
        b"text/html",
    ),
    *(b'multipart/mixed; boundary="c"', b"; charset=", b"name*0*=", b"utf-8''%41", b"Content-Disposition: attachment"),
    *(b"MIME-Version: 1.0", b"Content-Transfer-Encoding: base64", b"From: ", b"To: ", b"Subject: ", b"Date: "),
    *(
        b"a@b",
        b"<",
        b">",
        b"(",
        b")",
        b'"',
        b"\\",
        b",",
        b";",
        b":",
        b"@",
        b"[",
        b"]",
        b"\xff",
        b"\xc3\xa9",
        b"=?utf-8?q?=41?=",
    ),
]
composed = st.lists(st.sampled_from(_PIECES), max_size=60).map(b"".join)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real message with a few pieces cut out, doubled or put in."""
    message = draw(st.sampled_from(ALL))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(message)))
        end = min(len(message), start + draw(st.integers(0, 40)))
        put_in = draw(
            st.one_of(st.just(b""), st.sampled_from(_PIECES), st.binary(max_size=4), st.just(message[start:end] * 2))
        )
        message = message[:start] + put_in + message[end:]
    return message


messages = st.one_of(st.binary(max_size=200), composed, mutated())
small_limits = st.builds(
    MimeLimits,
    depth=st.integers(1, 4),
    parts=st.integers(1, 5),
    header_bytes=st.integers(1, 80),
    addresses=st.integers(1, 3),
    parameters=st.integers(1, 3),
    parameter_bytes=st.integers(1, 40),
)
limits = st.one_of(st.just(MimeLimits()), small_limits)


@settings(max_examples=400)
@given(messages, limits)
@example(
    b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=b\n--b--", MimeLimits()
)
def test_the_digest_of_any_bytes_is_legal(message: bytes, limits: MimeLimits) -> None:
    got = digest(message, limits)
    read_envelope(got.envelope)
    full, short = read_body(got.bodystructure), read_body(got.body)
    assert _without_extension(full) == short
    assert 0 <= got.header_size <= len(message)
    assert header_size(message, limits) == got.header_size


@settings(max_examples=400)
@given(messages, limits)
def test_parts_lie_in_their_parents_and_after_each_other(message: bytes, limits: MimeLimits) -> None:
    entities = scan(message, limits)
    assert (entities[0].header_start, entities[0].body_end) == (0, len(message))
    for entity in entities:
        assert 0 <= entity.header_start <= entity.body_start <= entity.body_end <= len(message)
        at = entity.body_start
        for child in entity.children:
            assert entities[child].header_start >= at
            at = entities[child].body_end
        assert at <= entity.body_end
        if entity.kind is Kind.MULTIPART:
            assert entity.children
        if entity.kind is Kind.MESSAGE:
            (inner,) = (entities[child] for child in entity.children)
            assert (inner.header_start, inner.body_end) == (entity.body_start, entity.body_end)


@settings(max_examples=400)
@given(messages, limits)
def test_lines_are_the_line_feeds_in_the_body(message: bytes, limits: MimeLimits) -> None:
    for entity in scan(message, limits):
        if entity.kind is Kind.MESSAGE or _is_text(entity):
            assert entity.lines == message.count(b"\n", entity.body_start, entity.body_end)


@settings(max_examples=300)
@given(messages)
def test_header_and_text_make_up_the_whole(message: bytes) -> None:
    part_map = PartMap.unpack(digest(message).parts)
    whole, header, text = (part_map.locate((), what) for what in list(SectionText)[:3])
    assert whole is not None
    assert header is not None
    assert text is not None
    assert (header.start, header.end, text.end) == (0, text.start, len(message))
    assert (whole.start, whole.end) == (0, len(message))
    for part in part_map.parts():
        assert part_map.part(part.path) == part
        assert part_map.locate(part.path, SectionText.MIME) == part.header
        body = part_map.locate(part.path, SectionText.WHOLE)
        assert body == part.body
        header, text = (part_map.locate(part.path, what) for what in (SectionText.HEADER, SectionText.TEXT))
        if part.kind is Kind.MESSAGE:
            assert header is not None
            assert text is not None
            assert (header.start, header.end, text.end) == (body.start, text.start, body.end)
        else:
            assert header is text is None


@settings(max_examples=300)
@given(messages)
def test_a_header_block_ends_with_the_first_empty_line(message: bytes) -> None:
    match = re.compile(rb"(?:\A|\n)\r?\n").search(message)
    assert digest(message).header_size == (match.end() if match else len(message))


@settings(max_examples=300)
@given(messages, limits)
def test_the_part_map_says_what_bodystructure_says(message: bytes, limits: MimeLimits) -> None:
    got = digest(message, limits)
    shown = list(_leaf_sizes(read_body(got.body)))
    assert [leaf.size for leaf in PartMap.unpack(got.parts).leaves()] == shown


@settings(max_examples=300)
@given(messages)
def test_search_and_dates_take_any_message(message: bytes) -> None:
    got = digest(message)
    for text in searchable_text(message, PartMap.unpack(got.parts)):
        assert isinstance(text, str)
    date = sent_date(message[: got.header_size])
    assert date is None or (1 <= date.month <= 12 and 1 <= date.day <= 31)


def _is_text(entity: Entity) -> bool:
    return entity.content.type.lower() == b"text"


def _leaf_sizes(body: Value) -> list[Value]:
    assert isinstance(body, tuple)
    if isinstance(body[0], tuple):
        return [size for part in body if isinstance(part, tuple) for size in _leaf_sizes(part)]
    if isinstance(body[0], bytes) and len(body) == 10:
        return _leaf_sizes(body[8])
    return [body[6]]


def _without_extension(body: Value) -> Value:
    assert isinstance(body, tuple)
    if isinstance(body[0], tuple):
        children = 0
        while isinstance(body[children], tuple):
            children += 1
        return (*map(_without_extension, body[:children]), body[children])
    basic = body[:-4]
    return (*basic[:8], _without_extension(basic[8]), basic[9]) if len(basic) == 10 else basic
