"""The evaluation against the oracle of letters.py, key by key and for trees of keys."""

from __future__ import annotations

import asyncio
import datetime
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.mail.uids import UidSet
from pillarbox.search import query as q
from pillarbox.search.casemap import WINDOW_CHARACTERS
from pillarbox.search.evaluate import BODY_BATCH_BYTES, COLUMN_BATCH_ROWS, HEADER_BATCH_ROWS, matching_rows
from tests.search.letters import NOW_SECONDS, Letter, LetterCorpus, oracle

DAY = 86_400
WORDS = ("apple", "Äpfel", "яблоко", "りんご", "strasse", "Straße", "a b", "é", "e", "")
FLAGS = ("\\Seen", "\\Deleted", "$Junk", "work")
IDS = ("m1", "M1", "T-2_x")
NAMES = ("Subject", "From", "To", "X-Odd")
DAYS = tuple(datetime.date(2026, 5, 27) + datetime.timedelta(days=offset) for offset in range(4))


def rows_of(query: q.Query, corpus: LetterCorpus) -> list[int]:
    return asyncio.run(matching_rows(query, corpus))


def letters_of(dice: random.Random, count: int) -> list[Letter]:
    uid = 0
    letters = []
    for _ in range(count):
        uid += dice.choice((1, 1, 1, 5))
        names = dice.sample(NAMES, dice.randrange(len(NAMES)))
        words = [dice.choice(WORDS) + "\r\n " + dice.choice(WORDS) for _ in names]
        letters.append(
            Letter(
                uid=uid,
                flags=frozenset(dice.sample(FLAGS, dice.randrange(len(FLAGS)))),
                modseq=dice.randrange(1, 30),
                size_bytes=dice.randrange(1, 2000),
                seconds=NOW_SECONDS - dice.randrange(-1, 3 * DAY),
                zone_minutes=dice.choice((0, 60, -720, 840, 345)),
                fields=tuple(zip(names, words, strict=True)),
                sent=dice.choice((None, *DAYS)),
                saved_seconds=NOW_SECONDS - dice.randrange(-1, 3 * DAY),
                email_id=dice.choice(IDS),
                thread_id=dice.choice(IDS),
                part_headers=(f"Content-Type: text/plain; name={dice.choice(WORDS)}",),
                texts=tuple(dice.choice(WORDS) * 2 for _ in range(dice.randrange(3))),
            )
        )
    return letters


CORPUS = LetterCorpus(
    letters_of(random.Random("corpus"), 700), recent=UidSet(((700, 720), (900, 1200))), saved=UidSet(((5, 60),))
)

words = st.sampled_from(WORDS)
names = st.sampled_from(NAMES)
days = st.sampled_from(DAYS)
ranges = st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 1500)), min_size=1, max_size=3).map(tuple)
KEYS: dict[str, st.SearchStrategy[q.Query]] = {
    "All": st.just(q.All()),
    "HasFlag": st.builds(q.HasFlag, st.sampled_from(("\\seen", "\\Deleted", "$JUNK", "Work", "none"))),
    "Recent": st.just(q.Recent()),
    "Saved": st.just(q.Saved()),
    "Uids": st.builds(q.Uids, ranges),
    "Numbers": st.builds(q.Numbers, ranges),
    "Since": st.builds(q.Since, days),
    "Before": st.builds(q.Before, days),
    "On": st.builds(q.On, days),
    "Younger": st.builds(q.Younger, st.integers(1, 3 * DAY)),
    "Older": st.builds(q.Older, st.integers(1, 3 * DAY)),
    "Larger": st.builds(q.Larger, st.integers(0, 2000)),
    "Smaller": st.builds(q.Smaller, st.integers(0, 2000)),
    "ModSeq": st.builds(q.ModSeq, st.integers(0, 30)),
    "Header": st.builds(q.Header, names, words),
    "Address": st.builds(q.Address, names, words),
    "SentSince": st.builds(q.SentSince, days),
    "SentBefore": st.builds(q.SentBefore, days),
    "SentOn": st.builds(q.SentOn, days),
    "SavedSince": st.builds(q.SavedSince, days),
    "SavedBefore": st.builds(q.SavedBefore, days),
    "SavedOn": st.builds(q.SavedOn, days),
    "EmailId": st.builds(q.EmailId, st.sampled_from((*IDS, "none"))),
    "ThreadId": st.builds(q.ThreadId, st.sampled_from((*IDS, "none"))),
    "Body": st.builds(q.Body, words),
    "Text": st.builds(q.Text, st.sampled_from((*WORDS, "content-type", "x-odd:"))),
}
trees = st.recursive(
    st.one_of(*KEYS.values()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(q.all_of), st.lists(inner, max_size=4).map(q.any_of), inner.map(q.negate)
    ),
    max_leaves=12,
)


