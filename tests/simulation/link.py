"""One device's connection over TLS, packed when the device wants that, and the tape on which all of them are written.

Must never: know what a response means.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import zlib
from collections import deque
from typing import Protocol, Self

from tests.grammar import ResponseSplitter

_SHOWN_BYTES = 600
_KEPT_LINES = 4_000
PATIENCE_SECONDS = 60.0


class Server(Protocol):
    """What is needed of a server."""

    host: str
    port: int

    def client_context(self) -> ssl.SSLContext: ...


class Address:
    """Where the server is, and whom to trust."""

    def __init__(self, server: Server) -> None:
        self.host, self.port = server.host, server.port
        self.context = server.client_context()


class Tape:
    """The last lines that went over the wire, of all devices in the order in which they came."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)

    def note(self, device: str, what: str) -> None:
        self._lines.append(f"{device:>8} {what[:_SHOWN_BYTES]}")

    def last(self, count: int, device: str = "") -> str:
        """The last lines of all devices, or of one."""
        return "\n".join([line for line in self._lines if line.lstrip().startswith(device)][-count:])


class HungUp(Exception):
    """The server closed the connection."""


class Link:
    """One TLS connection."""

    def __init__(self, device: str, tape: Tape, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._device, self._tape = device, tape
        self._reader, self._writer = reader, writer
        self._splitter = ResponseSplitter()
        self._waiting: deque[bytes] = deque()
        self._deflater: zlib._Compress | None = None
        self._inflater: zlib._Decompress | None = None

    @classmethod
    async def open(cls, device: str, tape: Tape, server: Address) -> Self:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=server.context, server_hostname=server.host
        )
        tape.note(device, "-- connected")
        return cls(device, tape, reader, writer)

    def compress(self) -> None:
        """From now on both sides pack (RFC 4978)."""
        self._deflater, self._inflater = zlib.compressobj(6, zlib.DEFLATED, -15), zlib.decompressobj(-15)

    async def send(self, data: bytes) -> None:
        self._tape.note(self._device, f"C: {data!r}")
        if self._deflater is not None:
            data = self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        self._writer.write(data)
        await self._writer.drain()

    async def response(self) -> bytes:
        """The next whole response. Raises HungUp."""
        while not self._waiting:
            async with asyncio.timeout(PATIENCE_SECONDS):
                data = await self._reader.read(65_536)
            if not data:
                self._tape.note(self._device, "-- the server hung up")
                raise HungUp
            self._waiting += self._splitter.feed(data if self._inflater is None else self._inflater.decompress(data))
        raw = self._waiting.popleft()
        self._tape.note(self._device, f"S: {raw!r}")
        return raw

    async def drop(self) -> None:
        """Gone, as a telephone in a tunnel: nothing that is still on its way is read."""
        self._tape.note(self._device, "-- gone")
        self._writer.transport.abort()
        with contextlib.suppress(OSError, ssl.SSLError):
            await self._writer.wait_closed()
