"""Stores in a temporary folder, opened as often as a test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.store.contract import AccountId, StoreLimits
from pillarbox.store.sqlite import SqliteSettings, SqliteStore, open_store

ANNA = AccountId("anna")

OpenStore = Callable[..., Awaitable[SqliteStore]]


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
async def opening(tmp_path: Path, clock: HeldClock) -> AsyncIterator[OpenStore]:
    """Opens stores on one folder, and closes them in the end. They keep no expunged mail but by `limits`."""
    stores: list[SqliteStore] = []

    async def open_one(settings: SqliteSettings | None = None, limits: StoreLimits | None = None) -> SqliteStore:
        store = await open_store(
            tmp_path / "mail",
            limits or StoreLimits(keep_expunged_days=0),
            clock,
            NoEvents(),
            settings or SqliteSettings(),
        )
        stores.append(store)
        return store

    yield open_one
    for store in stores:
        await store.close()


def account_folder(folder: Path) -> Path:
    """Where the only account lies."""
    (database,) = folder.glob("??/*/mail.db")
    return database.parent
