"""A change that goes wrong in a new way is one caller's trouble; the account's other changes go on."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterable

import apsw
import pytest

from pillarbox.mail.errors import StoreUnavailable
from pillarbox.store.hints import HintBoard
from pillarbox.store.sqlite.transaction import Transaction
from tests.contracts.letters import several
from tests.store.conftest import ANNA, OpenStore

PATIENCE_SECONDS = 20


async def test_hints_that_cannot_be_sent_do_not_hold_up_a_change(
    opening: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_descriptor_left(board: HintBoard) -> Iterable[str]:
        raise OSError(errno.EMFILE, "Too many open files")

    account = await (await opening()).open(ANNA)
    monkeypatch.setattr(HintBoard, "_others", no_descriptor_left)
    for name in ("a", "b"):
        assert (await asyncio.wait_for(account.create(name), PATIENCE_SECONDS)).name == name


async def test_a_watcher_that_fails_does_not_hold_up_a_change(opening: OpenStore) -> None:
    def fail() -> None:
        raise RuntimeError("a bug")

    account = await (await opening()).open(ANNA)
    inbox = await account.find("INBOX")
    account.watch(inbox.id, fail)
    for uid in (1, 2):
        appended = await asyncio.wait_for(account.append(inbox.id, several(1)), PATIENCE_SECONDS)
        assert list(appended.uids) == [uid]


async def test_a_disk_that_fails_at_commit_and_rollback_fails_one_change_only(
    opening: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(transaction: Transaction) -> None:
        raise apsw.IOError("disk I/O error")

    account = await (await opening()).open(ANNA)
    await account.create("before")
    with monkeypatch.context() as broken:
        broken.setattr(Transaction, "commit", fail)
        broken.setattr(Transaction, "abandon", fail)
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(account.create("lost"), PATIENCE_SECONDS)
    assert (await asyncio.wait_for(account.create("lost"), PATIENCE_SECONDS)).name == "lost"
