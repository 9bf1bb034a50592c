"""check() finds what it is there to find."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillarbox.database import open_database
from pillarbox.mail.flags import SEEN
from pillarbox.store.sqlite import SqliteSettings
from tests.contracts.letters import new, several
from tests.store.conftest import ANNA, OpenStore, account_folder

DAMAGES = {
    "UPDATE mailbox SET unseen = 9": "unseen",
    "UPDATE mailbox SET size_bytes = 9": "size_bytes",
    "UPDATE mailbox SET uidnext = 2": "uidnext",
    "UPDATE account SET modseq = 0": "counter",
    "UPDATE mailbox SET name = 'x'": "no INBOX",
    "DELETE FROM content WHERE id = 1": "missing",
    "DELETE FROM extra_reference": "have it",
    "INSERT INTO extra_reference VALUES (77, 1)": "nobody has it",
    "INSERT INTO content VALUES (77, 0, x'', x'', x'', NULL)": "nobody refers",
    "UPDATE content SET header = CAST(header || 'x' AS BLOB) WHERE id = 1": "bytes",
    "DELETE FROM flagset": "flag sets",
    "UPDATE block SET key = key + 7": "without facts",
    "UPDATE block SET uids = CAST(substr(uids, 5) || substr(uids, 1, 4) AS BLOB)": "UIDs do not ascend",
    "UPDATE block SET uids = substr(uids, 5)": "columns of lengths",
    "UPDATE block SET max_modseq = 1": "max_modseq",
    "UPDATE block_facts SET key = key + (99 << 32)": "of no mailbox",
    "INSERT INTO digest VALUES (88, '', '', '', '')": "digest 88",
    "INSERT INTO sort_keys VALUES (87, '')": "sort_keys 87",
    "INSERT INTO departed VALUES (5, 0, 0, 1, '', 1, x'01000000', x'01000000', x'', x'', x'', x'', x'')": "departed 5",
}


@pytest.fixture
async def folder(opening: OpenStore, tmp_path: Path) -> Path:
    store = await opening(SqliteSettings(inline_bytes=1_000))
    account = await store.open(ANNA)
    inbox = await account.find("INBOX")
    await account.append(inbox.id, [*several(3, SEEN), new("large", size_bytes=2_000)])
    await account.copy(inbox.id, [1], inbox.id)
    assert await store.check(ANNA) == []
    await store.close()
    return account_folder(tmp_path / "mail")


@pytest.mark.parametrize("damage", DAMAGES)
async def test_check_says_what_is_wrong(opening: OpenStore, folder: Path, damage: str) -> None:
    connection = open_database(folder / "mail.db", 1)
    connection.execute(damage)
    connection.close()
    problems = await (await opening()).check(ANNA)
    assert any(DAMAGES[damage] in problem for problem in problems), problems


async def test_check_looks_at_files(opening: OpenStore, folder: Path) -> None:
    (blob,) = (folder / "blobs").iterdir()
    blob.write_bytes(b"something else")
    assert any("bytes" in problem for problem in await (await opening()).check(ANNA))
    blob.unlink()
    assert any("is missing" in problem for problem in await (await opening()).check(ANNA))


async def test_check_finds_a_damaged_database(opening: OpenStore, folder: Path) -> None:
    data = bytearray((folder / "mail.db").read_bytes())
    data[4096 * 3 : 4096 * 5] = bytes(8192)
    (folder / "mail.db").write_bytes(data)
    assert await (await opening()).check(ANNA) != []


async def test_check_says_when_there_is_nothing(opening: OpenStore) -> None:
    assert await (await opening()).check(ANNA) == ["there is no mail database"]
