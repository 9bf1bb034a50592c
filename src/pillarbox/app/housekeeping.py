"""What a running server does behind people's backs: digests, the index of texts, and removing expunged mail that was
kept long enough. Beside several workers it is a process of its own that takes what processor time is left over.

Must never: remove what a client can still see; accept a connection.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final

from pillarbox.app.mail import open_mail
from pillarbox.app.settings import ServerSettings
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.mail.errors import MailError
from pillarbox.store.sqlite import SqliteStore

SWEEP_SECONDS: Final = 3600.0
"""What is kept for days need not go to the minute; looking at an account takes about a millisecond."""

NICENESS: Final = 10
"""Of the housekeeper's process: a tenth of the processor while a client's command wants it, all of it else."""


def start_housekeeping(store: SqliteStore, settings: ServerSettings, events: EventLog, stack: AsyncExitStack) -> None:
    """Begin; ends with the stack and the store."""
    store.keep_house(settings.index)
    sweeping = asyncio.create_task(forget_departed(store, events))
    stack.callback(sweeping.cancel)


async def keep_house(settings: ServerSettings, clock: Clock, events: EventLog, stack: AsyncExitStack) -> None:
    """Begin in a process that does nothing else. Raises StoreUnavailable."""
    os.nice(NICENESS)
    store = await open_mail(settings, clock, events)
    stack.push_async_callback(store.close)
    share = 1.0 if settings.index.processor_share > 0 else 0.0
    start_housekeeping(store, replace(settings, index=replace(settings.index, processor_share=share)), events, stack)


async def forget_departed(store: SqliteStore, events: EventLog) -> None:
    """Remove it now, and again each hour, until cancelled."""
    while True:
        try:
            if count := await store.forget_departed():
                events.info("store.departed_purged", messages=count)
        except (MailError, OSError) as error:
            events.error("store.sweep_failed", error=type(error).__name__)
        await asyncio.sleep(SWEEP_SECONDS)
