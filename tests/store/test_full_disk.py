"""A disk that takes no more: refused in mail words, nothing half done, and well again when there is room."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.conftest import ANNA, OpenStore, account_folder


@pytest.mark.parametrize(
    ("limit_bytes", "size_bytes", "files_beyond"),
    [(600_000, 6_000, None), (600_000, 90_000, 0), (300_000, 400_000, 1)],
)
async def test_a_full_disk_refuses_whole_and_is_survived(
    opening: OpenStore, tmp_path: Path, limit_bytes: int, size_bytes: int, files_beyond: int | None
) -> None:
    """`files_beyond`: how many message files there are beyond those acknowledged; None: none at all."""
    folder = tmp_path / "mail"
    ran = subprocess.run(
        [sys.executable, "-m", "tests.store.fill", str(folder), str(limit_bytes), str(size_bytes)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.stderr == ""
    acknowledged, after = map(int, ran.stdout.split())
    assert after == acknowledged + 1
    assert acknowledged > 0 or size_bytes > limit_bytes
    store = await opening()
    account = await store.open(ANNA)
    inbox = await account.find("INBOX")
    assert await store.check(ANNA) == []
    contents = await account.contents(inbox.id, range(1, after + 1))
    numbers = [bytes(content.whole()).split(b"Subject: ")[1].split(b"\r\n")[0] for content in contents if content]
    assert numbers == [*(b"%d" % number for number in range(acknowledged)), b"one more"]
    assert list((folder / "staging").iterdir()) == []
    blobs = account_folder(folder) / "blobs"
    assert len(list(blobs.glob("*"))) == (0 if files_beyond is None else acknowledged + files_beyond)
