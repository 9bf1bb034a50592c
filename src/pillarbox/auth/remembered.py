"""Remembers for a short time which passwords were right, and lets those who ask the same at once share one check.

What is kept is a keyed hash (HMAC-SHA256 under a key that lives and dies with the process) over everything that the
answer depends on, so nothing that is remembered for one account, password or stored hash answers for another.

Must never: remember a failure, or keep a password.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from pillarbox.clock import Clock
from pillarbox.secret import Secret

T = TypeVar("T")


class RememberedChecks(Generic[T]):
    """What right passwords led to, by fingerprint. Belongs to one event loop."""

    def __init__(self, clock: Clock, remember_seconds: float, most: int) -> None:
        """Remembers `most` at a time; the oldest go first. With 0 seconds nothing is remembered."""
        self._clock = clock
        self._remember_seconds = remember_seconds
        self._most = most
        self._key = Secret(os.urandom(32))
        self._known: OrderedDict[bytes, tuple[float, T]] = OrderedDict()
        self._running: dict[bytes, asyncio.Task[T]] = {}

    def fingerprint(self, *parts: bytes) -> bytes:
        """Stands for these parts, in this order; of no use outside this process."""
        mac = hmac.new(self._key.reveal(), digestmod=hashlib.sha256)
        for part in parts:
            mac.update(len(part).to_bytes(8, "big") + part)
        return mac.digest()

    def recall(self, fingerprint: bytes) -> T | None:
        """What was remembered, unless its time is over."""
        known = self._known.get(fingerprint)
        return known[1] if known is not None and self._clock.monotonic_seconds() < known[0] else None

    def remember(self, fingerprint: bytes, outcome: T) -> None:
        """A check that succeeded."""
        if self._remember_seconds <= 0:
            return
        self._known[fingerprint] = (self._clock.monotonic_seconds() + self._remember_seconds, outcome)
        self._known.move_to_end(fingerprint)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    async def once(self, fingerprint: bytes, check: Callable[[], Coroutine[Any, Any, T]]) -> T:  # Any: as asyncio has
        """What `check` gives or raises; who asks while it runs gets the same answer.

        A client that goes away ends its own wait, not that of the others.
        """
        running = self._running.get(fingerprint)
        if running is None:
            running = asyncio.create_task(check())
            self._running[fingerprint] = running
            running.add_done_callback(lambda done: self._ended(fingerprint, done))
        return await asyncio.shield(running)

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()

    def _ended(self, fingerprint: bytes, done: asyncio.Task[T]) -> None:
        self._running.pop(fingerprint, None)
        if not done.cancelled():
            done.exception()  # looked at, also when nobody waits any more
