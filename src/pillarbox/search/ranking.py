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
from pillarbox.search.fuzzy import HIGHEST, Fuzzy, Hit, Vocabulary, Where, scores
from pillarbox.search.narrow import Observer, Step
from pillarbox.search.query import Address, And, Body, Header, Or, Query, Text, all_of, any_of

MOST_READ: Final = 2_000
"""Of the messages that no index knows, the latest: some seconds."""
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


async def score_rows(key: Fuzzy, corpus: Corpus, rows: Sequence[int], observe: Observer | None) -> Mapping[int, int]:
    """The score of each of the ascending `rows` that the key matches."""
    known = await corpus.fuzzy_hits(key, rows)
    unread = sorted(known.unread)[-MOST_READ:]
    found = {**known.found, **await _read(key, corpus, unread)}
    scored = scores(key, found)
    if observe is not None:
        observe(Step(key, "index", len(rows) - len(known.unread), len(known.found), len(known.unread)))
        if unread:
            observe(Step(key, "read", len(unread), len(found) - len(known.found), 0))
    return scored


async def _read(key: Fuzzy, corpus: Corpus, rows: Sequence[int]) -> dict[int, Hit]:
    found = {}
    for start in range(0, len(rows), _BATCH_ROWS):
        some = rows[start : start + _BATCH_ROWS]
        headers = await corpus.headers(some)
        bodies: Sequence[BodyTexts | None] = [None] * len(some)
        if key.where not in _FIELDS.values():
            bodies = await corpus.bodies(some)
        for row, header, body in zip(some, headers, bodies, strict=True):
            hit = None if header is None else await _read_one(key, corpus, header, body)
            if hit is not None:
                found[row] = hit
            await corpus.pause()
    return found


async def _read_one(key: Fuzzy, corpus: Corpus, header: HeaderTexts, body: BodyTexts | None) -> Hit | None:
    vocabulary = Vocabulary()
    vocabulary.add_header(header)
    for text in body.texts() if body is not None else ():
        for _ in vocabulary.add_texts(text):
            await corpus.pause()
    return key.hit(vocabulary)


def relevance(query: Query, scored: Mapping[Fuzzy, Mapping[int, int]], row: int) -> int:
    """The score of a message that the query matches: of fuzzy keys that belong together the mean, of alternatives
    the best. One that only exact alternatives found has the lowest."""
    return _score(query, scored, row) or 1


def _score(query: Query, scored: Mapping[Fuzzy, Mapping[int, int]], row: int) -> int | None:
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


__all__ = ["HIGHEST", "MOST_READ", "Ranked", "fuzzily", "relevance", "score_rows"]
