"""One run over accounts that change meanwhile, with everything within one process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pillarbox.backup.chest import Chest, make_chest
from pillarbox.backup.laying import lay_unit
from pillarbox.backup.taking import plan, take
from pillarbox.backup.trouble import BackupTrouble
from pillarbox.backup.verifying import verify_unit
from pillarbox.clock import HeldClock
from pillarbox.database import open_database
from pillarbox.events import NoEvents
from pillarbox.mail.flags import DELETED
from pillarbox.store.contract import AccountId, StoreLimits
from pillarbox.store.sqlite import SqliteSettings, SqliteStore, open_store
from tests.contracts.letters import new

ANNA = AccountId("anna")
SETTINGS = SqliteSettings(inline_bytes=1_000)
NOW = 1_900_000_000.0


async def a_store(data: Path) -> SqliteStore:
    limits = StoreLimits(keep_expunged_days=0)
    return await open_store(data / "mail", limits, HeldClock(), NoEvents(), SETTINGS)


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    store = await a_store(tmp_path / "data")
    account = await store.open(ANNA)
    inbox = await account.find("INBOX")
    await account.append(inbox.id, [new(f"n{number}", DELETED, size_bytes=3_000 + number) for number in range(5)])
    await account.close()
    await store.close()
    return tmp_path / "data"


@pytest.fixture
def chest(tmp_path: Path) -> Chest:
    return make_chest(tmp_path / "chest", (), tmp_path / "keys")


def account_folder(data: Path) -> Path:
    (database,) = data.glob("mail/??/anna/mail.db")
    return database.parent


def test_message_files_that_go_while_they_are_read_make_it_look_again(data: Path, chest: Chest) -> None:
    blobs = account_folder(data) / "blobs"
    last = max(path.name for path in blobs.iterdir())
    taken: list[int] = []

    def advance(size_bytes: int) -> None:
        taken.append(size_bytes)
        if 3_000 <= size_bytes < 3_005 and (blobs / last).exists():  # another process expunges, and removes the file
            connection = open_database(account_folder(data) / "mail.db", 5)
            connection.execute("DELETE FROM content WHERE blob = ?", (last,))
            connection.close()
            (blobs / last).unlink()

    run = take(data, chest, plan(data, None, NOW), HeldClock(), advance)
    (unit,) = [unit for unit in run.units if unit.name]
    paths = [file.path for file in chest.listing(unit)]
    assert sorted(Path(path).name for path in paths[1:]) == sorted(path.name for path in blobs.iterdir())
    assert len([size for size in taken if 3_000 <= size < 3_005]) == 4, "none is read twice"


def test_message_files_that_are_really_missing_end_it(data: Path, chest: Chest) -> None:
    next((account_folder(data) / "blobs").iterdir()).unlink()
    with pytest.raises(BackupTrouble, match="missing"):
        take(data, chest, plan(data, None, NOW), HeldClock(), lambda _: None)
    assert chest.run_names() == []


def test_an_interrupted_run_is_none_and_the_next_one_is_whole(data: Path, chest: Chest) -> None:
    class Interrupted(Exception):
        pass

    def stop(size_bytes: int) -> None:
        if size_bytes == 3_002:
            raise Interrupted

    with pytest.raises(Interrupted):
        take(data, chest, plan(data, None, NOW), HeldClock(), stop)
    assert chest.last_run() is None
    assert list((data / "run").iterdir()) == []
    run = take(data, chest, plan(data, None, NOW), HeldClock(), lambda _: None)
    assert [problem for unit in run.units for problem in verify_unit(chest, unit, lambda _: None)] == []


async def test_an_account_is_read_again_when_anything_was_committed(data: Path, chest: Chest, tmp_path: Path) -> None:
    first = take(data, chest, plan(data, None, NOW), HeldClock(), lambda _: None)
    assert [planned.known is not None for planned in plan(data, first, NOW)] == [False, True]
    store = await a_store(data)
    account = await store.open(ANNA)
    inbox = await account.find("INBOX")
    await account.expunge(inbox.id, [1])
    assert [planned.known is not None for planned in plan(data, first, NOW)] == [False, False]
    second = take(data, chest, plan(data, first, NOW), HeldClock(), lambda _: None)
    await account.append(inbox.id, [new("later")])
    await account.close()
    await store.close()
    lay_unit(chest, second.units[1], tmp_path / "out", lambda _: None)
    then = await a_store(tmp_path / "out")
    kept = await then.open(ANNA)
    image = await kept.image(inbox.id)
    assert list(image.uids) == [2, 3, 4, 5]
    assert await then.check(ANNA) == []
    await kept.close()
    await then.close()


def test_an_account_that_was_written_just_now_is_never_taken_for_unchanged(data: Path, chest: Chest) -> None:
    just_now = (account_folder(data) / "mail.db").stat().st_mtime + 1
    first = take(data, chest, plan(data, None, just_now), HeldClock(), lambda _: None)
    assert plan(data, first, just_now)[1].known is None


def test_what_lives_as_long_as_the_server_is_left_out(data: Path, chest: Chest) -> None:
    for name in ("run/socket", "backup/a.key", "mail/staging/half", "certificates/server.key", "accounts.db-wal"):
        (data / name).parent.mkdir(exist_ok=True)
        (data / name).write_bytes(b"x")
    os.mkfifo(data / "pipe")
    (data / "accounts.db").unlink(missing_ok=True)
    open_database(data / "accounts.db", 1).close()
    run = take(data, chest, plan(data, None, NOW), HeldClock(), lambda _: None)
    assert [file.path for file in chest.listing(run.units[0])] == ["accounts.db", "certificates/server.key"]
    assert all(not file.path.endswith("search.db") for unit in run.units for file in chest.listing(unit))
