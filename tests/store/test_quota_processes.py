"""Two processes that fill one account at the same time can't pass its quota together."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from pillarbox.clock import SystemClock
from pillarbox.events import NoEvents
from pillarbox.store.contract import AccountId, StoreLimits
from pillarbox.store.quota import MESSAGE, properties_of
from pillarbox.store.sqlite import open_store

FILLER = """
import asyncio, sys
from pathlib import Path
from pillarbox.clock import SystemClock
from pillarbox.events import NoEvents
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.errors import OverQuota
from pillarbox.store.contract import AccountId, NewMessage, StoreLimits
from pillarbox.store.sqlite import open_store

async def fill():
    store = await open_store(Path(sys.argv[1]), StoreLimits(), SystemClock(), NoEvents())
    account = await store.open(AccountId("anna"))
    inbox = await account.find("INBOX")
    print("ready", flush=True)
    sys.stdin.readline()
    stored = 0
    try:
        while True:
            await account.append(inbox.id, [NewMessage(b"Subject: x\\r\\n\\r\\n", InternalDate(0, 0))] * 2)
            stored += 2
    except OverQuota:
        print(stored, flush=True)
    await account.close()
    await store.close()

asyncio.run(fill())
"""
LIMIT = 61


async def test_two_processes_stop_at_the_limit_together(tmp_path: Path) -> None:
    store = await open_store(tmp_path, StoreLimits(), SystemClock(), NoEvents())
    account = await store.open(AccountId("anna"))
    await account.set_properties(None, properties_of({MESSAGE: LIMIT}))
    fillers = [
        subprocess.Popen(
            [sys.executable, "-c", FILLER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for filler in fillers:
        assert filler.stdout is not None
        assert await asyncio.to_thread(filler.stdout.readline) == "ready\n"
    told = await asyncio.gather(*(asyncio.to_thread(filler.communicate, "go\n", 60) for filler in fillers))
    assert sum(int(out) for out, _ in told) == LIMIT - 1
    assert (await account.quota()).usage.messages == LIMIT - 1
    await account.close()
    await store.close()
