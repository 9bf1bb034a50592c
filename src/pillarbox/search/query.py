"""Search keys as values: what is asked, whichever protocol asks.

RFC 9051 section 6.4.4, RFC 3501 section 6.4.4, RFC 5032 (YOUNGER, OLDER), RFC 7162 section 3.1.5 (MODSEQ),
RFC 5182 (the saved result), RFC 8474 section 6 (EMAILID, THREADID), RFC 8514 section 4.3 (SAVEDON and its like).

Four kinds of keys, by what it costs to ask them: columns (at hand), headers, bodies, and Text, which asks
both. Fuzzy is a kind of its own (fuzzy.py). And, Or and Not put them together; make those with `all_of`, `any_of` and
`negate`, which keep trees flat.

Must never: fetch anything; see evaluate.py.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Final, TypeGuard, TypeVar

from pillarbox.mail.flags import FlagSet
from pillarbox.mail.uids import UidSet
from pillarbox.search.casemap import casemap, casemap_header
from pillarbox.search.corpus import Columns, FoldedHeader
from pillarbox.search.fuzzy import Fuzzy

LAST: Final = 0
"""Stands for the highest number or UID there is (`*`) at either end of a range."""

Ranges = tuple[tuple[int, int], ...]
"""Inclusive, as asked: either end first, either end LAST, overlapping or not."""

V = TypeVar("V")

_EPOCH_DAY: Final = datetime.date(1970, 1, 1).toordinal()


def resolve(ranges: Ranges, last: int) -> UidSet:
    """The set that `ranges` mean when `last` is the highest there is; 0: there is none, so LAST is nothing.

    RFC 9051 section 9 (seq-range): `*` is the highest, and `12:*` holds it even when it is below 12.
    """
    if not last:
        ranges = tuple(pair for pair in ranges if LAST not in pair)
    return UidSet.of_ranges((low or last, high or last) for low, high in ranges)


def _values(column: Sequence[V], rows: Sequence[int]) -> Iterable[V]:
    """The column's value in each of the rows."""
    return column[rows.start : rows.stop] if isinstance(rows, range) else map(column.__getitem__, rows)


# --- columns -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        return list(rows)


@dataclass(frozen=True, slots=True)
class HasFlag:
    r"""Messages that carry a flag or a keyword, in any case. Not `\Recent`: see Recent."""

    name: str

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        return select_by_flags([self], columns, rows)


@dataclass(frozen=True, slots=True)
class Recent:
    r"""Messages that are `\Recent` to who asks (RFC 3501 section 2.3.2)."""

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        uids, recent = columns.uids, columns.recent
        return [row for row in rows if uids[row] in recent] if recent else []


@dataclass(frozen=True, slots=True)
class Uids:
    """Messages by UID."""

    ranges: Ranges

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        uids = columns.uids
        wanted = resolve(self.ranges, uids[-1] if len(uids) else 0)
        return [row for row in rows if uids[row] in wanted]


@dataclass(frozen=True, slots=True)
class Numbers:
    """Messages by message sequence number. Numbers that no message has match nothing."""

    ranges: Ranges

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        wanted = resolve(self.ranges, len(columns.uids))
        return [row for row in rows if row + 1 in wanted]


@dataclass(frozen=True, slots=True)
class Saved:
    """Messages of the saved result, `$` (RFC 5182)."""

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        uids, saved = columns.uids, columns.saved
        return [row for row in rows if uids[row] in saved] if saved else []


@dataclass(frozen=True, slots=True)
class Since:
    """Messages whose internal date, in its own zone, falls on that day or later."""

    day: datetime.date

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        seconds, zones = columns.date_seconds, columns.date_zones
        midnight = (self.day.toordinal() - _EPOCH_DAY) * 86_400
        local = zip(rows, _values(seconds, rows), _values(zones, rows), strict=True)
        return [row for row, second, zone in local if second + zone * 60 >= midnight]


@dataclass(frozen=True, slots=True)
class Before:
    """Messages whose internal date, in its own zone, falls on an earlier day."""

    day: datetime.date

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        seconds, zones = columns.date_seconds, columns.date_zones
        midnight = (self.day.toordinal() - _EPOCH_DAY) * 86_400
        local = zip(rows, _values(seconds, rows), _values(zones, rows), strict=True)
        return [row for row, second, zone in local if second + zone * 60 < midnight]


