"""Searches in mail, and for texts, that were made to exhaust the server: the right answer, from bounded work.

Where work could grow with the square of the size, sizes are such that it would take longer than a test may.
"""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.imap.limits import ImapLimits
from pillarbox.mail.dates import InternalDate
from pillarbox.mime.digest import digest
from pillarbox.store.contract import NewMessage, StoreLimits
from pillarbox.store.sqlite import IndexSettings, SqliteStore, open_store
from pillarbox.store.sqlite.account_indexer import AccountIndexer, Turn
from tests.search.talk import ACCOUNT, Talk, letter

DATE = InternalDate(1_770_000_000, 0)
Opening = Callable[[Sequence[NewMessage]], Awaitable[Talk]]


@pytest.fixture
async def opening(tmp_path: Path) -> AsyncIterator[Opening]:
    """Opens one mailbox on disk with these messages in it."""
    stores: list[SqliteStore] = []

    async def open_one(messages: Sequence[NewMessage]) -> Talk:
        clock = HeldClock()
        store = await open_store(tmp_path / "mail", StoreLimits(), clock, NoEvents())
        stores.append(store)
        account = await store.open(ACCOUNT)
        talk = Talk(store, clock, account)
        await account.append(await talk.inbox(), messages)
        await talk.say(b"s SELECT INBOX")
        return talk

    yield open_one
    for store in stores:
        await store.close()


def index_all(mail: Path) -> None:
    (database,) = mail.glob("??/*/mail.db")
    indexer = AccountIndexer(database.parent, digest, IndexSettings(), NoEvents())
    while indexer.add_turn() is not Turn.FINISHED:
        pass


HTML_BOMBS = {
    "elements in each other": b"<div>" * 100_000,
    "tags that never end": b"<a href=" * 120_000,
    "quotes that never end": b"<a title='" * 100_000,
    "attributes": b"<a " + b"x=y " * 250_000,
    "comments that never end": b"<!-- " * 200_000,
    "scripts that never end": b"<script " * 120_000,
    "angles": b"<" * 300_000,
    "references": b"&#x41;&amp;&nosuch" * 30_000,
    "a reference of a million digits": b"&#" + b"9" * 1_000_000,
    "an element of a million letters": b"<" + b"x" * 1_000_000,
}


@pytest.mark.parametrize("bomb", HTML_BOMBS.values(), ids=HTML_BOMBS)
async def test_html_bombs_are_searched_in_linear_time(opening: Opening, tmp_path: Path, bomb: bytes) -> None:
    """By reading and from the index; letters beside them are found."""
    head = b"Content-Type: text/html\r\n\r\n"
    talk = await opening([letter(head + b"<p>lantern</p>" + bomb), letter(head + b"<p>granite</p>")])
    for _ in ("read", "indexed"):
        assert await talk.found(b"BODY lantern") == [1]
        assert await talk.found(b"TEXT granite") == [2]
        assert await talk.found(b"BODY zzgargoyle") == []
        index_all(tmp_path / "mail")


async def test_a_text_of_50_mb_is_searched_in_little_memory_and_others_have_their_turns(opening: Opening) -> None:
    talk = await opening([letter(b"Subject: small\r\n\r\nthe xylophone")])
    staged = talk.session.services.store.stage()
    staged.write(b"Subject: huge\r\n\r\n")
    for _ in range(49):
        staged.write(b"all work and no play\r\n" * 47_000)
    staged.write(b"the last word")
    await talk.account.append(await talk.inbox(), [NewMessage(staged, DATE)])
    await talk.say(b"n NOOP")
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    serving = asyncio.create_task(others())
    tracemalloc.start()
    found = await talk.found(b'OR BODY "the last word" TEXT xylophone')
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    serving.cancel()
    assert found == [1, 2]
    assert peak_bytes < 4_000_000
    assert turns > 49_000_000 // (256 * 1024)


def tree(words: Sequence[bytes]) -> bytes:
    """TEXT w0 or not (BODY w1 or not (TEXT w2 ...))"""
    key = (b"TEXT", b"BODY")[len(words) % 2] + b" " + words[0]
    return b"OR %b NOT (%b)" % (key, tree(words[1:])) if len(words) > 1 else key


def is_matched(words: Sequence[bytes], text: bytes) -> bool:
    """The same, obviously."""
    return words[0] in text or (len(words) > 1 and not is_matched(words[1:], text))


async def test_trees_at_the_limit_of_nesting_are_answered_right(opening: Opening, tmp_path: Path) -> None:
    words = [b"word%cx" % (97 + number) for number in range(ImapLimits().nesting_depth)]
    texts = [b"Subject: s\r\n\r\n" + b" ".join(words[number % 7 : 16 : 1 + number % 5]) for number in range(40)]
    talk = await opening([letter(text) for text in texts])
    deepest = 1
    while b"BAD" not in await talk.say(b"b SEARCH " + tree(words[: deepest + 1])):
        deepest += 1
    assert deepest > 4
    expected = [number for number, text in enumerate(texts, 1) if is_matched(words[:deepest], text)]
    assert 0 < len(expected) < len(texts)
    assert await talk.found(tree(words[:deepest])) == expected
    index_all(tmp_path / "mail")
    assert await talk.found(tree(words[:deepest])) == expected
