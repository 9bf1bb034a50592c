"""All connections of one worker: from the listening sockets to the graceful stop.

Must never: know a protocol; leave a connection open after `stop` returned.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence

from pillarbox.auth.networks import NetworkSet
from pillarbox.clock import Clock
from pillarbox.conversation import Conversation, Overture
from pillarbox.events import EventLog
from pillarbox.net.hall import Hall
from pillarbox.net.listener import Listener
from pillarbox.net.served import ServerTls
from pillarbox.net.settings import NetSettings
from pillarbox.net.tally import Share

GOODBYE = "Server is shutting down"
"""What clients hear at stop."""


class Server:
    """Serves every connection to some listening sockets with a conversation of its own.

    Make and use it on the loop's thread. It accepts when `start` has returned.
    """

    __slots__ = ("_hall", "_listener", "_sweeper")

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        tls: ServerTls | None,
        make_conversation: Callable[[], Conversation],
        settings: NetSettings,
        clock: Clock,
        events: EventLog,
        make_overture: Callable[[], Overture] | None = None,
        addresses: Share | None = None,
        proxies: NetworkSet | None = None,
    ) -> None:
        """`sockets` come from `open_listeners` or `open_unix_listeners` and are closed by `stop`. Without `tls`
        connections are plain: only for what nobody else can listen to. With `make_overture` TLS begins by STARTTLS.
        `addresses` counts connections over several processes; None: here alone. What comes from `proxies` begins with
        a PROXY header."""
        self._hall = Hall(tls, make_conversation, settings, clock, events, make_overture, addresses)
        self._listener = Listener(sockets, self._hall, proxies)
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> int:
        """How many are open, in any state."""
        return len(self._hall)

    def start(self) -> None:
        """Begin to accept."""
        self._listener.accept()
        self._sweep_later()

    async def drain(self) -> None:
        """Accept no more; return when everybody has left."""
        self._listener.close()
        await self._hall.wait_until_empty()

    async def stop(self) -> None:
        """Accept no more, end every conversation, wait up to the grace time, close what is left."""
        self._listener.close()
        for guest in self._hall:
            guest.part(GOODBYE)
        settings = self._hall.settings
        # Then: the sockets close, and what runs may notice; then it is cancelled.
        for patience_seconds in (settings.stop_grace_seconds, min(1.0, settings.stop_grace_seconds)):
            if await self._empty_within(patience_seconds):
                break
            for guest in self._hall:
                guest.abort("stop took too long")
        await self._empty_within(settings.farewell_seconds)
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._listener.report_refusals()

    async def _empty_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hall.wait_until_empty()
        return not len(self._hall)

    def _sweep_later(self) -> None:
        self._sweeper = self._hall.loop.call_later(self._hall.settings.sweep_interval_seconds, self._sweep)

    def _sweep(self) -> None:
        self._sweep_later()
        now_seconds = self._hall.clock.monotonic_seconds()
        for guest in self._hall:
            try:
                guest.sweep(now_seconds)
            except Exception as error:
                self._hall.events.bug("connection.sweep_failed", error)
        self._listener.report_refusals()
