"""Whose password is checked next: who is known by their network comes first, strangers in turn by their address.

Bounded: a crowd of strangers neither fills memory nor makes anybody wait for all of it. When the line of strangers is
full, a place that has several in it gives up its last one for a place that has none.

Must never: check anything itself. Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pillarbox.auth.contract import Standing


class Overcrowded(Exception):
    """Too many wait already."""


class Turns:
    """Lets `at_once` in; others wait."""

    def __init__(self, at_once: int, max_waiting: int) -> None:
        """`max_waiting` holds for the known and for strangers, each."""
        self._free = at_once
        self._lines = {Standing.KNOWN: _Line(max_waiting), Standing.STRANGER: _Line(max_waiting)}

    @asynccontextmanager
    async def turn(self, standing: Standing, origin: str) -> AsyncIterator[None]:
        """Wait, then have one of the places. Raises Overcrowded, at once or when somebody else's turn comes first."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(standing, origin)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, standing: Standing, origin: str) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line = self._lines[standing]
        line.join(origin, waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                if waiter.exception() is None:
                    self._pass_on()  # it was our turn already
            else:
                line.leave(origin, waiter)
            raise

    def _pass_on(self) -> None:
        for standing in (Standing.KNOWN, Standing.STRANGER):
            waiter = self._lines[standing].next()
            if waiter is not None:
                waiter.set_result(None)
                return
        self._free += 1


class _Line:
    """Those who wait, by where they come from; each place in turn."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._places: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def join(self, origin: str, waiter: asyncio.Future[None]) -> None:
        if self._count >= self._most:
            crowd = max(self._places.values(), key=len)
            if origin in self._places or len(crowd) < 2:
                raise Overcrowded
            crowd.pop().set_exception(Overcrowded())
            self._count -= 1
        self._places.setdefault(origin, deque()).append(waiter)
        self._count += 1

    def leave(self, origin: str, waiter: asyncio.Future[None]) -> None:
        place = self._places.get(origin)
        if place is not None and waiter in place:
            place.remove(waiter)
            self._count -= 1
            if not place:
                del self._places[origin]

    def next(self) -> asyncio.Future[None] | None:
        """The first of the place whose turn it is; that place goes to the end."""
        while self._places:
            origin, place = next(iter(self._places.items()))
            waiter = place.popleft()
            self._count -= 1
            if place:
                self._places.move_to_end(origin)
            else:
                del self._places[origin]
            if not waiter.done():
                return waiter
        return None
