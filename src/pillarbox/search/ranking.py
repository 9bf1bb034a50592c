"""How well messages match a query with fuzzy keys (RFC 6203), and which queries those are.

What a fuzzy key matches depends on all messages that are asked about (a letter may be wrong where nobody has the word),
so each is answered whole before the query is: by the index, and by reading what that doesn't know.

Must never: read more than MOST_READ messages for a key. RFC 6203 section 8 lets servers bound a search; what lies
behind is found as soon as it is indexed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pillarbox.search.corpus import BodyTexts, Corpus, HeaderTexts
from pillarbox.search.fuzzy import HIGHEST, Comparison, Fuzzy, Hit, Vocabulary, Where, scores
from pillarbox.search.narrow import Observer, Step
from pillarbox.search.query import Address, And, Body, Header, Or, Query, Text, all_of, any_of

MOST_READ: Final = 2_000
"""Of the messages that no index knows, the latest: some seconds."""
MOST_KEYS: Final = 16
"""Of a query: each is answered for all messages."""
_BATCH_ROWS: Final = 16
_FIELDS: Final = {
    "subject": Where.SUBJECT,
    "from": Where.FROM,
    "to": Where.TO,
    "cc": Where.CC,
    "bcc": Where.BCC,
}


@dataclass(frozen=True, slots=True)
class Ranked:
    """What a search found."""

    rows: list[int]
    """Ascending."""
    scores: Mapping[int, int]
    """1 to HIGHEST by row; empty when no key was fuzzy, which makes all the same."""


def fuzzily(query: Query) -> Query:
    """The query with its texts matched fuzzily. What is in Not, and all that isn't a text, is matched exactly (RFC
    6203 section 5); so are texts without words."""
    match query:
        case And(terms):
            return all_of(map(fuzzily, terms))
        case Or(terms):
            return any_of(map(fuzzily, terms))
        case Header(name, text) | Address(name, text):
            where = _FIELDS.get(name.lower())
            return query if where is None else _worded(Fuzzy(where, text), query)
        case Body(text):
            return _worded(Fuzzy(Where.BODY, text), query)
        case Text(text):
            return _worded(Fuzzy(Where.TEXT, text), query)
        case _:
            return query


def _worded(key: Fuzzy, exact: Query) -> Query:
    return key if key.words else exact


Scores = Mapping[Fuzzy, Mapping[int, int]]
"""By key and row."""


async def score_rows(keys: Sequence[Fuzzy], corpus: Corpus, rows: Sequence[int], observe: Observer | None) -> Scores:
    """For each key the score of each of the ascending `rows` that it matches. What must be read is read once."""
    hits: dict[Fuzzy, dict[int, Hit]] = {}
    unread: dict[Fuzzy, frozenset[int]] = {}
    for key in keys:
        known = await corpus.fuzzy_hits(key, rows)
        hits[key], unread[key] = dict(known.found), frozenset(sorted(known.unread)[-MOST_READ:])
        if observe is not None:
            observe(Step(key, "index", len(rows) - len(known.unread), len(known.found), len(known.unread)))
    await _read(corpus, unread, hits)
    if observe is not None:
        for key in filter(unread.__getitem__, keys):
            observe(Step(key, "read", len(unread[key]), len(unread[key].intersection(hits[key])), 0))
    return {key: scores(key, found) for key, found in hits.items()}


async def _read(corpus: Corpus, unread: Mapping[Fuzzy, frozenset[int]], hits: Mapping[Fuzzy, dict[int, Hit]]) -> None:
    """Ask the messages that each key is open for, and add what they answer to `hits`."""
    rows = sorted(frozenset[int]().union(*unread.values()))
    asks_bodies = not all(key.where in _FIELDS.values() for key in unread)
    for start in range(0, len(rows), _BATCH_ROWS):
        some = rows[start : start + _BATCH_ROWS]
        headers = await corpus.headers(some)
        bodies: Sequence[BodyTexts | None] = await corpus.bodies(some) if asks_bodies else [None] * len(some)
        for row, header, body in zip(some, headers, bodies, strict=True):
            vocabulary = Vocabulary() if header is None else await _vocabulary(corpus, header, body)
            for key in (key for key in unread if row in unread[key]):
                comparison = Comparison(key, vocabulary)
                while comparison.go_on():
                    await corpus.pause()
                if comparison.hit is not None:
                    hits[key][row] = comparison.hit
            await corpus.pause()


async def _vocabulary(corpus: Corpus, header: HeaderTexts, body: BodyTexts | None) -> Vocabulary:
    vocabulary = Vocabulary()
    vocabulary.add_header(header)
    for text in body.texts() if body is not None else ():
        for _ in vocabulary.add_texts(text):
            await corpus.pause()
    return vocabulary


def relevance(query: Query, scored: Scores, row: int) -> int:
    """The score of a message that the query matches: of fuzzy keys that belong together the mean, of alternatives
    the best. One that only exact alternatives found has the lowest."""
    return _score(query, scored, row) or 1


def _score(query: Query, scored: Scores, row: int) -> int | None:
    match query:
        case Fuzzy():
            return scored[query].get(row)
        case And(terms) | Or(terms):
            of_terms = [score for score in (_score(term, scored, row) for term in terms) if score is not None]
            if not of_terms:
                return None
            return max(of_terms) if isinstance(query, Or) else round(sum(of_terms) / len(of_terms))
        case _:
            return None


__all__ = ["HIGHEST", "MOST_KEYS", "MOST_READ", "Ranked", "fuzzily", "relevance", "score_rows"]
