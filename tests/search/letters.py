"""A corpus of made-up messages, and the slow, obvious way to say whether one of them matches a query.

The oracle looks at one message at a time, with no batches, no order of cost and no memory: what the real
evaluation must agree with.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pillarbox.mail.flags import FlagSet, flag_set
from pillarbox.mail.uids import UidSet
from pillarbox.search import query as q
from pillarbox.search.casemap import casemap
from pillarbox.search.corpus import Candidates, Columns, TextKey
from pillarbox.search.fuzzy import Fuzzy, Hits

NOW_SECONDS = 1_780_000_000


@dataclass(frozen=True)
class Letter:
    """One message, decoded."""

    uid: int
    flags: frozenset[str] = frozenset()
    modseq: int = 1
    size_bytes: int = 1_000
    seconds: int = NOW_SECONDS
    zone_minutes: int = 0
    fields: tuple[tuple[str, str], ...] = ()
    sent: datetime.date | None = None
    saved_seconds: int = NOW_SECONDS
    email_id: str = "m0"
    thread_id: str = "T0"
    part_headers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    is_gone: bool = False


@dataclass
class LetterHeader:
    letter: Letter

    def values(self, name: str) -> Sequence[str]:
        return [value for other, value in self.letter.fields if other.lower() == name.lower()]

    def addresses(self, name: str) -> Sequence[str]:
        return self.values(name)

    def whole(self) -> str:
        return "".join(f"{name}: {value}\r\n" for name, value in self.letter.fields)

    def sent_date(self) -> datetime.date | None:
        return self.letter.sent

    def email_id(self) -> str:
        return self.letter.email_id

    def thread_id(self) -> str:
        return self.letter.thread_id


@dataclass
class LetterBody:
    letter: Letter

    def part_headers(self) -> Sequence[str]:
        return self.letter.part_headers

    def texts(self) -> Iterator[Iterator[str]]:
        return (iter((text,)) for text in self.letter.texts)

    def texts_with(self, needles: Sequence[str]) -> Iterator[Iterator[str]]:
        return (iter((text,)) for text in self.letter.texts if any(needle in casemap(text) for needle in needles))


@dataclass
class LetterCorpus:
    """Counts what is fetched of it."""

    letters: Sequence[Letter]
    recent: UidSet = UidSet(())  # noqa: RUF009  # immutable
    saved: UidSet = UidSet(())  # noqa: RUF009  # immutable
    headers_fetched: list[int] = field(default_factory=list)
    bodies_fetched: list[int] = field(default_factory=list)
    largest_batch: int = 0
    pauses: int = 0

    def __post_init__(self) -> None:
        flags: list[FlagSet] = [flag_set(letter.flags) for letter in self.letters]
        self.columns = Columns(
            uids=[letter.uid for letter in self.letters],
            flags=flags,
            modseqs=[letter.modseq for letter in self.letters],
            sizes=[letter.size_bytes for letter in self.letters],
            date_seconds=[letter.seconds for letter in self.letters],
            date_zones=[letter.zone_minutes for letter in self.letters],
            save_seconds=[letter.saved_seconds for letter in self.letters],
            now_seconds=NOW_SECONDS,
            recent=self.recent,
            saved=self.saved,
        )

    async def candidates(self, key: TextKey, rows: Sequence[int]) -> Candidates | None:
        return None

    async def fuzzy_hits(self, key: Fuzzy, rows: Sequence[int]) -> Hits:
        return Hits({}, rows)

    async def headers(self, rows: Sequence[int]) -> Sequence[LetterHeader | None]:
        self.headers_fetched += rows
        self.largest_batch = max(self.largest_batch, len(rows))
        return [None if self.letters[row].is_gone else LetterHeader(self.letters[row]) for row in rows]

    async def bodies(self, rows: Sequence[int]) -> Sequence[LetterBody | None]:
        self.bodies_fetched += rows
        self.largest_batch = max(self.largest_batch, len(rows))
        return [None if self.letters[row].is_gone else LetterBody(self.letters[row]) for row in rows]

    async def pause(self) -> None:
        self.pauses += 1


def oracle(query: q.Query, corpus: LetterCorpus) -> list[int]:
    """The rows that match, one by one."""
    return [row for row in range(len(corpus.letters)) if says(query, corpus, row)]


def says(query: q.Query, corpus: LetterCorpus, row: int) -> bool:
    """Whether one message matches."""
    letter = corpus.letters[row]
    match query:
        case q.And(terms):
            return all(says(term, corpus, row) for term in terms)
        case q.Or(terms):
            return any(says(term, corpus, row) for term in terms)
        case q.Not(term):
            return not says(term, corpus, row)
        case q.All():
            return True
        case q.HasFlag(name):
            return name.lower() in {flag.lower() for flag in letter.flags}
        case q.Recent():
            return letter.uid in set(corpus.recent)
        case q.Saved():
            return letter.uid in set(corpus.saved)
        case q.Uids(ranges):
            return in_ranges(letter.uid, ranges, corpus.letters[-1].uid)
        case q.Numbers(ranges):
            return in_ranges(row + 1, ranges, len(corpus.letters))
        case q.Larger(size):
            return letter.size_bytes > size
        case q.Smaller(size):
            return letter.size_bytes < size
        case q.Younger(interval):
            return NOW_SECONDS - letter.seconds <= interval
        case q.Older(interval):
            return NOW_SECONDS - letter.seconds >= interval
        case q.ModSeq(modseq):
            return letter.modseq >= modseq
        case q.Since(day) | q.Before(day) | q.On(day):
            return compare(local_day(letter), type(query).__name__, day)
        case q.SentSince(day) | q.SentBefore(day) | q.SentOn(day):
            return letter.sent is not None and compare(letter.sent, type(query).__name__[4:], day)
        case q.SavedSince(day) | q.SavedBefore(day) | q.SavedOn(day):
            saved = datetime.datetime.fromtimestamp(letter.saved_seconds, datetime.UTC).date()
            return compare(saved, type(query).__name__[5:], day)
        case q.EmailId(object_id):
            return letter.email_id == object_id
        case q.ThreadId(object_id):
            return letter.thread_id == object_id
        case q.Header(name, text) | q.Address(name, text):
            return any(contains(value, text) for value in LetterHeader(letter).values(name))
        case q.Body(text):
            return not text or any(contains(piece, text) for piece in letter.texts)
        case q.Text(text):
            everything = (LetterHeader(letter).whole(), *letter.part_headers, *letter.texts)
            return any(contains(piece, text) for piece in everything)
    raise AssertionError(query)


def in_ranges(number: int, ranges: q.Ranges, last: int) -> bool:
    for ends in ranges:
        low, high = sorted(end or last for end in ends)
        if low <= number <= high:
            return True
    return False


def local_day(letter: Letter) -> datetime.date:
    zone = datetime.timezone(datetime.timedelta(minutes=letter.zone_minutes))
    return datetime.datetime.fromtimestamp(letter.seconds, zone).date()


def compare(day: datetime.date, how: str, other: datetime.date) -> bool:
    return {"Since": day >= other, "Before": day < other, "On": day == other}[how.capitalize()]


def contains(text: str, wanted: str) -> bool:
    return casemap(wanted) in casemap(text)
