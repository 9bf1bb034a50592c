"""What contract.AccountStore promises of text_candidates and fuzzy_hits, on every backend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.mail.errors import MailboxMissing
from pillarbox.mail.flags import DELETED, FlagAction
from pillarbox.mime.digest import digest
from pillarbox.search.fuzzy import Fuzzy, Where, scores
from pillarbox.search.query import Address, Body, Header, Text
from pillarbox.store.contract import AccountStore, MailboxId, StoreLimits, TextKey
from pillarbox.store.memory import MemoryStore
from pillarbox.store.sqlite import IndexSettings, open_store
from pillarbox.store.sqlite.account_indexer import AccountIndexer, Turn
from tests.contracts.letters import several
from tests.store.conftest import ANNA, account_folder

KEYS = (Body("number 7"), Text("number 7"), Header("Subject", "number 7"), Header("x-none", ""), Address("from", "a@"))
MATCHES = {Body: {7}, Text: {7}, Address: set(range(1, 21))}


@pytest.fixture(params=["memory", "sqlite without an index", "sqlite with half of it", "sqlite"])
async def account(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AccountStore]:
    """An INBOX with twenty messages, indexed in full, by half, or not."""
    if request.param == "memory":
        account = await MemoryStore(StoreLimits(), HeldClock()).open(ANNA)
        await account.append(await inbox_of(account), several(20))
        yield account
        return
    store = await open_store(tmp_path / "mail", StoreLimits(), HeldClock(), NoEvents())
    account = await store.open(ANNA)
    await account.append(await inbox_of(account), several(20))
    settings = IndexSettings(turn_seconds=0)
    indexer = AccountIndexer(account_folder(tmp_path / "mail"), digest, settings, NoEvents())
    turns = {"sqlite without an index": 0, "sqlite with half of it": 10, "sqlite": 20}[request.param]
    ends = [indexer.add_turn() for _ in range(turns)]
    assert (Turn.FINISHED in ends) is (turns == 20)
    yield account
    await store.close()


async def inbox_of(account: AccountStore) -> MailboxId:
    return (await account.find("INBOX")).id


@pytest.mark.parametrize("key", KEYS)
async def test_no_match_is_left_out(account: AccountStore, key: TextKey) -> None:
    found = await account.text_candidates(await inbox_of(account), key, range(1, 21))
    matches = {7} if isinstance(key, Header) and key.text else MATCHES.get(type(key), set())
    if found is not None:
        assert matches <= {*found.certain, *found.possible} <= set(range(1, 21))
        assert set(found.certain) <= matches
        assert not {*found.certain} & {*found.possible}


async def test_only_those_asked_about_are_told_of(account: AccountStore) -> None:
    found = await account.text_candidates(await inbox_of(account), Text("number"), [3, 5])
    assert found is None or {*found.certain, *found.possible} == {3, 5}


async def test_one_that_is_gone_is_possible(account: AccountStore) -> None:
    inbox = await inbox_of(account)
    await account.store_flags(inbox, [7], FlagAction.ADD, frozenset({DELETED}))
    await account.expunge(inbox)
    found = await account.text_candidates(inbox, Body("nowhere"), range(1, 21))
    assert found is None or 7 in found.possible


async def test_a_mailbox_that_is_not_there_is_missing(account: AccountStore) -> None:
    with pytest.raises(MailboxMissing):
        await account.text_candidates(MailboxId(99), Body("x"), [1])


async def test_messages_that_share_their_bytes_count_once(account: AccountStore) -> None:
    other = await account.create("other")
    await account.copy(await inbox_of(account), range(1, 21), other.id)
    state = await account.text_index_state()
    assert state.indexed + state.waiting + state.always_read == 20


async def test_who_is_known_to_match_fuzzily_has_a_hit_and_who_is_unknown_is_unread(account: AccountStore) -> None:
    key = Fuzzy(Where.TEXT, "numbers 7")
    hits = await account.fuzzy_hits(await inbox_of(account), key, range(1, 21))
    assert not {*hits.found} & {*hits.unread}
    assert {7} <= {*hits.found, *hits.unread}
    assert {*scores(key, hits.found)} == {7} - {*hits.unread}


async def test_only_those_asked_about_are_hits(account: AccountStore) -> None:
    hits = await account.fuzzy_hits(await inbox_of(account), Fuzzy(Where.TEXT, "number"), [3, 5])
    assert {*hits.found, *hits.unread} == {3, 5}


async def test_hits_in_a_mailbox_that_is_not_there_are_refused(account: AccountStore) -> None:
    with pytest.raises(MailboxMissing):
        await account.fuzzy_hits(MailboxId(99), Fuzzy(Where.TEXT, "number"), [1])


async def test_a_copy_is_a_hit_too(account: AccountStore) -> None:
    inbox = await inbox_of(account)
    await account.copy(inbox, [7], inbox)
    hits = await account.fuzzy_hits(inbox, Fuzzy(Where.TEXT, "number 7"), range(1, 22))
    assert {7, 21} <= {*hits.found, *hits.unread}
    assert hits.found.get(7) == hits.found.get(21)
