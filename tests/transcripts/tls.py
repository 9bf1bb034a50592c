"""The stage with sockets: a real server process, over TLS, as any client meets it."""

from __future__ import annotations

import asyncio
import time

from tests.grammar import ResponseSplitter
from tests.servers.pillarbox_server import PillarboxServer


class TlsConnection:
    """One TLS connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._splitter = ResponseSplitter()
        self._waiting: list[bytes] = []

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def response(self) -> bytes | None:
        while not self._waiting:
            data = await self._reader.read(65_536)
            if not data:
                return None
            self._waiting += self._splitter.feed(data)
        return self._waiting.pop(0)

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


class TlsStage:
    """A running server and an account made for this play."""

    def __init__(self, server: PillarboxServer, user: str, password: str) -> None:
        self._server = server
        self.user = user
        self.password = password

    async def connect(self) -> TlsConnection:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._server.port, ssl=self._server.client_context(), server_hostname=self._server.host
        )
        return TlsConnection(reader, writer)

    def person(self, name: str) -> str:
        return f"{name}-{self.user.partition('-')[2]}"

    def now_seconds(self) -> float:
        return time.time()