@dataclass(frozen=True, slots=True)
class On:
    """Messages whose internal date, in its own zone, falls on that day."""

    day: datetime.date

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        seconds, zones = columns.date_seconds, columns.date_zones
        wanted = self.day.toordinal() - _EPOCH_DAY
        local = zip(rows, _values(seconds, rows), _values(zones, rows), strict=True)
        return [row for row, second, zone in local if (second + zone * 60) // 86_400 == wanted]


@dataclass(frozen=True, slots=True)
class SavedSince:
    """Messages that came into the mailbox on that day, in UTC, or later."""

    day: datetime.date

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        saved, midnight = columns.save_seconds, (self.day.toordinal() - _EPOCH_DAY) * 86_400
        return [row for row in rows if saved[row] >= midnight]


@dataclass(frozen=True, slots=True)
class SavedBefore:
    """Messages that came into the mailbox on an earlier day, in UTC."""

    day: datetime.date

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        saved, midnight = columns.save_seconds, (self.day.toordinal() - _EPOCH_DAY) * 86_400
        return [row for row in rows if saved[row] < midnight]


@dataclass(frozen=True, slots=True)
class SavedOn:
    """Messages that came into the mailbox on that day, in UTC."""

    day: datetime.date

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        saved, wanted = columns.save_seconds, self.day.toordinal() - _EPOCH_DAY
        return [row for row in rows if saved[row] // 86_400 == wanted]


@dataclass(frozen=True, slots=True)
class Younger:
    """Messages whose internal date lies at most so many seconds back (RFC 5032)."""

    interval_seconds: int

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        seconds, target = columns.date_seconds, columns.now_seconds - self.interval_seconds
        return [row for row in rows if seconds[row] >= target]


@dataclass(frozen=True, slots=True)
class Older:
    """Messages whose internal date lies at least so many seconds back (RFC 5032)."""

    interval_seconds: int

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        seconds, target = columns.date_seconds, columns.now_seconds - self.interval_seconds
        return [row for row in rows if seconds[row] <= target]


@dataclass(frozen=True, slots=True)
class Larger:
    """Messages of more bytes."""

    size_bytes: int

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        sizes, limit = columns.sizes, self.size_bytes
        return [row for row in rows if sizes[row] > limit]


@dataclass(frozen=True, slots=True)
class Smaller:
    """Messages of fewer bytes."""

    size_bytes: int

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        sizes, limit = columns.sizes, self.size_bytes
        return [row for row in rows if sizes[row] < limit]


@dataclass(frozen=True, slots=True)
class ModSeq:
    """Messages with that mod-sequence or a greater one.

    A client may name one flag's entry and its type (RFC 7162 section 3.1.5). Mod-sequences are kept per
    message, so both are ignored, as the section demands.
    """

    modseq: int
    entry_name: str = ""
    entry_type: str = ""

    def select(self, columns: Columns, rows: Sequence[int]) -> list[int]:
        modseqs, least = columns.modseqs, self.modseq
        return [row for row in rows if modseqs[row] >= least]


# --- headers -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Header:
    """Messages with a field of that name that has the text in its value; an empty text: that have the field."""

    name: str
    text: str
    needle: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "needle", casemap_header(self.text))

    def matches(self, header: FoldedHeader) -> bool:
        return any(self.needle in value for value in header.values(self.name))


@dataclass(frozen=True, slots=True)
class Address:
    """Messages with the text in an address field (From, To, Cc, Bcc); an empty text: that have the field."""

    name: str
    text: str
    needle: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "needle", casemap_header(self.text))

    def matches(self, header: FoldedHeader) -> bool:
        return any(self.needle in value for value in header.addresses(self.name))


@dataclass(frozen=True, slots=True)
class SentSince:
    """Messages whose Date field, in its own zone, names that day or a later one. Without a date: never."""

    day: datetime.date

    def matches(self, header: FoldedHeader) -> bool:
        sent = header.sent_date()
        return sent is not None and sent >= self.day


@dataclass(frozen=True, slots=True)
class SentBefore:
    """Messages whose Date field, in its own zone, names an earlier day. Without a date: never."""

    day: datetime.date

    def matches(self, header: FoldedHeader) -> bool:
        sent = header.sent_date()
        return sent is not None and sent < self.day


@dataclass(frozen=True, slots=True)
class SentOn:
    """Messages whose Date field, in its own zone, names that day. Without a date: never."""

    day: datetime.date

    def matches(self, header: FoldedHeader) -> bool:
        return header.sent_date() == self.day


