"""The index of an account's texts, asked from the loop thread by several searches.

Must never: make a search fail. What goes wrong with the index is told to the log, and the search reads messages.
"""

from __future__ import annotations

import asyncio
import threading
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import apsw

from pillarbox.events import EventLog
from pillarbox.search.renumber import set_of
from pillarbox.store.contract import Candidates, Fuzzy, Hits, TextIndexState, TextKey
from pillarbox.store.image import SharedImage
from pillarbox.store.sqlite.asking import ask_index
from pillarbox.store.sqlite.failures import DATABASE_FAILURES
from pillarbox.store.sqlite.fuzzy_index import ask_fuzzily
from pillarbox.store.sqlite.index import discard_index, index_state, indexed_through, open_index
from pillarbox.store.sqlite.scope import Numbering, Scope

R = TypeVar("R")

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
        self._image: SharedImage | None = None
        self._numbering = Numbering(array("I"), array("q"))

    async def candidates(self, key: TextKey, scope: Scope) -> Candidates | None:
        """contract.AccountStore.text_candidates. Waits in a thread, so other sessions go on."""
        found = await asyncio.get_running_loop().run_in_executor(None, self._ask, key, scope)
        if found is None:
            return None
        return Candidates(scope.uids_with(found.certain), scope.uids_with(found.possible) | scope.gone)

    async def fuzzy_hits(self, key: Fuzzy, scope: Scope) -> Hits:
        """contract.AccountStore.fuzzy_hits. Waits in a thread, so other sessions go on."""
        hits = await asyncio.get_running_loop().run_in_executor(None, self._ask_fuzzily, key, scope)
        if hits is None:
            return Hits({}, scope.uids())
        found = {uid: hits.found[content] for uid, content in scope.pairs_with(hits.found)}
        return Hits(found, (scope.uids_with(set_of(hits.unread)) | scope.gone).to_array())

    def scope_of(self, image: SharedImage, uids: Sequence[int]) -> Scope:
        """The scope of UIDs of a mailbox, whose numbering is kept until something arrives or vanishes."""
        if self._image is not image or self._numbering.uids != image.uids:
            self._image, self._numbering = image, Numbering(image.uids, image.contents)
        return self._numbering.scope(uids)

    async def state(self) -> TextIndexState:
        """contract.AccountStore.text_index_state. Raises one of DATABASE_FAILURES."""
        return await asyncio.get_running_loop().run_in_executor(None, index_state, self._folder)

    async def close(self) -> None:
        """Let go of the connection, once nobody asks."""
        await asyncio.get_running_loop().run_in_executor(None, self._forget)

    def _ask(self, key: TextKey, scope: Scope) -> Candidates | None:
        return self._asked(lambda index: ask_index(index, key, scope.contents))

    def _ask_fuzzily(self, key: Fuzzy, scope: Scope) -> Hits | None:
        return self._asked(lambda index: ask_fuzzily(index, key, scope.contents, indexed_through(index)))

    def _asked(self, ask: Callable[[apsw.Connection], R | None]) -> R | None:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = open_index(self._folder, _BUSY_SECONDS)
                return None if self._connection is None else ask(self._connection)
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
