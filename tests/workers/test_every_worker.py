"""Two workers on one port: all sessions see the same truth at once, and one that dies takes nobody else along."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.servers.pillarbox_server import PillarboxServer
from tests.transcripts.tls import TlsConnection

USER, PASSWORD = "alice@example.org", "correct horse battery"
WORKERS = 2
AT_ONCE_SECONDS = 1.0
"""Much more than it takes (some milliseconds), much less than the store's own look around (3 s)."""
PATIENCE_SECONDS = 20.0
MESSAGE = b"Subject: news\r\n\r\nIt is so.\r\n"


@pytest.fixture
def server() -> Iterator[PillarboxServer]:
    with PillarboxServer(workers=WORKERS) as running:
        running.add_account(USER, PASSWORD)
        yield running


class Session:
    """One client, and the process that serves it."""

    def __init__(self, server: PillarboxServer) -> None:
        self._server = server
        self._connection: TlsConnection
        self.worker = 0

    async def open(self) -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._server.port, ssl=self._server.client_context(), server_hostname=self._server.host
        )
        self._connection = TlsConnection(reader, writer)
        assert (await self.heard()).startswith(b"* OK")
        await self.command(f'LOGIN {USER} "{PASSWORD}"'.encode())
        port = writer.get_extra_info("sockname")[1]
        self.worker = await asyncio.to_thread(worker_of, self._server, port)

    async def heard(self, seconds: float = PATIENCE_SECONDS) -> bytes:
        async with asyncio.timeout(seconds):
            response = await self._connection.response()
        if response is None:
            raise ConnectionResetError
        return response

    async def command(self, text: bytes) -> list[bytes]:
        """The untagged responses; the tagged one must be OK."""
        await self._connection.send(b"t " + text + b"\r\n")
        untagged = []
        while not (response := await self.heard()).startswith(b"t "):
            untagged.append(response)
        assert response.startswith(b"t OK"), response
        return untagged

    async def idle(self) -> None:
        await self._connection.send(b"i IDLE\r\n")
        assert (await self.heard()).startswith(b"+")

    async def done(self) -> None:
        await self._connection.send(b"DONE\r\n")
        while not (await self.heard()).startswith(b"i OK"):
            pass

    async def hears(self, wanted: bytes, seconds: float = AT_ONCE_SECONDS) -> None:
        """`wanted` comes in time; RECENT and FETCH may come before."""
        async with asyncio.timeout(seconds):
            while await self.heard() != wanted:
                pass

    async def close(self) -> None:
        with contextlib.suppress(ssl.SSLError, ConnectionError):  # the server may have something to say still
            await self._connection.close()


def workers_of(server: PillarboxServer) -> set[int]:
    """Of the server's processes, those that accept: not the housekeeper."""
    children = psutil.Process(server.process_id).children()
    return {child.pid for child in children if any(one.status == "LISTEN" for one in child.net_connections("tcp"))}


def worker_of(server: PillarboxServer, client_port: int) -> int:
    """The worker that holds the other end of a connection."""
    for pid in workers_of(server):
        for connection in psutil.Process(pid).net_connections("tcp"):
            if connection.raddr and connection.raddr.port == client_port:
                return pid
    raise AssertionError("no worker serves this connection")


@asynccontextmanager
async def sessions_on_every_worker(server: PillarboxServer) -> AsyncIterator[list[Session]]:
    """Two sessions on each worker at least, INBOX open. The kernel deals connections out; so many are opened."""
    async with AsyncExitStack() as stack:
        sessions: list[Session] = []
        expected = workers_of(server)
        while not all([each.worker for each in sessions].count(pid) >= 2 for pid in expected):
            assert len(sessions) < 40, "the kernel gives one worker everything"
            session = Session(server)
            await session.open()
            stack.push_async_callback(session.close)
            await session.command(b"SELECT INBOX")
            sessions.append(session)
        assert len(expected) == WORKERS
        yield sessions


async def test_a_change_through_any_worker_reaches_every_idle_session_at_once(server: PillarboxServer) -> None:
    async with sessions_on_every_worker(server) as sessions:
        doers = {session.worker: session for session in sessions}
        idlers = [session for session in sessions if session not in doers.values()]
        for session in idlers:
            await session.idle()
        for count, doer in enumerate(doers.values(), 1):
            await doer.command(b"APPEND INBOX {%d+}\r\n%b" % (len(MESSAGE), MESSAGE))
            for session in idlers:
                await session.hears(b"* %d EXISTS\r\n" % count)
        for doer in doers.values():
            await doer.command(b"NOOP")
            await doer.command(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
            await doer.command(b"EXPUNGE")
            for session in idlers:
                await session.hears(b"* 1 EXPUNGE\r\n")
        for session in idlers:
            await session.done()


async def test_what_the_command_line_imports_reaches_every_worker_at_once(
    server: PillarboxServer, tmp_path: Path
) -> None:
    letter = tmp_path / "letter.eml"
    letter.write_bytes(MESSAGE)
    async with sessions_on_every_worker(server) as sessions:
        for session in sessions:
            await session.idle()
        await asyncio.to_thread(server.import_mail, letter, USER)
        for session in sessions:
            await session.hears(b"* 1 EXISTS\r\n")
        for session in sessions:
            await session.done()


async def test_a_worker_that_is_killed_takes_nobody_else_along_and_has_a_successor(server: PillarboxServer) -> None:
    async with sessions_on_every_worker(server) as sessions:
        victim = sessions[0].worker
        theirs = [session for session in sessions if session.worker == victim]
        others = [session for session in sessions if session.worker != victim]
        os.kill(victim, signal.SIGKILL)
        for session in theirs:
            with pytest.raises((ConnectionError, OSError, asyncio.IncompleteReadError)):
                await session.command(b"NOOP")
        for session in others:
            await session.command(b"NOOP")
        await asyncio.to_thread(wait_for_workers, server, victim)
        async with sessions_on_every_worker(server) as renewed:
            for session in (*others, *renewed[1:]):
                await session.idle()
            await renewed[0].command(b"APPEND INBOX {%d+}\r\n%b" % (len(MESSAGE), MESSAGE))
            for session in (*others, *renewed[1:]):
                await session.hears(b"* 1 EXISTS\r\n")


def wait_for_workers(server: PillarboxServer, gone: int) -> None:
    """Until there are as many workers as before, without the one that is gone."""
    ready = threading.Event()
    for _ in range(int(PATIENCE_SECONDS / 0.05)):
        pids = workers_of(server)
        if len(pids) == WORKERS and gone not in pids:
            return
        ready.wait(0.05)
    raise AssertionError(f"no successor came: {server.stderr()}")
