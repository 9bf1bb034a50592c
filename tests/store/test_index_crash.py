"""kill -9 in the middle of indexing: the next process goes on, and nothing is indexed twice or left out."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import apsw

from pillarbox.events import NoEvents
from pillarbox.mime.digest import digest
from pillarbox.search.query import Text
from pillarbox.store.sqlite.account_indexer import AccountIndexer, Turn
from pillarbox.store.sqlite.index import INDEX_NAME
from pillarbox.store.sqlite.index_settings import IndexSettings
from tests.store.conftest import ANNA, OpenStore, account_folder

ROUNDS = 8


def killed_after(turns: int, folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.index_work", str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for _ in range(turns):
            assert process.stdout.readline() == "turn\n"
        process.kill()
    assert process.returncode == -9, "it ended by itself"


async def test_indexing_goes_on_after_a_kill(opening: OpenStore, tmp_path: Path) -> None:
    dice = random.Random(4)
    folder = tmp_path / "mail"
    waited = 0
    for _ in range(ROUNDS):
        await asyncio.to_thread(killed_after, dice.randrange(1, 30), folder)
        store = await opening()
        account = await store.open(ANNA)
        inbox = (await account.find("INBOX")).id
        uids = list((await account.image(inbox)).uids)
        waited += (await account.text_index_state()).waiting
        half_way = await account.text_candidates(inbox, Text("token 3."), uids)
        assert half_way is None or 4 in {*half_way.certain, *half_way.possible}
        indexer = AccountIndexer(account_folder(folder), digest, IndexSettings(), NoEvents())
        while indexer.add_turn() is not Turn.FINISHED:
            pass
        state = await account.text_index_state()
        assert (state.indexed, state.waiting) == (len(uids), 0)
        for uid in dice.sample(uids, 5):
            found = await account.text_candidates(inbox, Text(f"token {uid - 1}."), uids)
            assert found is not None
            assert (list(found.certain), list(found.possible)) == ([uid], [])
        index = apsw.Connection(str(account_folder(folder) / INDEX_NAME))
        assert index.execute("PRAGMA integrity_check").get == "ok"
        for table in ("header_trigrams", "body_trigrams", "body_seams"):
            index.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
        index.close()
        await store.close()
    assert waited > 0, "no round was killed half way"
