"""Every test here runs on every backend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.mail.names import NameLimits
from pillarbox.store.contract import AccountId, AccountStore, Mailbox, Store, StoreLimits
from pillarbox.store.memory import MemoryStore
from pillarbox.store.sqlite import SqliteSettings, open_store

LIMITS = StoreLimits(
    name=NameLimits(max_bytes=40, max_depth=5),
    max_mailboxes=8,
    max_keywords=6,
    max_keyword_bytes=20,
    max_properties=20,
    max_property_bytes=100,
    max_properties_bytes=500,
    max_message_bytes=20_000,
)
SETTINGS = SqliteSettings(inline_bytes=4_000, staged_memory_bytes=2_000, poll_seconds=3_600)
"""Small, so that files are used; no polling, so that hints must do."""


@dataclass
class Place:
    """One account, seen through two stores as if they were two processes."""

    here: AccountStore
    there: AccountStore
    store: Store
    other_store: Store
    inbox: Mailbox
    clock: HeldClock


@pytest.fixture(params=["memory", "sqlite"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    clock = HeldClock()
    store: Store
    other: Store
    if request.param == "memory":
        store = other = MemoryStore(LIMITS, clock)
    else:
        store = await open_store(tmp_path / "mail", LIMITS, clock, NoEvents(), SETTINGS)
        other = await open_store(tmp_path / "mail", LIMITS, clock, NoEvents(), SETTINGS)
    here = await store.open(AccountId("anna"))
    there = await other.open(AccountId("anna"))
    yield Place(here, there, store, other, await here.find("INBOX"), clock)
    await here.close()
    await there.close()
    await store.close()
    await other.close()
    if request.param == "sqlite":
        again = await open_store(tmp_path / "mail", LIMITS, clock, NoEvents(), SETTINGS)
        assert {account: await again.check(account) for account in await again.accounts()} == {
            account: [] for account in await again.accounts()
        }
        await again.close()
