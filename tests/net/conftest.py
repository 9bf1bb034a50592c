"""Servers for tests: real TLS sockets on loopback, on uvloop and on asyncio, with a clock that the test moves."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import uvloop

from pillarbox.clock import HeldClock, SystemClock
from pillarbox.events import Field
from pillarbox.net.certificates import LocalCertificates, ensure_certificates
from pillarbox.net.listener import open_listeners
from pillarbox.net.served import serve_one
from pillarbox.net.server import Server
from pillarbox.net.settings import ListenAddress, NetSettings
from pillarbox.net.tls import Door
from tests.net.echo import EchoConversation

QUICK = NetSettings(sweep_interval_seconds=0.005)
"""Real limits; only the looking is more frequent, and the clock stands still until the test moves it."""

PATIENCE_SECONDS = 30.0
"""A test that waits for longer hangs."""


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every asynchronous test of this room runs on both."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.SelectorEventLoop}


@dataclass
class RecordedEvents:
    """Keeps all events, and lets a test wait for one."""

    seen: list[tuple[str, dict[str, Field]]] = field(default_factory=list)
    bugs: list[BaseException] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def debug(self, event: str, **fields: Field) -> None:
        self._keep(event, fields)

    info = warning = error = debug

    def bug(self, event: str, error: BaseException, **fields: Field) -> None:
        self.bugs.append(error)
        self._keep(event, fields)

    def _keep(self, event: str, fields: dict[str, Field]) -> None:
        self.seen.append((event, fields))
        self._news.set()

    async def wait_for(self, event: str, count: int = 1) -> dict[str, Field]:
        """The fields of the `count`th event of that name."""
        while len(found := [fields for name, fields in self.seen if name == event]) < count:
            self._news.clear()
            await self._news.wait()
        return found[count - 1]


@dataclass(slots=True)
class WatchedClock(HeldClock):
    """Stands still, and counts how often it is looked at: while nothing happens only the sweep does."""

    looks: int = 0

    def monotonic_seconds(self) -> float:
        self.looks += 1
        return self.seconds


@dataclass
class Running:
    """A server in the test's own loop."""

    server: Server
    port: int
    clock: WatchedClock
    events: RecordedEvents
    certificates: LocalCertificates
    conversations: list[EchoConversation]

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A verified TLS connection that has read the greeting."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.client_context())
        assert await reader.readline() == b"hello\n"
        return reader, writer

    async def swept(self) -> None:
        """Return when the sweep has seen what happened until now."""
        seen = self.clock.looks
        while self.clock.looks < seen + 3:
            await asyncio.sleep(0.001)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass for the server, once it has seen what happened until now."""
        await self.swept()
        self.clock.advance(seconds)

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificates.authority_path))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> LocalCertificates:
    folder = tmp_path_factory.mktemp("certificates")
    return ensure_certificates(Path(folder), ("mail.example.org",), 30, SystemClock())


Serving = Callable[..., "asynccontextmanager[Running]"]


@pytest.fixture
def serving(certificates: LocalCertificates) -> Serving:
    """`async with serving(door, limit=value, ...) as running:` with fields of NetSettings."""

    @asynccontextmanager
    async def serve(door: Door = Door(), **limits: float) -> AsyncIterator[Running]:  # noqa: B008 - frozen
        settings = replace(QUICK, **limits)
        [sockets] = open_listeners([ListenAddress("127.0.0.1", 0)], settings.backlog, 1)
        conversations: list[EchoConversation] = []

        def make() -> EchoConversation:
            conversations.append(EchoConversation())
            return conversations[-1]

        clock, events = WatchedClock(), RecordedEvents()
        server = Server(sockets, serve_one(certificates.files, door), make, settings, clock, events)
        port = sockets[0].getsockname()[1]
        server.start()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                yield Running(server, port, clock, events, certificates, conversations)
        finally:
            await server.stop()
            assert server.connections == 0

    return serve
