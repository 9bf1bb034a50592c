"""Who has shared something with whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillarbox.auth import groups
from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.groups import AccountNeighbours
from pillarbox.clock import HeldClock
from pillarbox.mail.errors import LimitReached
from pillarbox.store.contract import AccountId


async def test_one_account_fills_no_more_than_its_part_of_the_account_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "MOST_NOTED", 3)
    directory = AccountDirectory.open(tmp_path / "accounts.db", HeldClock())
    neighbours = AccountNeighbours(directory)
    fred, bob = AccountId("fred"), AccountId("bob")
    for name in ("anyone", "eve", "group:friends"):
        await neighbours.note(fred, name)
    with pytest.raises(LimitReached):
        await neighbours.note(fred, "nobody-of-that-name")
    await neighbours.note(fred, "eve")
    await neighbours.note(bob, "nobody-of-that-name")
    assert neighbours.owners_noting("nobody-of-that-name") == [bob]
    neighbours.close()
    directory.close()
