"""Open connections that are kept for the next question, and the next server when one is down.

Must never: hand a connection to two askers; keep one whose conversation did not end.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from pillarbox.auth.ldap.address import LdapAddress
from pillarbox.auth.ldap.connection import LdapConnection, LdapTrouble
from pillarbox.clock import Clock

IDLE_SECONDS: Final = 60.0
"""Firewalls forget connections that are silent for minutes, and tell nobody."""

Prepare = Callable[[LdapConnection], Awaitable[None]]


class LdapPool:
    """Connections of one kind."""

    def __init__(
        self,
        addresses: Sequence[LdapAddress],
        tls: ssl.SSLContext,
        seconds: float,
        clock: Clock,
        prepare: Prepare | None = None,
    ) -> None:
        """`prepare` makes a new connection ready, such as by a bind; it raises LdapTrouble. `seconds` is for all."""
        self._addresses = list(addresses)
        self._tls = tls
        self._seconds = seconds
        self._clock = clock
        self._prepare = prepare
        self._idle: list[tuple[LdapConnection, float]] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[LdapConnection]:
        """One for the caller alone; it is kept for others unless something went wrong. Raises LdapTrouble."""
        connection = self._kept() or await self._opened()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if connection.is_usable:
            self._idle.append((connection, self._clock.monotonic_seconds()))
        else:
            connection.close()

    def close(self) -> None:
        """Hang up on all that are idle."""
        while self._idle:
            self._idle.pop()[0].close()

    def _kept(self) -> LdapConnection | None:
        while self._idle:
            connection, since = self._idle.pop()
            if connection.is_usable and self._clock.monotonic_seconds() - since < IDLE_SECONDS:
                return connection
            connection.close()
        return None

    async def _opened(self) -> LdapConnection:
        """To the first server that answers; it is the first to be asked from then on."""
        trouble: Exception = LdapTrouble("no directory server is named")
        share = self._seconds / max(1, len(self._addresses))
        for address in list(self._addresses):
            try:
                async with asyncio.timeout(share):
                    connection = await self._ready(address)
            except (LdapTrouble, TimeoutError) as error:
                trouble = error if isinstance(error, LdapTrouble) else LdapTrouble(f"{address} does not answer")
                continue
            self._addresses.remove(address)
            self._addresses.insert(0, address)
            return connection
        raise trouble

    async def _ready(self, address: LdapAddress) -> LdapConnection:
        connection = await LdapConnection.open(address, self._tls, self._seconds)
        try:
            if self._prepare is not None:
                await self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection
