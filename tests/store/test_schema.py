"""Databases: made privately, migrated, and refused when they are not ours."""

from __future__ import annotations

import stat
from pathlib import Path

import apsw
import pytest

from pillarbox.database import open_database
from pillarbox.mail.errors import StoreCorrupt, StoreUnavailable
from pillarbox.store.contract import AccountId
from pillarbox.store.sqlite.schema import APPLICATION_ID, MIGRATIONS, migrate
from tests.contracts.letters import several
from tests.store.conftest import ANNA, OpenStore, account_folder


async def test_folders_and_files_are_private(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening()
    account = await store.open(ANNA)
    await account.append((await account.find("INBOX")).id, several(1))
    paths = [tmp_path / "mail", *(tmp_path / "mail").rglob("*")]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()}
    assert modes == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()} == {0o600}


def test_a_database_says_what_it_is(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "mail.db", 1)
    migrate(connection)
    assert connection.execute("PRAGMA application_id").get == APPLICATION_ID
    assert connection.execute("PRAGMA user_version").get == len(MIGRATIONS)
    assert connection.execute("PRAGMA journal_mode").get == "wal"
    assert connection.execute("PRAGMA synchronous").get == 2


async def test_mail_of_version_1_is_there_after_a_migration(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening()
    account = await store.open(ANNA)
    await account.append((await account.find("INBOX")).id, several(3))
    await store.close()
    connection = open_database(account_folder(tmp_path / "mail") / "mail.db", 1)
    following = (*MIGRATIONS, "ALTER TABLE mailbox ADD COLUMN colour TEXT; UPDATE mailbox SET colour = 'red';")
    migrate(connection, following)
    migrate(connection, following)
    assert connection.execute("PRAGMA user_version").get == len(MIGRATIONS) + 1
    assert connection.execute("SELECT name, messages, colour FROM mailbox").fetchall() == [("INBOX", 3, "red")]


def test_a_migration_that_fails_leaves_the_version_before(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "mail.db", 1)
    migrate(connection)
    with pytest.raises(apsw.SQLError):
        migrate(connection, (*MIGRATIONS, "CREATE TABLE extra (x); SELECT nothing FROM nowhere;"))
    assert connection.execute("PRAGMA user_version").get == len(MIGRATIONS)
    assert not connection.table_exists(None, "extra")
    assert not connection.in_transaction


async def test_mail_of_a_newer_version_is_refused_and_left_alone(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening()
    await store.open(ANNA)
    await store.close()
    database = account_folder(tmp_path / "mail") / "mail.db"
    connection = open_database(database, 1)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(StoreUnavailable, match="newer"):
        await (await opening()).open(ANNA)


async def test_a_file_that_is_no_database_is_refused(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening()
    await store.open(ANNA)
    await store.close()
    (account_folder(tmp_path / "mail") / "mail.db").write_bytes(b"something else " * 1000)
    with pytest.raises(StoreCorrupt):
        await (await opening()).open(ANNA)


async def test_another_program_s_database_is_refused(opening: OpenStore, tmp_path: Path) -> None:
    store = await opening()
    await store.open(ANNA)
    await store.close()
    connection = open_database(account_folder(tmp_path / "mail") / "mail.db", 1)
    connection.execute("PRAGMA application_id = 5")
    connection.close()
    with pytest.raises(StoreCorrupt):
        await (await opening()).open(ANNA)


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", "a\0b", ".hidden", "x" * 129, "é"])
async def test_an_account_id_can_not_leave_the_folder(opening: OpenStore, name: str) -> None:
    store = await opening()
    with pytest.raises(ValueError, match="account id"):
        await store.open(AccountId(name))
