"""The engine with its index against a slow, obvious matcher, over varied multilingual mail.

Thousands of generated queries, while the index lags, and while messages arrive and vanish. The matcher folds whole
texts and looks into them one message at a time.
"""

from __future__ import annotations

import functools
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.imap.search_corpus import ViewCorpus
from pillarbox.imap.view import View
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.flags import DELETED, FlagAction
from pillarbox.mail.uids import UidSet
from pillarbox.mime.digest import digest
from pillarbox.search import query as q
from pillarbox.search.casemap import casemap, casemap_header
from pillarbox.search.evaluate import matching_rows
from pillarbox.search.narrow import Step
from pillarbox.store.contract import AccountId, AccountStore, MailboxId, NewMessage, StoreLimits
from pillarbox.store.searchable import MessageBody, MessageHeader
from pillarbox.store.sqlite import IndexSettings, SqliteSettings, SqliteStore, asking, open_store, shelves
from pillarbox.store.sqlite.account_indexer import AccountIndexer, Turn
from tests.differential.corpus import corpus
from tests.search.samples import samples
from tests.store.conftest import account_folder

DATE = InternalDate(1_780_000_000, 0)
FIELDS = ("Subject", "From", "To", "Cc", "Bcc", "Received", "Message-ID", "Content-Type", "X-Twice", "X-No-Such")
ABSENT = (
    "zzgargoyle",
    "qx",
    "\x00",
    "lan\x00tern",
    "\x01",
    "\ufffd",
    "\U0001f600",
    "見積書書",
    "%_",
    '"',
    "' OR 1=1 --",
)


@dataclass(frozen=True)
class Facts:
    """One message, folded whole."""

    header: MessageHeader
    whole: str
    part_headers: tuple[str, ...]
    texts: tuple[str, ...]

    @functools.cached_property
    def folded_values(self) -> dict[tuple[str, bool], list[str]]:
        return {
            (name, is_address): [
                casemap_header(text)
                for text in (self.header.addresses(name) if is_address else self.header.values(name))
            ]
            for name in FIELDS
            for is_address in (True, False)
        }


class _Held:
    """contract.Content."""

    def __init__(self, data: bytes) -> None:
        self.size_bytes = len(data)
        self._data = data

    def read(self, start: int, end: int) -> bytes:
        return self._data[start:end]

    def whole(self) -> bytes:
        return self._data


def facts_of(raw: bytes) -> Facts:
    known = digest(raw)
    header, body = MessageHeader(raw[: known.header_size]), MessageBody(known.parts, _Held(raw))
    return Facts(
        header,
        casemap_header(header.whole()),
        tuple(map(casemap_header, body.part_headers())),
        tuple(casemap("".join(text)) for text in body.texts()),
    )


folded = functools.lru_cache(maxsize=64)(casemap)
folded_header = functools.lru_cache(maxsize=64)(casemap_header)


def says(query: q.Query, facts: Facts, uid: int) -> bool:
    match query:
        case q.And(terms):
            return all(says(term, facts, uid) for term in terms)
        case q.Or(terms):
            return any(says(term, facts, uid) for term in terms)
        case q.Not(term):
            return not says(term, facts, uid)
        case q.All():
            return True
        case q.Uids(((low, high),)):
            return low <= uid <= high
        case q.Header(name, text) | q.Address(name, text):
            values = facts.folded_values[name, isinstance(query, q.Address)]
            return any(folded_header(text) in value for value in values)
        case q.Body(text):
            return not text or any(folded(text) in piece for piece in facts.texts)
        case q.Text(text):
            headers = (facts.whole, *facts.part_headers)
            return any(folded_header(text) in piece for piece in headers) or says(q.Body(text), facts, uid)
    raise AssertionError(query)


@functools.cache
def mail() -> tuple[bytes, ...]:
    """About 300 messages: of every family of the differential tests, and in many languages."""
    raws = [sample.content for sample in corpus()[::2]] + [raw for raw, _ in samples()]
    random.Random("order").shuffle(raws)
    return tuple(raw for raw in raws if 0 < len(raw) < 200_000)


