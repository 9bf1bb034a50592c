"""Digests made before anybody asks: by a digester, by a store that keeps house, and of what others took in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from pillarbox.events import NoEvents
from pillarbox.mime.digest import digest
from pillarbox.store.contract import AccountId
from pillarbox.store.digesting import Digest
from pillarbox.store.sqlite.account_digester import GROUP_MESSAGES, AccountDigester
from pillarbox.store.sqlite.housekeeper import Housekeeper
from pillarbox.store.sqlite.index_settings import IndexSettings
from pillarbox.store.sqlite.settings import SqliteSettings
from tests.store.conftest import OpenStore, account_folder
from tests.store.test_sqlite import ANNA, new

TABLES = ("digest", "sort_keys", "common_fields")


def digested(mail: Path, table: str = "digest") -> list[int]:
    """The contents that a table has a row for."""
    connection = apsw.Connection(str(account_folder(mail) / "mail.db"))
    try:
        return [content for (content,) in connection.execute(f"SELECT content FROM {table} ORDER BY 1")]
    finally:
        connection.close()


def digester(mail: Path, turn_seconds: float = 60.0) -> AccountDigester:
    return AccountDigester(account_folder(mail), digest, turn_seconds)


async def fill(opening: OpenStore, count: int, settings: SqliteSettings | None = None) -> None:
    store = await opening(settings or SqliteSettings())
    account = await store.open(ANNA)
    await account.append((await account.find("INBOX")).id, [new(f"m{number}") for number in range(count)])


async def test_what_an_account_took_in_is_digested(opening: OpenStore, tmp_path: Path) -> None:
    await fill(opening, 2 * GROUP_MESSAGES + 3)
    assert digested(tmp_path / "mail") == []
    assert digester(tmp_path / "mail").turn() is False
    for table in TABLES:
        assert digested(tmp_path / "mail", table) == list(range(1, 2 * GROUP_MESSAGES + 4))


async def test_a_turn_ends_after_its_time_and_the_next_goes_on(opening: OpenStore, tmp_path: Path) -> None:
    await fill(opening, GROUP_MESSAGES + 1)
    assert digester(tmp_path / "mail", 0.0).turn() is True
    assert digested(tmp_path / "mail") == []
    connection = apsw.Connection(str(account_folder(tmp_path / "mail") / "mail.db"))
    connection.execute("UPDATE digested SET through = 1")
    connection.close()
    assert digester(tmp_path / "mail").turn() is False
    assert digested(tmp_path / "mail") == list(range(2, GROUP_MESSAGES + 2))


async def test_what_others_digested_meanwhile_stays(opening: OpenStore, tmp_path: Path) -> None:
    await fill(opening, 3)
    assert digester(tmp_path / "mail").turn() is False

    def never(message: bytes | memoryview) -> Digest:
        raise AssertionError("digested again")

    connection = apsw.Connection(str(account_folder(tmp_path / "mail") / "mail.db"))
    connection.execute("UPDATE digested SET through = 0")
    connection.close()
    assert AccountDigester(account_folder(tmp_path / "mail"), never, 60.0).turn() is False


async def test_a_message_whose_file_is_missing_keeps_no_other_from_its_digest(
    opening: OpenStore, tmp_path: Path
) -> None:
    await fill(opening, 3, SqliteSettings(inline_bytes=1))
    connection = apsw.Connection(str(account_folder(tmp_path / "mail") / "mail.db"))
    connection.execute("DELETE FROM digest")
    connection.execute("UPDATE digested SET through = 0")
    (name,) = connection.execute("SELECT blob FROM content WHERE id = 2").fetchall()[0]
    connection.close()
    (account_folder(tmp_path / "mail") / "blobs" / name).unlink()
    assert digester(tmp_path / "mail").turn() is False
    assert digested(tmp_path / "mail") == [1, 3]


async def test_an_account_of_an_older_version_is_left_alone(opening: OpenStore, tmp_path: Path) -> None:
    await fill(opening, 1)
    connection = apsw.Connection(str(account_folder(tmp_path / "mail") / "mail.db"))
    connection.execute("DROP TABLE digested")
    connection.execute("PRAGMA user_version = 5")
    connection.close()
    assert digester(tmp_path / "mail").turn() is False
    assert digested(tmp_path / "mail") == []


async def test_a_digester_makes_no_account(tmp_path: Path) -> None:
    with pytest.raises(apsw.CantOpenError):
        AccountDigester(tmp_path / "nobody", digest, 1.0).turn()
    assert not (tmp_path / "nobody").exists()


async def test_one_process_keeps_house_for_another(opening: OpenStore, tmp_path: Path) -> None:
    serving, keeping = await opening(), await opening()
    keeping.keep_house(IndexSettings(settle_seconds=0, processor_share=1.0))
    account = await serving.open(ANNA)
    box = (await account.find("INBOX")).id
    for round_number in range(1, 3):
        await account.append(box, [new(f"m{number}") for number in range(5)])
        async with asyncio.timeout(60):
            while len(digested(tmp_path / "mail")) < 5 * round_number:
                await asyncio.sleep(0.01)
            while (await account.text_index_state()).indexed < 5 * round_number:
                await asyncio.sleep(0.01)


async def test_without_an_index_there_are_digests_all_the_same(opening: OpenStore, tmp_path: Path) -> None:
    await fill(opening, 5)
    store = await opening()
    store.keep_house(IndexSettings(processor_share=0.0))
    async with asyncio.timeout(60):
        while len(digested(tmp_path / "mail")) < 5:
            await asyncio.sleep(0.01)
    account = await store.open(ANNA)
    assert (await account.text_index_state()).indexed == 0


async def test_a_bug_at_one_account_and_a_folder_that_cannot_be_read_stop_no_other(
    opening: OpenStore, tmp_path: Path
) -> None:
    await fill(opening, 1)
    loop, at_work, rounds = asyncio.get_running_loop(), asyncio.Event(), 0

    def buggy(message: bytes | memoryview) -> Digest:
        loop.call_soon_threadsafe(at_work.set)
        raise IndexError("a bug")

    async def accounts() -> list[AccountId]:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise OSError(24, "Too many open files")
        return [ANNA]

    settings = IndexSettings(processor_share=0, round_seconds=0.01)
    folder = account_folder(tmp_path / "mail")
    keeper = Housekeeper(accounts, lambda _: folder, buggy, settings, NoEvents(), None, tmp_path / "lock")
    keeper.start()
    try:
        for _ in range(3):
            await asyncio.wait_for(at_work.wait(), 10)
            at_work.clear()
    finally:
        await keeper.stop()