def test_every_key_is_tried() -> None:
    assert {kind.__name__ for kind in (*q.ColumnKey.__args__, *q.HeaderKey.__args__, *q.BodyKey.__args__)} == {*KEYS}


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_finds_what_the_oracle_finds(kind: str) -> None:
    @settings(max_examples=12, deadline=None)
    @given(KEYS[kind])
    def agrees(query: q.Query) -> None:
        assert rows_of(query, CORPUS) == oracle(query, CORPUS)

    agrees()


@settings(max_examples=150, deadline=None)
@given(trees)
def test_a_tree_of_keys_finds_what_the_oracle_finds(query: q.Query) -> None:
    assert rows_of(query, CORPUS) == oracle(query, CORPUS)


@settings(max_examples=60, deadline=None)
@given(trees, st.lists(st.booleans(), max_size=12), st.integers(0, 12), st.integers(0, 2**16))
def test_any_small_corpus_agrees_with_the_oracle(query: q.Query, gone: list[bool], recent: int, seed: int) -> None:
    corpus = LetterCorpus(letters_of(random.Random(seed), 12), recent=UidSet.of(range(recent, 99)))
    assert rows_of(query, corpus) == oracle(query, corpus)


def test_an_empty_corpus_has_no_match() -> None:
    for query in (q.All(), q.Numbers(((1, 0),)), q.Uids(((0, 0),)), q.negate(q.Body("x")), q.Text("")):
        assert rows_of(query, LetterCorpus([])) == []


# --- known answers -----------------------------------------------------------------------------------


def test_a_star_is_the_last_even_when_the_other_end_is_greater() -> None:
    corpus = LetterCorpus([Letter(3), Letter(8), Letter(20)])
    assert rows_of(q.Uids(((100, 0),)), corpus) == [2]
    assert rows_of(q.Numbers(((0, 50),)), corpus) == [2]
    assert rows_of(q.Uids(((0, 0), (3, 3))), corpus) == [0, 2]


def test_the_internal_date_is_taken_in_its_own_zone() -> None:
    late_evening_utc = int(datetime.datetime(2026, 5, 28, 23, 30, tzinfo=datetime.UTC).timestamp())
    corpus = LetterCorpus([Letter(1, seconds=late_evening_utc), Letter(2, seconds=late_evening_utc, zone_minutes=60)])
    assert rows_of(q.On(datetime.date(2026, 5, 28)), corpus) == [0]
    assert rows_of(q.On(datetime.date(2026, 5, 29)), corpus) == [1]
    assert rows_of(q.Before(datetime.date(2026, 5, 29)), corpus) == [0]
    assert rows_of(q.Since(datetime.date(2026, 5, 29)), corpus) == [1]


def test_a_message_of_exactly_that_age_is_both_older_and_younger() -> None:
    corpus = LetterCorpus([Letter(1, seconds=NOW_SECONDS - 60)])
    assert rows_of(q.Older(60), corpus) == rows_of(q.Younger(60), corpus) == [0]
    assert rows_of(q.Older(61), corpus) == rows_of(q.Younger(59), corpus) == []


def test_a_message_without_a_date_field_is_never_sent_on_before_or_since() -> None:
    corpus = LetterCorpus([Letter(1)])
    for kind in (q.SentOn, q.SentBefore, q.SentSince):
        assert rows_of(kind(DAYS[0]), corpus) == []
        assert rows_of(q.negate(kind(DAYS[0])), corpus) == [0]


def test_an_empty_text_asks_whether_the_field_is_there() -> None:
    corpus = LetterCorpus([Letter(1, fields=(("X-Odd", ""),)), Letter(2)])
    assert rows_of(q.Header("x-odd", ""), corpus) == [0]


def test_an_empty_text_is_in_every_body() -> None:
    corpus = LetterCorpus([Letter(1), Letter(2, texts=("x",))])
    assert rows_of(q.Body(""), corpus) == rows_of(q.Text(""), corpus) == [0, 1]


def test_a_field_folded_over_lines_is_searched_as_one_line() -> None:
    corpus = LetterCorpus([Letter(1, fields=(("Subject", " the quick\r\n\tbrown fox"),))])
    assert rows_of(q.Header("Subject", "quick brown"), corpus) == [0]
    assert rows_of(q.Text("quick brown"), corpus) == [0]


def test_body_looks_at_no_header_and_text_at_all_of_them() -> None:
    corpus = LetterCorpus([Letter(1, fields=(("Subject", "pear"),), part_headers=("Content-Description: plum",))])
    assert rows_of(q.Body("pear"), corpus) == rows_of(q.Body("plum"), corpus) == []
    assert rows_of(q.Text("pear"), corpus) == rows_of(q.Text("plum"), corpus) == [0]