class Dice:
    """Draws needles and queries."""

    def __init__(self, seed: str, known: Sequence[Facts]) -> None:
        self._dice = random.Random(seed)
        self._known = known

    def needle(self) -> str:
        """A piece of some message, often; else something that may be nowhere."""
        dice = self._dice
        if dice.random() < 0.15:
            return dice.choice(ABSENT)
        facts = dice.choice(self._known)
        sources = [text for text in (*facts.texts, facts.header.whole(), *facts.part_headers) if text.strip()]
        if not sources:
            return "e"
        source = dice.choice(sources)
        length = dice.choice((1, 2, 2, 3, 4, 5, 6, 8, 12, 30, 200))
        at = dice.randrange(max(1, len(source) - length + 1))
        needle = source[at : at + length]
        change = dice.random()
        if change < 0.15:
            needle = needle.upper()
        elif change < 0.25 and len(needle) > 4:
            middle = len(needle) // 2
            needle = needle[middle:] + needle[:middle]
        elif change < 0.30:
            needle = needle * 2
        return needle.replace("\r", "").replace("\n", "") if dice.random() < 0.5 else needle

    def key(self) -> q.Query:
        dice, needle = self._dice, self.needle()
        match dice.randrange(9):
            case 0 | 1:
                return q.Body(needle)
            case 2 | 3:
                return q.Text(needle)
            case 4:
                return q.Address(dice.choice(FIELDS[1:5]), needle if dice.random() < 0.9 else "")
            case 5:
                return q.Header("Subject", needle if dice.random() < 0.9 else "")
            case 6 | 7:
                return q.Header(dice.choice(FIELDS), needle if dice.random() < 0.8 else "")
            case _:
                low = dice.randrange(1, 400)
                return q.Uids(((low, low + dice.randrange(300)),))

    def query(self, depth: int = 3) -> q.Query:
        dice = self._dice
        shape = dice.randrange(6) if depth else 0
        if shape <= 2:
            return self.key()
        if shape == 3:
            return q.negate(self.query(depth - 1))
        terms = [self.query(depth - 1) for _ in range(dice.randrange(2, 4))]
        return q.all_of(terms) if shape == 4 else q.any_of(terms)


class Searched:
    """A mailbox in a store on disk, and what is known of its messages."""

    def __init__(self, store: SqliteStore, account: AccountStore, box: MailboxId, folder: Path) -> None:
        self.store, self.account, self.box = store, account, box
        self._folder = folder
        self.facts: dict[int, Facts] = {}
        self.steps: list[Step] = []

    async def arrive(self, raws: Sequence[bytes]) -> None:
        appended = await self.account.append(self.box, [NewMessage(raw, DATE) for raw in raws])
        self.facts.update(zip(appended.uids, map(facts_of, raws), strict=True))

    async def vanish(self, uids: Sequence[int]) -> None:
        await self.account.store_flags(self.box, uids, FlagAction.ADD, frozenset({DELETED}))
        for uid in (await self.account.expunge(self.box)).uids:
            del self.facts[uid]

    def index(self, settings: IndexSettings | None = None) -> Turn:
        indexer = AccountIndexer(account_folder(self._folder), digest, settings or IndexSettings(), NoEvents())
        while (end := indexer.add_turn()) is Turn.MORE and settings is None:
            pass
        indexer.sweep_turn()
        return end

    async def view(self) -> View:
        image = await self.account.image(self.box)
        return View(image, lambda: None, read_only=True, first_recent_uid=image.uidnext)

    async def found(self, query: q.Query, view: View) -> list[int]:
        """As imap/commands/search.py does it."""
        await self.account.image(self.box)
        rows = await matching_rows(query, ViewCorpus(view, self.account, UidSet(()), 0), self.steps.append)
        return [view.uids[row] for row, there in zip(rows, view.rows_of(rows), strict=True) if there >= 0]

    async def agree(self, query: q.Query, view: View) -> None:
        known = view.uids[: view.count]
        expected = [uid for uid in known if uid in self.facts and says(query, self.facts[uid], uid)]
        assert (query, await self.found(query, view)) == (query, expected)


