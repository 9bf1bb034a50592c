"""What a running server removes from time to time: expunged mail that was kept long enough.

Must never: remove what a client can still see.
"""

from __future__ import annotations

import asyncio
from typing import Final

from pillarbox.events import EventLog
from pillarbox.mail.errors import MailError
from pillarbox.store.sqlite import SqliteStore

SWEEP_SECONDS: Final = 3600.0
"""What is kept for days need not go to the minute; looking at an account takes about a millisecond."""


async def forget_departed(store: SqliteStore, events: EventLog) -> None:
    """Remove it now, and again each hour, until cancelled."""
    while True:
        try:
            if count := await store.forget_departed():
                events.info("store.departed_purged", messages=count)
        except MailError as error:
            events.error("store.sweep_failed", error=type(error).__name__)
        await asyncio.sleep(SWEEP_SECONDS)
