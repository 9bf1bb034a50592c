"""The digests of one account's messages: read where they are kept, computed where they are missing, and computed
beforehand when nothing else is going on.

APPEND stores the bytes alone, since reading a message costs more than keeping it (docs/performance.md). What was not
digested when a process ended is found again by its content id: contents only grow.

Must never: compute for long without giving others their turn; keep an answer waiting for a write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pillarbox.store.contract import DigestField
from pillarbox.store.sqlite.derived import Pieces
from pillarbox.store.sqlite.reading import Reader
from pillarbox.store.sqlite.transaction import Transaction
from pillarbox.store.sqlite.writer import Change, Durability, Writer

TURN_MESSAGES: Final = 16
"""Digested at a time, before others get their turn: about 3 ms. Smaller turns lose more to threads that want the
interpreter at each pause than others gain."""
KEPT_MESSAGES: Final = 128
"""Digests that are written together when they are computed beforehand."""
IDLE_SECONDS: Final = 0.002
"""How long after the last arrival digesting begins, so that a client that uploads without a pause is not slowed down;
one that pauses has its messages digested in the pauses."""
ELSEWHERE_SECONDS: Final = 10.0
"""The same after another process changed something: it digests what it took in; this one makes sure."""
REST_SECONDS: Final = 0.002
"""Between two turns of digesting beforehand: leaves half of the processor to whoever wants it."""


class Digests:
    """See the module. Lives on the loop thread."""

    def __init__(self, reader: Reader, writer: Writer, not_kept: Callable[[], None]) -> None:
        """`not_kept` is told when digests could not be written; they are computed again another time."""
        self._reader = reader
        self._writer = writer
        self._not_kept = not_kept
        self._loop = asyncio.get_running_loop()
        self._through = reader.last_digested()
        """Contents up to here are digested, or will be when they are asked for."""
        self._timer: asyncio.TimerHandle | None = None
        self._filling: asyncio.Task[None] | None = None
        self._keeping: set[asyncio.Task[None]] = set()
        self._closed = False

    async def of(self, contents: Sequence[int], fields: Sequence[DigestField]) -> dict[int, Pieces]:
        """Content id -> the fields asked for; those that are gone are left out. Raises one of DATABASE_FAILURES."""
        found = self._reader.digests(contents, fields, {})
        missing = [content for content in dict.fromkeys(contents) if content and content not in found]
        for start in range(0, len(missing), TURN_MESSAGES):
            computed = self._reader.compute(missing[start : start + TURN_MESSAGES])
            if computed:
                found.update(self._reader.digests(list(computed), fields, computed))
                self._keep(computed)
                await asyncio.sleep(0)
        return found

    def arrived(self) -> None:
        """Messages were stored by this process: digest them soon."""
        self._plan(IDLE_SECONDS)

    def changed_elsewhere(self) -> None:
        """Another process changed something: see that new messages get digested."""
        if self._timer is None:
            self._plan(ELSEWHERE_SECONDS)

    async def settled(self) -> None:
        """Begin at once what is planned; returns when nothing is being computed or written."""
        while self._timer is not None or self._filling is not None or self._keeping:
            if self._timer is not None:
                self._timer.cancel()
                self._begin()
            await asyncio.gather(*filter(None, (self._filling, *self._keeping)), return_exceptions=True)

    async def close(self) -> None:
        """Stop computing, finish writing."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self.settled()

    # --- within ----------------------------------------------------------------------------------

    def _plan(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if self._closed else self._loop.call_later(seconds, self._begin)

    def _begin(self) -> None:
        self._timer = None
        if self._filling is None:
            self._filling = self._loop.create_task(self._fill())
            self._filling.add_done_callback(self._filled)

    async def _fill(self) -> None:
        """Digest what is missing until there is none, or something new arrives (its timer begins again)."""
        while self._timer is None and not self._closed:
            missing = self._reader.undigested(self._through, KEPT_MESSAGES)
            if not missing:
                return
            done: dict[int, Pieces] = {}
            for start in range(0, len(missing), TURN_MESSAGES):
                turn = missing[start : start + TURN_MESSAGES]
                done.update(self._reader.compute(turn))
                self._through = turn[-1]
                await asyncio.sleep(REST_SECONDS)
                if self._timer is not None or self._closed:
                    break
            self._keep(done)

    def _filled(self, task: asyncio.Task[None]) -> None:
        self._filling = None
        if not task.cancelled() and task.exception() is not None:
            self._not_kept()

    def _keep(self, computed: Mapping[int, Pieces]) -> None:
        """Write digests, some time."""
        if not computed:
            return

        def apply(transaction: Transaction) -> None:
            for content, pieces in computed.items():
                transaction.contents.keep_digest(content, pieces)

        async def keep() -> None:
            await self._writer.run(Change(apply, durability=Durability.IN_TIME))

        task = self._loop.create_task(keep())
        self._keeping.add(task)
        task.add_done_callback(self._kept)

    def _kept(self, task: asyncio.Task[None]) -> None:
        self._keeping.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._not_kept()