@dataclass(frozen=True, slots=True)
class EmailId:
    """Messages of that id (RFC 8474 section 5.1), which upper and lower case are told apart in."""

    object_id: str

    def matches(self, header: FoldedHeader) -> bool:
        return header.email_id() == self.object_id


@dataclass(frozen=True, slots=True)
class ThreadId:
    """Messages of that thread (RFC 8474 section 5.2)."""

    object_id: str

    def matches(self, header: FoldedHeader) -> bool:
        return header.thread_id() == self.object_id


# --- bodies ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Body:
    """Messages with the text in the readable text of their body. An empty text: every message."""

    text: str
    needle: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "needle", casemap(self.text))


@dataclass(frozen=True, slots=True)
class Text:
    """Messages with the text in their header, in MIME headers of their parts, or in their body."""

    text: str
    needle: str = field(init=False, repr=False, compare=False)
    """For bodies, as in Body."""
    header_needle: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "needle", casemap(self.text))
        object.__setattr__(self, "header_needle", casemap_header(self.text))

    def matches(self, header: FoldedHeader) -> bool:
        """Whether the header alone has it."""
        return self.header_needle in header.whole()


# --- together ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class And:
    """Messages that all terms match. Made by `all_of`."""

    terms: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Messages that any of the terms matches. Made by `any_of`."""

    terms: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Messages that the term doesn't match. Made by `negate`."""

    term: Query


ColumnKey = (
    All
    | HasFlag
    | Recent
    | Uids
    | Numbers
    | Saved
    | Since
    | Before
    | On
    | SavedSince
    | SavedBefore
    | SavedOn
    | Younger
    | Older
    | Larger
    | Smaller
    | ModSeq
)
HeaderKey = Header | Address | SentSince | SentBefore | SentOn | EmailId | ThreadId
BodyKey = Body | Text
FlagTest = HasFlag | Not
"""Such that tests_flags() says so."""
Query = ColumnKey | HeaderKey | BodyKey | Fuzzy | And | Or | Not


def tests_flags(query: Query) -> TypeGuard[FlagTest]:
    """Whether it asks for a flag, or for messages without it."""
    return isinstance(query, HasFlag) or (isinstance(query, Not) and isinstance(query.term, HasFlag))


class _Passing(dict[FlagSet, bool]):
    """By flag set, whether it passes all tests. Different sets are few, so each is looked into once."""

    def __init__(self, tests: Iterable[FlagTest]) -> None:
        super().__init__()
        self._wanted, self._unwanted = set[str](), set[str]()
        for test in tests:
            if isinstance(test, HasFlag):
                self._wanted.add(test.name.lower())
            elif isinstance(test.term, HasFlag):
                self._unwanted.add(test.term.name.lower())

    def __missing__(self, flags: FlagSet) -> bool:
        names = {name.lower() for name in flags.names}
        self[flags] = self._wanted <= names and names.isdisjoint(self._unwanted)
        return self[flags]


def select_by_flags(tests: Iterable[FlagTest], columns: Columns, rows: Sequence[int]) -> list[int]:
    """The rows whose flags pass all tests: one look at each row, however many tests there are."""
    return list(compress(rows, map(_Passing(tests).__getitem__, _values(columns.flags, rows))))


def all_of(terms: Iterable[Query]) -> Query:
    """All of them together; of none: every message."""
    flat: list[Query] = []
    for term in terms:
        flat.extend(term.terms if isinstance(term, And) else (term,))
    distinct = tuple(dict.fromkeys(term for term in flat if term != All()))
    return distinct[0] if len(distinct) == 1 else And(distinct) if distinct else All()


def any_of(terms: Iterable[Query]) -> Query:
    """Any of them; of none: no message."""
    flat: list[Query] = []
    for term in terms:
        flat.extend(term.terms if isinstance(term, Or) else (term,))
    distinct = tuple(dict.fromkeys(flat))
    return distinct[0] if len(distinct) == 1 else Or(distinct)


def negate(term: Query) -> Query:
    """The opposite."""
    return term.term if isinstance(term, Not) else Not(term)


def leaves(query: Query) -> Iterator[ColumnKey | HeaderKey | BodyKey | Fuzzy]:
    """The keys of a query that are no And, Or or Not, from left to right."""
    waiting: list[Query] = [query]
    while waiting:
        node = waiting.pop()
        if isinstance(node, And | Or):
            waiting.extend(reversed(node.terms))
        elif isinstance(node, Not):
            waiting.append(node.term)
        else:
            yield node
