"""Indexing for a process that is going to be killed: `python -m tests.store.index_work FOLDER` indexes message by
message until all is done, appends twenty more, and so on, and says `turn` after each turn."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.mime.digest import digest
from pillarbox.store.contract import StoreLimits
from pillarbox.store.sqlite import IndexSettings, open_store
from pillarbox.store.sqlite.account_indexer import AccountIndexer, Turn
from tests.contracts.letters import new
from tests.store.conftest import ANNA, account_folder


async def main(folder: Path) -> None:
    store = await open_store(folder, StoreLimits(), HeldClock(), NoEvents())
    account = await store.open(ANNA)
    inbox = (await account.find("INBOX")).id
    indexer = AccountIndexer(account_folder(folder), digest, IndexSettings(turn_seconds=0), NoEvents())
    while True:
        count = (await account.status(inbox)).messages
        await account.append(inbox, [new(f"token {count + number}.") for number in range(20)])
        while indexer.add_turn() is not Turn.FINISHED:
            print("turn", flush=True)
        print("turn", flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
