"""Time-outs, limits and the stop: nobody keeps a place by doing nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket

import psutil
import pytest

from pillarbox.net import entrance
from pillarbox.net.hello import ClientHello, Unreadable, read_client_hello
from tests.net.conftest import Running, Serving
from tests.net.test_connection import raw_client, until_still
from tests.net.test_hello import HELLO


async def plain_connection(running: Running) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """TCP only; the server has accepted it when this returns."""
    before = running.server.connections
    opened = await asyncio.open_connection("127.0.0.1", running.port)
    while running.server.connections == before:
        await asyncio.sleep(0)
    return opened


async def test_a_silent_connection_is_closed_after_the_handshake_time_out(serving: Serving) -> None:
    async with serving() as running:
        reader, writer = await plain_connection(running)
        await running.pass_time(9.9)
        await running.swept()
        assert running.server.connections == 1
        running.clock.advance(0.2)
        assert await reader.read() == b""
        assert (await running.events.wait_for("connection.ended"))["reason"] == "TLS handshake took too long"
        writer.close()


async def test_a_hello_that_drips_in_does_not_extend_the_handshake_time(serving: Serving) -> None:
    async with serving() as running:
        _, writer = await plain_connection(running)
        for byte in HELLO[:11]:
            writer.write(bytes([byte]))
            await running.pass_time(1)
        ended = await running.events.wait_for("connection.ended")
        assert ended["reason"] == "TLS handshake took too long"
        assert running.conversations == []
        writer.close()


async def test_a_hello_that_drips_in_quickly_enough_is_served(serving: Serving) -> None:
    async with serving() as running:
        reader, writer = await plain_connection(running)
        for byte in HELLO:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert (await reader.readexactly(3))[:1] == b"\x16"  # a handshake record: ServerHello
        writer.close()


async def test_a_waiting_partial_hello_is_not_looked_at_again_and_again(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def counted(data: bytes) -> ClientHello | Unreadable:
        looks.append(len(data))
        return read_client_hello(data)

    monkeypatch.setattr(entrance, "read_client_hello", counted)
    async with serving() as running:
        _, writer = await plain_connection(running)
        writer.write(HELLO[:50])
        while not looks:
            await asyncio.sleep(0)
        for _ in range(500):
            await asyncio.sleep(0)
        assert looks == [50]
        writer.write(HELLO[50:60])
        while len(looks) == 1:
            await asyncio.sleep(0)
        assert looks == [50, 60]
        writer.close()


async def test_who_does_not_log_in_is_told_and_closed_whatever_it_sends(serving: Serving) -> None:
    async with serving() as running:
        reader, writer = await running.connect()
        for _ in range(3):
            await running.pass_time(10.1)
            writer.write(b"still talking\n")
        answer = await reader.read()
        assert answer.endswith(b"bye Login took too long\n")
        ended = await running.events.wait_for("connection.ended")
        assert ended["reason"] == "Login took too long"
        writer.close()


async def test_who_ignores_the_goodbye_is_closed_all_the_same(serving: Serving) -> None:
    async with serving() as running:
        client = await raw_client(running.port, running.client_context())
        talk = running.conversations[0]
        client.send(b"hold\n")
        await talk.held.wait()
        await running.pass_time(31)
        await running.pass_time(11)
        await running.pass_time(11)
        ended = await running.events.wait_for("connection.ended")
        assert ended["reason"] == "Login took too long"
        client.close()


async def test_who_is_logged_in_may_be_silent_for_half_an_hour_and_no_longer(serving: Serving) -> None:
    async with serving(keep_alive_seconds=1e9) as running:
        reader, writer = await running.connect()
        writer.write(b"login\n")
        assert await reader.readline() == b"welcome\n"
        await running.pass_time(1799)
        await running.swept()
        writer.write(b"still here\n")
        assert await reader.readline() == b"still here\n"
        await running.pass_time(1799)
        await running.swept()
        assert running.server.connections == 1
        running.clock.advance(2)
        assert await reader.read() == b"bye Idle for too long\n"
        writer.close()


async def test_output_that_is_never_read_is_bounded_and_dropped_after_the_unwritable_time(serving: Serving) -> None:
    async with serving() as running:
        memory = psutil.Process().memory_info().rss
        client = await raw_client(running.port, running.client_context())
        talk = running.conversations[0]
        client.send(b"login\nbig 1000000000\n")
        await until_still(lambda: talk.drained_bytes)
        await running.pass_time(299)
        await running.swept()
        assert running.server.connections == 1
        assert psutil.Process().memory_info().rss - memory < 20_000_000
        running.clock.advance(2)
        ended = await running.events.wait_for("connection.ended")
        assert ended["reason"] == "client took nothing for too long"
        assert isinstance(talk.failure, ConnectionError)
        client.close()


async def test_a_slow_reader_that_takes_something_is_kept(serving: Serving) -> None:
    async with serving(keep_alive_seconds=1e9) as running:
        client = await raw_client(running.port, running.client_context())
        talk = running.conversations[0]
        client.send(b"login\nbig 30000000\n")
        loop = asyncio.get_running_loop()
        received = await loop.run_in_executor(None, client.recv_exactly, 8)
        for _ in range(10):
            await until_still(lambda: talk.drained_bytes)
            await running.pass_time(250)
            received += await loop.run_in_executor(None, client.recv_exactly, 2_500_000)
        assert running.server.connections == 1
        received += await loop.run_in_executor(None, client.recv_exactly, 5_000_000)
        piece = bytes(range(256)) * 256
        assert received == b"welcome\n" + (piece * (30_000_000 // len(piece) + 1))[:30_000_000]
        client.close()


async def test_connections_of_one_address_are_limited_and_places_come_free_again(serving: Serving) -> None:
    async with serving(max_connections_per_address=3) as running:
        kept = [await running.connect() for _ in range(3)]
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        assert await reader.read() == b""
        refused = await running.events.wait_for("connection.refused")
        assert refused == {"address": "127.0.0.1", "reason": "too many connections from this address", "count": 1}
        writer.close()
        kept[0][1].close()
        await running.events.wait_for("connection.ended")
        kept.append(await running.connect())
        for _, writer in kept:
            writer.close()


async def test_connections_in_all_are_limited(serving: Serving) -> None:
    async with serving(max_connections=2) as running:
        kept = [await running.connect() for _ in range(2)]
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        assert await reader.read() == b""
        assert (await running.events.wait_for("connection.refused"))["reason"] == "too many connections"
        for _, one in [*kept, (reader, writer)]:
            one.close()


async def test_the_server_survives_having_no_file_descriptor_left(serving: Serving) -> None:
    async with serving(accept_pause_seconds=0.01) as running:
        reader, writer = await running.connect()
        waiting = socket.socket()
        waiting.setblocking(False)
        late = socket.socket()
        late.setblocking(False)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        highest = max(int(name) for name in os.listdir("/proc/self/fd"))
        fillers = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 2, hard))
        try:
            with contextlib.suppress(OSError):  # EMFILE: none is left
                while True:
                    fillers.append(os.open("/dev/null", os.O_RDONLY))
            loop = asyncio.get_running_loop()
            await loop.sock_connect(waiting, ("127.0.0.1", running.port))
            paused = await running.events.wait_for("listener.paused")
            assert paused["connections"] == 1
            writer.write(b"still served\n")
            assert await reader.readline() == b"still served\n"
            await running.events.wait_for("listener.paused", 2)
        finally:
            for filler in fillers:
                os.close(filler)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        while running.server.connections < 2:
            await asyncio.sleep(0.001)
        _, another = await running.connect()
        for one in (waiting, late, writer, another):
            one.close()


async def test_stop_says_goodbye_to_everyone_and_accepts_nobody(serving: Serving) -> None:
    async with serving() as running:
        kept = [await running.connect() for _ in range(3)]
        _, unfinished = await plain_connection(running)
        stopping = asyncio.create_task(running.server.stop())
        for reader, writer in kept:
            assert await reader.read() == b"bye Server is shutting down\n"
            writer.close()
        await stopping
        assert running.server.connections == 0
        unfinished.close()
        try:
            await asyncio.open_connection("127.0.0.1", running.port)
        except ConnectionRefusedError:
            return
        raise AssertionError("somebody accepted")


async def test_stop_lets_a_running_command_finish(serving: Serving) -> None:
    async with serving() as running:
        reader, writer = await running.connect()
        writer.write(b"hold\n")
        talk = running.conversations[0]
        await talk.held.wait()
        stopping = asyncio.create_task(running.server.stop())
        while not talk.ended_by:
            await asyncio.sleep(0)
        talk.release.set()
        assert await reader.read() == b"held\nbye Server is shutting down\n"
        writer.close()
        await stopping


async def test_stop_ends_what_does_not_finish_in_the_grace_time(serving: Serving) -> None:
    async with serving(stop_grace_seconds=0.05) as running:
        _, writer = await running.connect()
        writer.write(b"hold\n")
        talk = running.conversations[0]
        await talk.held.wait()
        await running.server.stop()
        assert isinstance(talk.failure, asyncio.CancelledError)
        assert (await running.events.wait_for("connection.ended"))["reason"] == "Server is shutting down"
        writer.close()
