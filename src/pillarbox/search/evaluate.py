"""Which messages a query matches.

How: what columns can say is asked first, of all messages; then what an index can say (narrow.py). What is still open
is taken in batches; of each message the header is fetched only when a header key must be asked, the body only when a
body key must. What was fetched is asked all of the query's keys of that kind at once, so no message is decoded twice.
And and Or stop as soon as they know.

Recursion goes as deep as And, Or and Not alternate in the query; who reads queries from strangers bounds that.

Must never: hold more than one batch of messages, or run long without a pause.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pyroaring import BitMap

from pillarbox.search.casemap import WINDOW_CHARACTERS, casemap_header, casemap_pieces
from pillarbox.search.corpus import BodyTexts, Corpus, FoldedHeader, HeaderTexts
from pillarbox.search.fuzzy import Fuzzy
from pillarbox.search.narrow import BODY_KINDS, HEADER_KINDS, Known, Narrowing, Observer, Step, cost_of
from pillarbox.search.query import (
    Address,
    And,
    Body,
    BodyKey,
    EmailId,
    FlagTest,
    HasFlag,
    Header,
    HeaderKey,
    Not,
    Or,
    Query,
    SentBefore,
    SentOn,
    SentSince,
    Text,
    ThreadId,
    all_of,
    leaves,
    select_by_flags,
    tests_flags,
)
from pillarbox.search.ranking import Ranked, relevance, score_rows
from pillarbox.search.renumber import set_of

COLUMN_BATCH_ROWS: Final = 8_192
"""Rows that column keys look at between two pauses: about a millisecond."""
HEADER_BATCH_ROWS: Final = 64
"""Headers fetched at a time: about 5 ms of decoding."""
BODY_BATCH_BYTES: Final = 512 * 1024
"""Message bytes fetched at a time, unless one message is larger."""
TEXT_BATCH_ROWS: Final = 256
"""Rows whose answers are remembered while text keys are asked."""


async def matching_rows(query: Query, corpus: Corpus, observe: Observer | None = None) -> list[int]:
    """The rows that `query` matches, ascending. Rows that were found to have gone are left out.

    `observe` is told of every step.
    """
    return (await ranked_rows(query, corpus, observe)).rows


async def ranked_rows(query: Query, corpus: Corpus, observe: Observer | None = None) -> Ranked:
    """The same, and how well each matches."""
    terms = query.terms if isinstance(query, And) else (query,)
    columnar = all_of(term for term in terms if cost_of(term) == 0)
    textual = all_of(term for term in terms if cost_of(term) > 0)
    rows: list[int] = []
    for batch in _slices(range(len(corpus.columns.uids)), COLUMN_BATCH_ROWS):
        rows += await _Batch(columnar, corpus, {}).matching(columnar, batch)
    if observe is not None:
        observe(Step(columnar, "columns", len(corpus.columns.uids), len(rows), 0))
    if textual == all_of(()):
        return Ranked(rows, {})
    narrowing = Narrowing(corpus, observe)
    asked = BitMap(rows)
    fuzzy_keys = dict.fromkeys(leaf for leaf in leaves(textual) if isinstance(leaf, Fuzzy))
    scored = await score_rows(list(fuzzy_keys), corpus, rows, observe)
    for key, scores in scored.items():
        narrowing.known[key] = Known(asked, BitMap(list(scores)))
    bounds = await narrowing.bounds(textual, asked)
    read = await _read(textual, corpus, narrowing, bounds.possible.to_array())
    found = (bounds.certain | BitMap(read)).to_array().tolist()
    if observe is not None:
        observe(Step(textual, "read", len(bounds.possible), len(found) - len(bounds.certain), 0))
    return Ranked(found, {row: relevance(textual, scored, row) for row in found} if scored else {})


async def _read(query: Query, corpus: Corpus, narrowing: Narrowing, possible: Sequence[int]) -> list[int]:
    """Those of the rows that match, told by reading them."""
    found: list[int] = []
    for batch in _slices(possible, TEXT_BATCH_ROWS):
        asked = _Batch(query, corpus, narrowing.known)
        hits = await asked.matching(query, batch)
        found += [row for row in hits if row not in asked.gone]
    return found


def _slices(rows: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


class _Batch:
    """One batch of rows under a query: what was fetched of them, and what it answered."""

    def __init__(self, query: Query, corpus: Corpus, known: Mapping[Query, Known]) -> None:
        self._corpus = corpus
        self._known = known
        kinds = dict.fromkeys(leaves(query))
        self._header_keys: list[HeaderKey | Text] = [leaf for leaf in kinds if isinstance(leaf, (*HEADER_KINDS, Text))]
        self._body_keys: list[BodyKey] = [leaf for leaf in kinds if isinstance(leaf, BODY_KINDS)]
        self._header_hits: dict[HeaderKey | Text, set[int]] = {key: set() for key in self._header_keys}
        self._body_hits: dict[BodyKey, set[int]] = {key: set() for key in self._body_keys}
        self._headers_read: set[int] = set()
        self._bodies_read: set[int] = set()
        self._looked_at = 0
        self.gone: set[int] = set()

    async def matching(self, query: Query, rows: Sequence[int]) -> list[int]:
        """Those of the ascending `rows` that the query matches; rows in `gone` may be among them."""
        match query:
            case And(terms):
                tests = [term for term in terms if tests_flags(term)]
                kept = await self._flagged(tests, rows) if tests else rows
                for term in sorted((term for term in terms if not tests_flags(term)), key=cost_of):
                    kept = await self.matching(term, kept) if kept else kept
                return list(kept)
            case Or(terms):
                left, found = list(rows), set[int]()
                for term in sorted(terms, key=cost_of):
                    found.update(await self.matching(term, left) if left else ())
                    left = [row for row in left if row not in found]
                return [row for row in rows if row in found]
            case Not(HasFlag()):
                return await self._flagged([query], rows)
            case Not(term):
                return (set_of(rows) - set_of(await self.matching(term, rows))).to_array().tolist()
            case Header() | Address() | SentSince() | SentBefore() | SentOn() | EmailId() | ThreadId():
                return await self._with_header(query, rows)
            case Body():
                return await self._with_body(query, rows)
            case Text():
                found = set(await self._with_header(query, rows))
                found.update(await self._with_body(query, [row for row in rows if row not in found]))
                return [row for row in rows if row in found]
            case Fuzzy():
                return [row for row in rows if row in self._known[query].certain]
            case _:
                await self._breathe(len(rows))
                return query.select(self._corpus.columns, rows)

    async def _flagged(self, tests: Iterable[FlagTest], rows: Sequence[int]) -> list[int]:
        await self._breathe(len(rows))
        return select_by_flags(tests, self._corpus.columns, rows)

    async def _breathe(self, rows: int) -> None:
        """Pause when enough rows have been looked at since the last time."""
        self._looked_at += rows
        if self._looked_at >= COLUMN_BATCH_ROWS:
            self._looked_at = 0
            await self._corpus.pause()

    def _open(self, key: HeaderKey | BodyKey, rows: Sequence[int]) -> list[int]:
        """The rows of which the key's answer isn't known without reading."""
        known = self._known.get(key)
        return [row for row in rows if (known is None or known.is_open(row)) and row not in self.gone]

    def _hits(self, found: set[int], key: HeaderKey | BodyKey, rows: Sequence[int]) -> list[int]:
        """Of the rows, those that were found, and those of which it was known before."""
        known = self._known.get(key)
        if known is None:
            return [row for row in rows if row in found]
        return [row for row in rows if row in found or row in known.certain]

    async def _with_header(self, key: HeaderKey | Text, rows: Sequence[int]) -> list[int]:
        unread = [row for row in self._open(key, rows) if row not in self._headers_read]
        for some in _slices(unread, HEADER_BATCH_ROWS):
            for row, header in zip(some, await self._corpus.headers(some), strict=True):
                if header is None:
                    self.gone.add(row)
                else:
                    self._ask_header(row, header)
            self._headers_read.update(some)
            await self._corpus.pause()
        return self._hits(self._header_hits[key], key, rows)

    def _ask_header(self, row: int, header: HeaderTexts) -> None:
        folded = FoldedHeader(header)
        for key, hits in self._header_hits.items():
            if key.matches(folded):
                hits.add(row)

    async def _with_body(self, key: BodyKey, rows: Sequence[int]) -> list[int]:
        unread = [row for row in self._open(key, rows) if row not in self._bodies_read]
        for some in self._body_batches(unread):
            for row, body in zip(some, await self._corpus.bodies(some), strict=True):
                if body is None:
                    self.gone.add(row)
                else:
                    await self._ask_body(row, body)
            self._bodies_read.update(some)
            await self._corpus.pause()
        return self._hits(self._body_hits[key], key, rows)

    def _body_batches(self, rows: Sequence[int]) -> Iterator[Sequence[int]]:
        sizes = self._corpus.columns.sizes
        start, total = 0, 0
        for at, row in enumerate(rows):
            if at > start and (total + sizes[row] > BODY_BATCH_BYTES or at - start == HEADER_BATCH_ROWS):
                yield rows[start:at]
                start, total = at, 0
            total += sizes[row]
        if start < len(rows):
            yield rows[start:]

    async def _ask_body(self, row: int, body: BodyTexts) -> None:
        """Ask one message's parts all that is asked of bodies, until nothing is open."""
        still_open = {key for key in self._body_keys if not (isinstance(key, Text) and row in self._header_hits[key])}
        longest = max((len(key.needle) for key in still_open), default=0)
        texts = body.texts_with([key.needle for key in still_open])
        pieces = (piece for text in texts for piece in casemap_pieces(text, max(longest - 1, 0)))
        self._hit(row, {key for key in still_open if not key.text}, still_open)
        unpaused = 0
        while still_open and (piece := next(pieces, None)) is not None:
            self._hit(row, {key for key in still_open if key.needle in piece}, still_open)
            unpaused += len(piece) or WINDOW_CHARACTERS
            if unpaused >= WINDOW_CHARACTERS:
                unpaused = 0
                await self._corpus.pause()
        asking_headers = {key for key in still_open if isinstance(key, Text)}
        for heading in body.part_headers() if asking_headers else ():
            folded = casemap_header(heading)
            self._hit(row, {key for key in asking_headers if key.header_needle in folded}, still_open)

    def _hit(self, row: int, keys: Iterable[BodyKey], still_open: set[BodyKey]) -> None:
        for key in keys:
            self._body_hits[key].add(row)
            still_open.discard(key)
