"""A program that runs into a limit on file sizes (as into a full disk), and then goes on without it.

`python -m tests.store.fill FOLDER LIMIT_BYTES SIZE_BYTES` appends messages of SIZE_BYTES until one is refused, lifts
the limit, appends one more, and says what happened, one number a line: acknowledged before, and messages after.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.mail.errors import StoreUnavailable
from pillarbox.mail.flags import SEEN, FlagAction
from pillarbox.store.contract import AccountId, NewMessage, StoreLimits
from pillarbox.store.sqlite import SqliteSettings, open_store
from tests.contracts.letters import DATE, letter


async def main(folder: Path, limit_bytes: int, size_bytes: int) -> None:
    settings = SqliteSettings(inline_bytes=100_000, staged_memory_bytes=50_000)
    store = await open_store(folder, StoreLimits(), HeldClock(), NoEvents(), settings)
    account = await store.open(AccountId("anna"))
    inbox = await account.find("INBOX")
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, resource.RLIM_INFINITY))
    acknowledged = 0
    try:
        while acknowledged < 1_000:
            staged = store.stage()
            try:
                staged.write(letter(str(acknowledged), size_bytes))
                await account.append(inbox.id, [NewMessage(staged, DATE)])
            finally:
                staged.discard()
            acknowledged += 1
    except StoreUnavailable:
        print(acknowledged)
    assert len((await account.image(inbox.id)).uids) == acknowledged
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await account.append(inbox.id, [NewMessage(letter("one more", size_bytes), DATE)])
    await account.store_flags(inbox.id, range(1, 2_000), FlagAction.ADD, frozenset({SEEN}))
    print((await account.status(inbox.id)).messages)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