@pytest.fixture
async def searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Searched]:
    monkeypatch.setattr(asking, "FEW_TEXTS", 0)  # ask the trigrams, however few the texts are
    monkeypatch.setattr(shelves, "SHELF_CONTENTS", 16)
    monkeypatch.setattr(shelves, "_SAMPLED", 2)
    folder = tmp_path / "mail"
    store = await open_store(
        folder, StoreLimits(), HeldClock(), NoEvents(), SqliteSettings(inline_bytes=20_000, poll_seconds=3_600)
    )
    account = await store.open(AccountId("anna"))
    yield Searched(store, account, (await account.find("INBOX")).id, folder)
    await store.close()


def count(steps: Sequence[Step], how: str) -> int:
    return sum(step.how == how for step in steps)


async def test_answers_agree_before_there_is_an_index(searched: Searched) -> None:
    await searched.arrive(mail()[:60])
    view, dice = await searched.view(), Dice("none", list(searched.facts.values()))
    for _ in range(300):
        await searched.agree(dice.query(), view)
    assert count(searched.steps, "index") == 0


async def test_answers_agree_when_all_is_indexed(searched: Searched) -> None:
    await searched.arrive(mail())
    assert searched.index() is Turn.FINISHED
    view, dice = await searched.view(), Dice("all", list(searched.facts.values()))
    for _ in range(2_500):
        await searched.agree(dice.query(), view)
    assert count(searched.steps, "index") > 2_000


async def test_answers_agree_when_indexing_has_paused_half_way(searched: Searched) -> None:
    await searched.arrive(mail()[:80])
    searched.index()
    await searched.arrive(mail()[80:160])
    view, dice = await searched.view(), Dice("half", list(searched.facts.values()))
    for _ in range(600):
        await searched.agree(dice.query(), view)
    assert sum(step.how == "index" and step.possible >= 80 for step in searched.steps) > 100


async def test_answers_agree_while_messages_arrive_and_vanish(searched: Searched) -> None:
    dice, choose = Dice("moving", [facts_of(raw) for raw in mail()[:200]]), random.Random("what happens")
    waiting = list(mail())
    await searched.arrive([waiting.pop() for _ in range(60)])
    view = await searched.view()
    for _ in range(120):
        match choose.randrange(6):
            case 0 | 1:
                await searched.arrive([waiting.pop() for _ in range(min(2, len(waiting)))])
            case 2:
                await searched.vanish(choose.sample(sorted(searched.facts), 2))
            case 3:
                searched.index(IndexSettings(turn_seconds=0.02))
            case 4:
                view = await searched.view()
            case _:
                searched.index()
        for _ in range(6):
            await searched.agree(dice.query(), view)
    assert count(searched.steps, "index") > 500


def long_needles(known: Sequence[Facts]) -> Iterator[str]:
    longest = max((text for facts in known for text in facts.texts), key=len)
    yield longest
    yield longest[:100_000] + "x"
    yield "lantern " * 12_500
    yield "é" * 50_000
    yield "\x00" * 100_000


async def test_needles_of_100_kb_are_answered(searched: Searched) -> None:
    long_text = "".join(random.Random("long").choices("abcdefgh äöü\n", k=120_000))
    raw = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + long_text.encode()
    await searched.arrive([*mail()[:100], raw])
    searched.index()
    view = await searched.view()
    for needle in long_needles(list(searched.facts.values())):
        await searched.agree(q.Body(needle), view)
        await searched.agree(q.Text(needle), view)
    assert await searched.found(q.Body(long_text[3:100_003]), view) == [101]


async def test_colliding_trigrams_are_told_apart(searched: Searched) -> None:
    """Every message has all the trigrams of the needle; one has the needle."""
    needle = "abracadabra alakazam"
    grams = " ".join(sorted({needle[at : at + 3] for at in range(len(needle) - 2)}, reverse=True))
    raws = [b"Subject: %d\r\n\r\n%b\r\n" % (number, grams.encode()) for number in range(300)]
    raws[123] += needle.encode()
    await searched.arrive(raws)
    searched.index()
    assert await searched.found(q.Body(needle), await searched.view()) == [124]
    assert count(searched.steps, "read") == 1
    assert searched.steps[-1].rows == 0, "no message had to be read"