def test_a_text_over_two_parts_is_not_found() -> None:
    corpus = LetterCorpus([Letter(1, texts=("one ", "two"))])
    assert rows_of(q.Body("one two"), corpus) == []


def test_a_long_text_is_found_wherever_it_is() -> None:
    filler = "x" * (2 * WINDOW_CHARACTERS - 3)
    corpus = LetterCorpus([Letter(1, texts=(filler + "NEEDLE" + filler,)), Letter(2, texts=(filler,))])
    assert rows_of(q.Body("needle"), corpus) == [0]
    assert rows_of(q.any_of((q.Body("y"), q.Body("needle"))), corpus) == [0]


# --- gone, and how much is read ----------------------------------------------------------------------


def test_a_message_that_went_meanwhile_matches_nothing_not_even_not() -> None:
    gone = [Letter(1, is_gone=True), Letter(2, fields=(("Subject", "pear"),), texts=("plum",))]
    for query in (q.Header("Subject", "x"), q.Body("x"), q.Text("x")):
        corpus = LetterCorpus(gone)
        assert rows_of(q.negate(query), corpus) == [1]


def test_columns_are_asked_before_a_header_is_read() -> None:
    corpus = LetterCorpus(letters_of(random.Random("cost"), 300))
    rows_of(q.all_of((q.Header("Subject", "apple"), q.Body("apple"), q.Numbers(((7, 9),)))), corpus)
    assert set(corpus.headers_fetched) <= {6, 7, 8}
    assert set(corpus.bodies_fetched) <= {6, 7, 8}


def test_a_query_of_columns_reads_nothing() -> None:
    corpus = LetterCorpus(letters_of(random.Random("cost"), 300))
    rows_of(q.all_of((q.HasFlag("\\Seen"), q.negate(q.Larger(5)))), corpus)
    assert corpus.headers_fetched == corpus.bodies_fetched == []


def test_no_message_is_read_twice() -> None:
    corpus = LetterCorpus(letters_of(random.Random("cost"), 300))
    keys = [q.Header("Subject", "no"), q.Address("From", "no"), q.Body("no such"), q.Text("no such"), q.Body("nor")]
    rows_of(q.any_of((*keys, q.all_of(keys))), corpus)
    assert sorted(corpus.headers_fetched) == sorted(corpus.bodies_fetched) == list(range(300))


def test_bodies_are_read_only_where_the_header_left_it_open() -> None:
    corpus = LetterCorpus([Letter(1, fields=(("Subject", "pear"),)), Letter(2)])
    assert rows_of(q.any_of((q.Body("pear"), q.Header("Subject", "pear"))), corpus) == [0]
    assert corpus.bodies_fetched == [1]
    corpus = LetterCorpus([Letter(1, fields=(("Subject", "pear"),)), Letter(2)])
    assert rows_of(q.Text("pear"), corpus) == [0]
    assert corpus.bodies_fetched == [1]


def test_batches_are_bounded_and_others_may_run_between_them() -> None:
    corpus = LetterCorpus(letters_of(random.Random("cost"), 300))
    rows_of(q.Text("nowhere"), corpus)
    assert corpus.largest_batch == HEADER_BATCH_ROWS
    assert corpus.pauses >= 2 * 300 // HEADER_BATCH_ROWS


def test_large_messages_are_fetched_alone() -> None:
    large = [Letter(uid, size_bytes=BODY_BATCH_BYTES) for uid in range(1, 6)]
    corpus = LetterCorpus(large)
    rows_of(q.Body("x"), corpus)
    assert corpus.largest_batch == 1
    assert corpus.bodies_fetched == [0, 1, 2, 3, 4]


def test_many_column_keys_pause_too() -> None:
    rows, keys = COLUMN_BATCH_ROWS // 4, 40
    corpus = LetterCorpus([Letter(uid) for uid in range(1, rows + 1)])
    rows_of(q.any_of(q.HasFlag(f"none{number}") for number in range(keys)), corpus)
    assert corpus.pauses == rows * keys // COLUMN_BATCH_ROWS


# --- trees -------------------------------------------------------------------------------------------


def test_trees_are_kept_flat() -> None:
    a, b, c = q.HasFlag("a"), q.HasFlag("b"), q.HasFlag("c")
    assert q.all_of((a, q.all_of((b, c)), a)) == q.And((a, b, c))
    assert q.any_of((q.any_of((a, b)), c)) == q.Or((a, b, c))
    assert q.all_of(()) == q.All()
    assert q.all_of((q.All(), a)) == a
    assert q.any_of((a,)) == a
    assert q.negate(q.negate(a)) == a
    assert list(q.leaves(q.negate(q.any_of((a, q.all_of((b, c))))))) == [a, b, c]
