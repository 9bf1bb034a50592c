"""Picks and opens the store: the only place that knows which backend keeps people's mail."""

from __future__ import annotations

from functools import partial

from pillarbox.app.folder import DataFolder
from pillarbox.app.settings import ServerSettings
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.mime.digest import digest
from pillarbox.store.sqlite import SqliteStore, open_store


async def open_mail(settings: ServerSettings, clock: Clock, events: EventLog) -> SqliteStore:
    """The mail in the data folder. Open it after forking. Raises StoreUnavailable."""
    return await open_store(
        DataFolder(settings.data_folder).mail_path,
        settings.store,
        clock,
        events,
        settings=settings.sqlite,
        digest=partial(digest, limits=settings.mime),
        new_account=settings.new_account,
    )
