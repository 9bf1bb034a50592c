"""The index of an account's texts, asked from the loop thread by several searches.

Must never: make a search fail. What goes wrong with the index is told to the log, and the search reads messages.
"""

from __future__ import annotations

import asyncio
import threading
from array import array
from collections.abc import Callable, Collection, Sequence
from itertools import compress, islice
from operator import lt
from pathlib import Path
from typing import TypeVar

import apsw
from pyroaring import BitMap

from pillarbox.events import EventLog
from pillarbox.search.renumber import renumbered, set_of
from pillarbox.store.contract import Candidates, Fuzzy, Hits, TextIndexState, TextKey
from pillarbox.store.image import SharedImage
from pillarbox.store.sqlite.asking import ask_index
from pillarbox.store.sqlite.failures import DATABASE_FAILURES
from pillarbox.store.sqlite.fuzzy_index import ask_fuzzily
from pillarbox.store.sqlite.index import discard_index, index_state, indexed_through, open_index

R = TypeVar("R")

_BUSY_SECONDS = 1.0
"""Readers of a WAL wait for nobody but whoever recovers it after a crash."""

_BROKEN = (apsw.CorruptError, apsw.NotADBError, apsw.SQLError)


class Scope:
    """The messages that searches ask about: their UIDs, and the content of each (0: it is gone)."""

    __slots__ = ("_ascend", "contents", "distinct", "uids")

    def __init__(self, uids: Sequence[int], contents: Sequence[int]) -> None:
        self.uids = uids
        self.contents = contents
        self.distinct = set_of(contents)
        self._ascend = all(map(lt, contents, islice(contents, 1, None)))

    def pairs_with(self, contents: Collection[int]) -> list[tuple[int, int]]:
        """The UIDs of these contents, each with its content."""
        if not contents:
            return []
        chosen = frozenset(contents)
        return [pair for pair in zip(self.uids, self.contents, strict=True) if pair[1] in chosen]

    def uids_with(self, contents: BitMap) -> BitMap:
        """The UIDs of these contents, all of them of this scope."""
        if self._ascend:
            return renumbered(contents, self.contents, self.uids)
        return BitMap(list(compress(self.uids, map(contents.__contains__, self.contents))))


class IndexReader:
    """One account's index, opened when it is asked first."""

    def __init__(self, folder: Path, events: EventLog) -> None:
        self._folder = folder
        self._events = events
        self._connection: apsw.Connection | None = None
        self._lock = threading.Lock()
        self._whole: tuple[Scope, SharedImage | None] = Scope((), ()), None

    async def candidates(self, key: TextKey, scope: Scope) -> Candidates | None:
        """contract.AccountStore.text_candidates. Waits in a thread, so other sessions go on."""
        found = await asyncio.get_running_loop().run_in_executor(None, self._ask, key, scope)
        if found is None:
            return None
        possible = found.possible
        if 0 in scope.distinct:
            possible = possible | BitMap((0,))
        return Candidates(scope.uids_with(found.certain), scope.uids_with(possible))

    async def fuzzy_hits(self, key: Fuzzy, scope: Scope) -> Hits:
        """contract.AccountStore.fuzzy_hits. Waits in a thread, so other sessions go on."""
        hits = await asyncio.get_running_loop().run_in_executor(None, self._ask_fuzzily, key, scope)
        if hits is None:
            return Hits({}, scope.uids)
        found = {uid: hits.found[content] for uid, content in scope.pairs_with(hits.found)}
        return Hits(found, scope.uids_with(set_of(hits.unread)).to_array())

    def scope_of(self, image: SharedImage, uids: Sequence[int]) -> Scope:
        """The scope of ascending UIDs of a mailbox. That of all of it is kept until something arrives or vanishes."""
        if not isinstance(uids, array) or uids != image.uids:
            wanted = set_of(uids)
            contents = list(compress(image.contents, map(wanted.__contains__, image.uids)))
            if len(contents) < len(uids):  # some are gone
                content_of = dict(zip(image.uids, image.contents, strict=True))
                contents = [content_of.get(uid, 0) for uid in uids]
            return Scope(uids, contents)
        kept, of_image = self._whole
        if of_image is not image or kept.uids != image.uids:
            self._whole = kept, _ = Scope(image.uids[:], image.contents[:]), image
        return kept

    async def state(self) -> TextIndexState:
        """contract.AccountStore.text_index_state. Raises one of DATABASE_FAILURES."""
        return await asyncio.get_running_loop().run_in_executor(None, index_state, self._folder)

    async def close(self) -> None:
        """Let go of the connection, once nobody asks."""
        await asyncio.get_running_loop().run_in_executor(None, self._forget)

    def _ask(self, key: TextKey, scope: Scope) -> Candidates | None:
        return self._asked(lambda index: ask_index(index, key, scope.distinct))

    def _ask_fuzzily(self, key: Fuzzy, scope: Scope) -> Hits | None:
        return self._asked(lambda index: ask_fuzzily(index, key, scope.distinct, indexed_through(index)))

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
