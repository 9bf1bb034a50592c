"""What an account has before anybody did anything with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.store.contract import AccountId, NewAccount, Store, StoreLimits
from pillarbox.store.memory import MemoryStore
from pillarbox.store.sqlite import open_store
from tests.contracts.conftest import LIMITS

Opener = Callable[[NewAccount, StoreLimits], AbstractAsyncContextManager[Store]]


@pytest.fixture(params=["memory", "sqlite"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    @asynccontextmanager
    async def open_it(new_account: NewAccount, limits: StoreLimits) -> AsyncIterator[Store]:
        store: Store
        if request.param == "memory":
            store = MemoryStore(limits, HeldClock(), new_account=new_account)
        else:
            store = await open_store(tmp_path / "mail", limits, HeldClock(), NoEvents(), new_account=new_account)
        yield store
        await store.close()

    return open_it


async def mailboxes_of(opened: Opener, new_account: NewAccount, limits: StoreLimits = LIMITS) -> dict[str, set[str]]:
    """Name -> special uses, of a new account; all but INBOX must be subscribed, and nothing else."""
    async with opened(new_account, limits) as store:
        account = await store.open(AccountId("anna"))
        found = {box.name: set(box.special_use) for box in await account.mailboxes()}
        assert await account.subscriptions() == {*found} - {"INBOX"}
        await account.close()
        return found


async def test_the_usual_mailboxes_are_there_with_their_uses(opened: Opener) -> None:
    assert await mailboxes_of(opened, NewAccount()) == {
        "INBOX": set(),
        "Archive": {"\\Archive"},
        "Drafts": {"\\Drafts"},
        "Junk": {"\\Junk"},
        "Sent": {"\\Sent"},
        "Trash": {"\\Trash"},
    }


async def test_names_can_be_others_and_need_no_use(opened: Opener) -> None:
    named = NewAccount(("Spam \\Junk", "Entwürfe \\drafts", "Notes"))
    assert await mailboxes_of(opened, named) == {
        "INBOX": set(),
        "Spam": {"\\Junk"},
        "Entwürfe": {"\\Drafts"},
        "Notes": set(),
    }


async def test_an_empty_list_leaves_inbox_alone(opened: Opener) -> None:
    assert await mailboxes_of(opened, NewAccount(())) == {"INBOX": set()}


async def test_what_the_limits_do_not_allow_is_left_out(opened: Opener) -> None:
    named = NewAccount(("x" * 100, "Drafts", "Drafts", "Sent", "Junk"))
    assert [*await mailboxes_of(opened, named, replace(LIMITS, max_mailboxes=3))] == ["INBOX", "Drafts", "Sent"]


async def test_what_was_deleted_does_not_come_back(opened: Opener) -> None:
    async with opened(NewAccount(), LIMITS) as store:
        account = await store.open(AccountId("anna"))
        await account.delete("Junk")
        await account.close()
        again = await store.open(AccountId("anna"))
        assert "Junk" not in {box.name for box in await again.mailboxes()}
        await again.close()


def test_a_use_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="Nonsense"):
        NewAccount(("Box \\Nonsense",))
