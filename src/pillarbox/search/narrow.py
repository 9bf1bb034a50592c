"""What can be said of a query without reading a message: which rows match for sure, and which may.

Every key bounds its matches from both sides: columns exactly, indexed texts by what the index says, all else by
"none for sure, all may". And intersects both bounds, Or unites them, Not turns them round. Only rows between the
bounds have to be read.

What a Fuzzy key matches must be known before (ranking.py).

Within And, columns are asked first, then headers, then bodies, of each the longest text first (the rarest, as a
rule); each term is asked only about the rows that the terms before left over.

Must never: read a message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pyroaring import BitMap

from pillarbox.search.corpus import Candidates, Corpus
from pillarbox.search.fuzzy import Fuzzy
from pillarbox.search.query import (
    Address,
    And,
    Body,
    EmailId,
    Header,
    Not,
    Or,
    Query,
    SentBefore,
    SentOn,
    SentSince,
    Text,
    ThreadId,
    leaves,
)

FEW_ROWS: Final = 8
"""So many messages are read (60 microseconds each) sooner than an index is asked (some 100)."""

HEADER_KINDS: Final = (Header, Address, SentSince, SentBefore, SentOn, EmailId, ThreadId)
BODY_KINDS: Final = (Body, Text)
_INDEXED_KINDS: Final = (Header, Address, Body, Text)

IndexedKey = Header | Address | Body | Text


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a search, for who wants to see how it goes."""

    asked: Query
    how: str
    """`columns`, `index`, `not indexed` (the key can't be), `few left`, or `read`."""
    rows: int
    """Asked about."""
    certain: int
    possible: int


Observer = Callable[[Step], None]


@dataclass(slots=True)
class Known:
    """What the index said of one key."""

    asked: BitMap = field(default_factory=BitMap)
    certain: BitMap = field(default_factory=BitMap)
    possible: BitMap = field(default_factory=BitMap)

    def is_open(self, row: int) -> bool:
        """Whether the row must be read to know."""
        return row in self.possible or row not in self.asked


class Narrowing:
    """The bounds of one search."""

    def __init__(self, corpus: Corpus, observe: Observer | None = None) -> None:
        self.known: dict[Query, Known] = {}
        self._corpus = corpus
        self._observe = observe

    async def bounds(self, query: Query, rows: BitMap) -> Candidates:
        """Which of the rows `query` matches for sure, and which it may match."""
        if not rows:
            return Candidates(rows, rows)
        match query:
            case And(terms):
                return await self._all_of(terms, rows)
            case Or(terms):
                return await self._any_of(terms, rows)
            case Not(term):
                inner = await self.bounds(term, rows)
                return Candidates(rows - inner.certain - inner.possible, inner.possible)
            case SentSince() | SentBefore() | SentOn() | EmailId() | ThreadId():
                return self._noted(query, "not indexed", rows, Candidates(BitMap(), rows))
            case Body(text) | Text(text) if not text:
                return self._noted(query, "columns", rows, Candidates(rows, BitMap()))
            case Header() | Address() | Body() | Text():
                return await self._from_index(query, rows)
            case Fuzzy():
                return Candidates(rows & self.known[query].certain, BitMap())
            case _:
                found = query.select(self._corpus.columns, rows.to_array())
                return self._noted(query, "columns", rows, Candidates(BitMap(found), BitMap()))

    async def _all_of(self, terms: Sequence[Query], rows: BitMap) -> Candidates:
        left, certain = rows, rows
        for term in sorted(terms, key=_cheapest_first):
            found = await self.bounds(term, left)
            certain = certain & found.certain
            left = left & (found.certain | found.possible)
            if not left:
                break
            await self._corpus.pause()
        return Candidates(certain & left, left - certain)

    async def _any_of(self, terms: Sequence[Query], rows: BitMap) -> Candidates:
        left, possible = rows, BitMap()
        for term in sorted(terms, key=_cheapest_first):
            found = await self.bounds(term, left)
            left = left - found.certain
            possible = possible | found.possible
            if not left:
                break
            await self._corpus.pause()
        return Candidates(rows - left, possible & left)

    async def _from_index(self, key: IndexedKey, rows: BitMap) -> Candidates:
        known = self.known.setdefault(key, Known())
        unasked = rows - known.asked
        if 0 < len(unasked) <= FEW_ROWS:
            return self._noted(key, "few left", rows, Candidates(rows & known.certain, rows - known.certain))
        if unasked:
            found = await self._corpus.candidates(key, unasked.to_array())
            if found is None:
                return self._noted(key, "not indexed", rows, Candidates(BitMap(), rows))
            known.asked |= unasked
            known.certain |= found.certain
            known.possible |= found.possible
        return self._noted(key, "index", rows, Candidates(rows & known.certain, rows & known.possible))

    def _noted(self, asked: Query, how: str, rows: BitMap, found: Candidates) -> Candidates:
        if self._observe is not None:
            self._observe(Step(asked, how, len(rows), len(found.certain), len(found.possible)))
        return found


def cost_of(query: Query) -> int:
    """0: columns say it; 1: a header must be read, or it has a score; 2: a body must be read."""
    kinds = list(leaves(query))
    if any(isinstance(leaf, BODY_KINDS) for leaf in kinds):
        return 2
    return int(any(isinstance(leaf, (*HEADER_KINDS, Fuzzy)) for leaf in kinds))


def _cheapest_first(query: Query) -> tuple[int, int]:
    lengths = [len(leaf.text) for leaf in leaves(query) if isinstance(leaf, _INDEXED_KINDS)]
    return cost_of(query), -min(lengths, default=0)
