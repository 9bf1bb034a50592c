"""Queries with fuzzy keys: what they find, how well, and what that costs."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from pillarbox.search import query as q
from pillarbox.search import ranking
from pillarbox.search.evaluate import matching_rows, ranked_rows
from pillarbox.search.fuzzy import HIGHEST, WINDOW_CHARACTERS, Fuzzy, Where
from pillarbox.search.narrow import Step
from pillarbox.search.ranking import Ranked, fuzzily
from tests.search.letters import Letter, LetterCorpus

TEXT = Fuzzy(Where.TEXT, "lantern")
SUBJECT = Fuzzy(Where.SUBJECT, "lantern")
SEEN = q.HasFlag("\\Seen")


def letter(uid: int, subject: str, *texts: str, seen: bool = False) -> Letter:
    flags = frozenset({"\\Seen"} if seen else set())
    return Letter(uid, fields=(("Subject", subject),), texts=texts, flags=flags)


MAIL = (
    letter(1, "nothing", "the lanterns of the harbour", seen=True),
    letter(2, "lantern", "nothing"),
    letter(3, "lantern lantern", "lantern", seen=True),
    letter(4, "lantarn", "nothing"),
)


def ranked(query: q.Query, *mail: Letter, steps: list[Step] | None = None) -> Ranked:
    corpus = LetterCorpus(mail or MAIL)
    return asyncio.run(ranked_rows(query, corpus, None if steps is None else steps.append))


def test_every_found_message_has_a_score() -> None:
    found = ranked(TEXT)
    assert found.rows == [0, 1, 2]
    assert found.scores.keys() == {0, 1, 2}
    assert found.scores[0] < found.scores[1] == HIGHEST


def test_exact_searches_have_no_scores() -> None:
    assert ranked(q.Text("lantern")) == Ranked([0, 1, 2], {})


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        (q.all_of((TEXT, SEEN)), [0, 2]),
        (q.any_of((SUBJECT, SEEN)), [0, 1, 2]),
        (q.negate(TEXT), [3]),
        (q.all_of((TEXT, q.negate(SUBJECT))), [0]),
        (q.all_of((TEXT, q.Body("harbour"))), [0]),
        (q.any_of((SUBJECT, q.Body("harbour"))), [0, 1, 2]),
        (q.all_of((q.any_of((SUBJECT, q.Body("harbour"))), SEEN)), [0, 2]),
        (q.all_of((q.negate(q.any_of((SUBJECT, q.Body("harbour")))),)), [3]),
    ],
)
def test_fuzzy_keys_stand_in_trees_like_any_other(query: q.Query, rows: list[int]) -> None:
    assert ranked(query).rows == rows
    assert asyncio.run(matching_rows(query, LetterCorpus(MAIL))) == rows


def test_scores_of_keys_together_are_the_mean_and_of_alternatives_the_best() -> None:
    body = Fuzzy(Where.BODY, "harbour")
    mail = (letter(1, "lantern", "the harbours of the sea"), letter(2, "lantern", "x"), letter(3, "x", "a harbour"))
    both, either = ranked(q.all_of((SUBJECT, body)), *mail), ranked(q.any_of((SUBJECT, body)), *mail)
    weak = ranked(body, *mail).scores
    assert both.scores == {0: round((HIGHEST + weak[0]) / 2)}
    assert either.scores == {0: HIGHEST, 1: HIGHEST, 2: weak[2]}


def test_what_only_exact_alternatives_find_has_the_lowest_score() -> None:
    assert ranked(q.any_of((SUBJECT, q.Body("harbour")))).scores == {0: 1, 1: HIGHEST, 2: HIGHEST}


def test_a_wrong_letter_is_forgiven_among_those_that_were_asked_about() -> None:
    assert ranked(q.all_of((SUBJECT, q.negate(SEEN)))).rows == [1]
    assert ranked(q.all_of((SUBJECT, q.Uids(((4, 4),))))).rows == [3]


def test_messages_that_are_gone_are_not_found() -> None:
    assert ranked(TEXT, *MAIL[:1], replace(MAIL[1], is_gone=True)).rows == [0]


def test_keys_for_headers_open_no_body() -> None:
    corpus = LetterCorpus(MAIL)
    asyncio.run(matching_rows(SUBJECT, corpus))
    assert (corpus.headers_fetched, corpus.bodies_fetched) == ([0, 1, 2, 3], [])


def test_a_key_that_is_there_twice_is_asked_once() -> None:
    corpus = LetterCorpus(MAIL)
    asyncio.run(matching_rows(q.any_of((q.all_of((SUBJECT, SEEN)), q.all_of((SUBJECT, q.negate(SEEN))))), corpus))
    assert corpus.headers_fetched == [0, 1, 2, 3]


def test_a_message_is_read_once_for_all_keys() -> None:
    corpus = LetterCorpus(MAIL)
    found = asyncio.run(ranked_rows(q.any_of((TEXT, Fuzzy(Where.BODY, "harbour"), SUBJECT)), corpus))
    assert found.rows == [0, 1, 2]
    assert (corpus.headers_fetched, corpus.bodies_fetched) == ([0, 1, 2, 3], [0, 1, 2, 3])


def test_of_what_no_index_knows_only_the_latest_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "MOST_READ", 20)
    mail = tuple(letter(uid, "lantern") for uid in range(1, 101))
    assert ranked(SUBJECT, *mail).rows == list(range(80, 100))


def test_others_have_their_turn_while_a_large_text_is_read() -> None:
    corpus = LetterCorpus((letter(1, "x", "sea " * WINDOW_CHARACTERS + "lantern"),))
    assert asyncio.run(matching_rows(TEXT, corpus)) == [0]
    assert corpus.pauses >= 4


def test_others_have_their_turn_while_many_words_are_compared() -> None:
    text = " ".join(f"word{number}" for number in range(5_000))
    corpus = LetterCorpus((letter(1, "x", text + " lantern"),))
    assert asyncio.run(matching_rows(Fuzzy(Where.TEXT, "lantern word7 zz word9"), corpus)) == []
    assert corpus.pauses >= 10


def test_a_word_at_a_seam_is_whole() -> None:
    text = "s" * (WINDOW_CHARACTERS - 4) + " lantern " + "t" * WINDOW_CHARACTERS
    assert ranked(TEXT, letter(1, "x", text)).rows == [0]


def test_each_step_is_told() -> None:
    steps: list[Step] = []
    ranked(TEXT, steps=steps)
    assert [(step.asked, step.how, step.rows, step.certain, step.possible) for step in steps] == [
        (q.All(), "columns", 4, 4, 0),
        (TEXT, "index", 0, 0, 4),
        (TEXT, "read", 4, 4, 0),
        (TEXT, "read", 0, 0, 0),
    ]


def test_not_is_exact_however_deep() -> None:
    text = q.Text("lantern")
    assert fuzzily(q.all_of((text, q.negate(q.any_of((text, SEEN)))))) == q.all_of(
        (TEXT, q.negate(q.any_of((text, SEEN))))
    )
