"""The index of an account's texts, asked from the loop thread by several searches.

Must never: make a search fail. What goes wrong with the index is told to the log, and the search reads messages.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection
from pathlib import Path

import apsw

from pillarbox.events import EventLog
from pillarbox.store.contract import Candidates, TextIndexState, TextKey
from pillarbox.store.sqlite.failures import DATABASE_FAILURES
from pillarbox.store.sqlite.index import ask_index, discard_index, index_state, open_index

_BUSY_SECONDS = 1.0
"""Readers of a WAL wait for nobody but whoever recovers it after a crash."""

_BROKEN = (apsw.CorruptError, apsw.NotADBError, apsw.SQLError)


class IndexReader:
    """One account's index, opened when it is asked first."""

    def __init__(self, folder: Path, events: EventLog) -> None:
        self._folder = folder
        self._events = events
        self._connection: apsw.Connection | None = None
        self._lock = threading.Lock()

    async def candidates(self, key: TextKey, contents: Collection[int]) -> Candidates | None:
        """contract.AccountStore.text_candidates, of contents. Waits in a thread, so other sessions go on."""
        return await asyncio.get_running_loop().run_in_executor(None, self._ask, key, contents)

    async def state(self) -> TextIndexState:
        """contract.AccountStore.text_index_state. Raises one of DATABASE_FAILURES."""
        return await asyncio.get_running_loop().run_in_executor(None, index_state, self._folder)

    async def close(self) -> None:
        """Let go of the connection, once nobody asks."""
        await asyncio.get_running_loop().run_in_executor(None, self._forget)

    def _ask(self, key: TextKey, contents: Collection[int]) -> Candidates | None:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = open_index(self._folder, _BUSY_SECONDS)
                return None if self._connection is None else ask_index(self._connection, key, contents)
            except (*DATABASE_FAILURES, apsw.SQLError) as error:
                self._events.warning("search.index_failed", error=type(error).__name__, text=str(error))
                self._close()
                if isinstance(error, _BROKEN):
                    discard_index(self._folder)
                return None

    def _forget(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
