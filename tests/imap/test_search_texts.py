"""SEARCH in real messages: encoded words, folded headers, charsets, transfer encodings, HTML, parts, forwards."""

from __future__ import annotations

import pytest

from pillarbox.search import query as q
from tests.search.letters import Letter, LetterCorpus, oracle
from tests.search.samples import NATIVE, samples
from tests.search.talk import Talk, letter

LETTERS = [facts for _, facts in samples()]
WORDS = (
    *("lantern", "lanterns", "harbour=willow", "Inner lantern", "hidden-style", "été", "ete", "<p>", "bare", "quinces"),
    *("quick brown fox", "pears", "plums", "cherries", "plums.txt", "cherries.png", "äpfel", "grapes", "utf-8"),
    *("Inner subject", "Fourth: secret", "raw bytes", "größe", "GRÖSSE", "Zoë", "zoe@", "no end", "Jürgen Müller"),
    *("base64", "14 Jun 2010", "subject:", "nowhere at all", "melons.", "Pete@example.org", "friends", "rocket", ""),
)
FIELDS = ("Subject", "From", "To", "Cc", "Bcc")


async def talk_of_samples() -> Talk:
    return await Talk.open([letter(raw) for raw, _ in samples()])


def expected(query: q.Query) -> list[int]:
    return [row + 1 for row in oracle(query, LetterCorpus(LETTERS))]


async def agree(talk: Talk, keys: bytes, text: str, query: q.Query) -> None:
    assert (keys, text, await talk.found(keys + b" ", text.encode(), b"")) == (keys, text, expected(query))


@pytest.mark.parametrize("field", FIELDS)
async def test_a_header_key_finds_what_a_reader_sees(field: str) -> None:
    talk = await talk_of_samples()
    for text in (*WORDS, *(subject for subject, _, _ in NATIVE.values())):
        await agree(talk, field.upper().encode(), text, q.Header(field, text))
        await agree(talk, b"HEADER " + field.encode(), text, q.Header(field, text))


@pytest.mark.parametrize("language", NATIVE)
async def test_every_language_is_found_in_any_case(language: str) -> None:
    subject, body, _ = NATIVE[language]
    talk = await talk_of_samples()
    number = [*NATIVE].index(language) + 1
    for text in (subject, subject[2:7], subject.upper(), subject.lower()):
        assert await talk.found(b"CHARSET UTF-8 SUBJECT ", text.encode(), b"") == [number]
        assert await talk.found(b"TEXT ", text.encode(), b"") == [number]
        await agree(talk, b"BODY", text, q.Body(text))
    for text in (body, body[1:8], body.upper(), body.lower()):
        assert await talk.found(b"BODY ", text.encode(), b"") == [number]
        assert await talk.found(b"TEXT ", text.encode(), b"") == [number]
        await agree(talk, b"SUBJECT", text, q.Header("Subject", text))


async def test_body_finds_what_a_reader_sees() -> None:
    talk = await talk_of_samples()
    for text in WORDS:
        await agree(talk, b"BODY", text, q.Body(text))


async def test_text_finds_all_that_body_and_header_find() -> None:
    talk = await talk_of_samples()
    for text in WORDS:
        await agree(talk, b"NOT TEXT", text, q.negate(q.Text(text)))


async def test_an_empty_text_asks_for_the_field() -> None:
    talk = await talk_of_samples()
    for name in ("x-empty", "X-Twice", "date", "No-Such", "Subject"):
        query = q.Header(name, "")
        assert await talk.found(b'HEADER %b ""' % name.encode()) == expected(query)
    assert expected(q.Header("x-empty", "")) != []


@pytest.mark.parametrize(
    ("name", "text", "is_found"),
    [("X-Twice", "one", True), ("X-Twice", "two", True), ("x-twice", "one\r\n", False), ("X-Twice", "onetwo", False)],
)
async def test_all_fields_of_a_name_are_searched_each_for_itself(name: str, text: str, is_found: bool) -> None:
    talk = await talk_of_samples()
    found = await talk.found(b"HEADER %b " % name.encode(), text.encode(), b"")
    assert bool(found) is is_found


@pytest.mark.parametrize(
    ("raw_from", "text"),
    [
        (b'"Pete \\"Rocket\\" Smith" <p@example.org>', 'Pete "Rocket" Smith <p@example.org>'),
        (b"joe @ example . org (Joe Doe)", "joe@example.org"),
        (b"joe@example.org (Joe Doe)", "Joe Doe"),
        (b"=?utf-8?q?J=C3=BCrgen?= <j@example.org>", "jürgen <J@EXAMPLE.org>"),
        (b"A Group: x@example.org,\r\n y@example.org;", "a group"),
    ],
)
async def test_addresses_are_found_as_written_and_as_meant(raw_from: bytes, text: str) -> None:
    talk = await Talk.open([letter(b"From: " + raw_from + b"\r\n\r\n"), letter(b"From: else@example.com\r\n\r\n")])
    assert await talk.found(b"FROM ", text.encode(), b"") == [1]


@pytest.mark.parametrize("key", ["SENTBEFORE", "SENTON", "SENTSINCE"])
@pytest.mark.parametrize("day", ["13-Jun-2010", "14-Jun-2010", "15-Jun-2010"])
async def test_the_date_field_is_taken_in_its_own_zone(key: str, day: str) -> None:
    talk = await talk_of_samples()
    dated = [facts.uid for facts in LETTERS if facts.sent]
    matches = {"SENTBEFORE": day[:2] > "14", "SENTON": day[:2] == "14", "SENTSINCE": day[:2] <= "14"}[key]
    assert await talk.found(f"{key} {day}".encode()) == (dated if matches else [])
    undated = [facts.uid for facts in LETTERS if not facts.sent]
    assert await talk.found(f"NOT {key} {day}".encode()) == (undated if matches else [*range(1, len(LETTERS) + 1)])


async def test_sizes_are_those_of_the_message() -> None:
    talk = await talk_of_samples()
    sizes = [len(raw) for raw, _ in samples()]
    for limit in (0, 20, sizes[3], sizes[3] - 1, 5000):
        assert await talk.found(b"LARGER %d" % limit) == [n for n, size in enumerate(sizes, 1) if size > limit]
        assert await talk.found(b"SMALLER %d" % limit) == [n for n, size in enumerate(sizes, 1) if size < limit]


def test_the_samples_say_something() -> None:
    assert len(LETTERS) == 23
    assert all(isinstance(facts, Letter) for facts in LETTERS)
