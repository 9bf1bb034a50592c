"""A conversation over a real TLS socket: bytes, back-pressure, the end."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct

from pillarbox.conversation import Phase
from tests.net.conftest import Serving


async def test_lines_come_back_and_the_visit_is_logged_once(serving: Serving) -> None:
    async with serving() as running:
        reader, writer = await running.connect()
        writer.write(b"one\ntwo\nquit\n")
        assert await reader.read() == b"one\ntwo\nbye\n"
        writer.close()
        ended = await running.events.wait_for("connection.ended")
        assert ended["address"] == "127.0.0.1"
        assert ended["tls"] == "TLSv1.3"
        assert ended["bytes_in"] == len("one\ntwo\nquit\n")
        assert ended["bytes_out"] == len("hello\none\ntwo\nbye\n")
        assert ended["reason"] == "conversation over"
        assert len(running.events.seen) == 1


async def test_the_conversation_knows_its_peer(serving: Serving) -> None:
    async with serving() as running:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=running.client_context(), server_hostname="mail.example.org"
        )
        await reader.readline()
        peer = running.conversations[0].peer
        assert peer is not None
        assert (peer.address, peer.port) == writer.get_extra_info("sockname")
        assert (peer.tls_version, peer.tls_cipher) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384")
        assert peer.server_name == "mail.example.org"
        writer.close()


async def test_one_byte_writes_leave_in_few_records(serving: Serving) -> None:
    async with serving() as running:
        _, plain = await running.connect()
        plain.close()
        counted, records = await count_records(running.port, running.client_context(), b"bytes 20000\n", 20_000)
        assert counted == bytes(97 + index % 26 for index in range(20_000))
        assert records <= 4


async def test_input_of_one_byte_records_is_understood(serving: Serving) -> None:
    async with serving() as running:
        reader, writer = await running.connect()
        for byte in b"a line that comes slowly\n":
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert await reader.readline() == b"a line that comes slowly\n"
        writer.close()


async def test_a_large_upload_arrives_whole_beside_others(serving: Serving) -> None:
    async with serving() as running:
        reader, writer = await running.connect()
        other_reader, other_writer = await running.connect()
        size = 20 * 1024 * 1024
        writer.write(b"take %d\n" % size)
        sending = asyncio.create_task(send_all(writer, size))
        other_writer.write(b"me too\n")
        assert await other_reader.readline() == b"me too\n"
        await sending
        assert await reader.readline() == b"taken\n"
        assert running.conversations[0].received_bytes == size + len(b"take %d\n" % size)
        writer.close()
        other_writer.close()


async def test_a_large_answer_arrives_whole_and_never_piles_up(serving: Serving) -> None:
    async with serving(high_water_bytes=100_000) as running:
        reader, writer = await running.connect()
        size = 30 * 1024 * 1024 + 17
        writer.write(b"big %d\n" % size)
        received = await reader.readexactly(size)
        assert received == (bytes(range(256)) * (size // 256 + 1))[:size]
        writer.close()


async def test_others_are_served_while_one_client_takes_a_long_answer(serving: Serving) -> None:
    async with serving() as running:
        reader, writer = await running.connect()
        other_reader, other_writer = await running.connect()
        size = 200 * 1024 * 1024
        writer.write(b"big %d\n" % size)
        taking = asyncio.create_task(take_all(reader, size))
        other_writer.write(b"me too\n")
        assert await other_reader.readline() == b"me too\n"
        assert running.conversations[0].drained_bytes < size
        taking.cancel()
        writer.transport.abort()
        other_writer.close()


async def test_a_client_that_does_not_read_stops_the_conversation_at_the_high_water_mark(serving: Serving) -> None:
    async with serving(high_water_bytes=100_000) as running:
        client = await raw_client(running.port, running.client_context())
        client.send(b"big 500000000\n")
        talk = running.conversations[0]
        await until_still(lambda: talk.drained_bytes)
        assert 0 < talk.drained_bytes < 30_000_000  # kernel buffers on loopback, and never all
        client.close()
        await talk.finished.wait()
        assert isinstance(talk.failure, ConnectionError)


async def test_reading_stops_while_enough_commands_wait_and_goes_on_after(serving: Serving) -> None:
    async with serving() as running:
        client = await raw_client(running.port, running.client_context())
        talk = running.conversations[0]
        client.send(b"hold\n")
        await talk.held.wait()
        loop = asyncio.get_running_loop()
        line = b"x" * 999 + b"\n"
        count = 40_000
        sending = loop.run_in_executor(None, client.sendall_slowly, line * count)
        await until_still(lambda: talk.received_bytes)
        assert talk.received_bytes < 2_000_000
        talk.release.set()
        wanted = b"held\n" + line * count
        assert await loop.run_in_executor(None, client.recv_exactly, len(wanted)) == wanted
        await sending
        client.close()


async def test_half_close_lets_the_conversation_finish(serving: Serving) -> None:
    async with serving() as running:
        client = await raw_client(running.port, running.client_context())
        client.send(b"last words\n")
        client.say_close_notify()
        await running.events.wait_for("connection.ended")
        talk = running.conversations[0]
        assert talk.saw_eof
        assert talk.failure is None
        ended = await running.events.wait_for("connection.ended")
        assert ended["reason"] == "client closed"
        assert ended["bytes_out"] == len("hello\nlast words\nbye \n")
        client.close()


async def test_a_cut_without_close_notify_is_told_from_a_clean_end(serving: Serving) -> None:
    async with serving() as running:
        client = await raw_client(running.port, running.client_context())
        client.half_close_tcp()
        assert (await running.events.wait_for("connection.ended"))["reason"] == "connection cut"
        client.close()


async def test_a_reset_connection_ends_the_conversation(serving: Serving) -> None:
    async with serving() as running:
        client = await raw_client(running.port, running.client_context())
        client.reset()
        ended = await running.events.wait_for("connection.ended")
        assert ended["reason"] == "connection cut"
        assert running.conversations[0].saw_eof
        assert running.events.bugs == []


async def test_a_reset_while_output_waits_raises_connection_error_in_drain(serving: Serving) -> None:
    async with serving() as running:
        client = await raw_client(running.port, running.client_context())
        client.send(b"big 500000000\n")
        talk = running.conversations[0]
        await until_still(lambda: talk.drained_bytes)
        client.reset()
        await talk.finished.wait()
        assert isinstance(talk.failure, ConnectionError)


async def test_last_words_arrive_although_input_was_not_read(serving: Serving) -> None:
    async with serving() as running:
        client = await raw_client(running.port, running.client_context())
        loop = asyncio.get_running_loop()
        client.send(b"quit\n" + b"never read\n" * 1000)
        assert await loop.run_in_executor(None, client.recv_exactly, 4) == b"bye\n"
        assert await loop.run_in_executor(None, client.recv_exactly, 1) == b""  # close_notify, not a reset
        client.close()
        await running.events.wait_for("connection.ended")


async def test_a_client_that_never_closes_is_let_go_after_the_lingering_time(serving: Serving) -> None:
    async with serving() as running:
        client = await raw_client(running.port, running.client_context())
        client.send(b"quit\n")
        await running.conversations[0].finished.wait()
        await running.pass_time(2)
        assert (await running.events.wait_for("connection.ended"))["reason"] == "conversation over"
        client.close()


async def test_a_bug_in_run_is_logged_and_closes_only_its_connection(serving: Serving) -> None:
    async with serving() as running:
        reader, writer = await running.connect()
        other_reader, other_writer = await running.connect()
        writer.write(b"before\nbug\n")
        assert await reader.read() == b"before\n"
        writer.close()
        await running.events.wait_for("connection.ended")
        assert [str(bug) for bug in running.events.bugs] == ["a bug in run"]
        other_writer.write(b"still served\n")
        assert await other_reader.readline() == b"still served\n"
        other_writer.close()


async def test_a_bug_in_receive_is_logged_and_closes_the_connection(serving: Serving) -> None:
    async with serving() as running:
        reader, writer = await running.connect()
        writer.write(b"bug in receive\n")
        assert await reader.read() == b""
        writer.close()
        ended = await running.events.wait_for("connection.ended")
        assert ended["reason"] == "error in the server"
        assert [str(bug) for bug in running.events.bugs] == ["a bug in receive"]


async def test_a_logged_in_conversation_is_kept_alive_when_nothing_is_sent(serving: Serving) -> None:
    async with serving() as running:
        reader, writer = await running.connect()
        writer.write(b"login\n")
        assert await reader.readline() == b"welcome\n"
        assert running.conversations[0].phase is Phase.OPEN
        for _ in range(3):
            await running.pass_time(121)
            assert await reader.readline() == b"still here\n"
        writer.close()


# --- clients ----------------------------------------------------------------------------------------


class RawClient:
    """A blocking TLS client that can misbehave."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._plain = socket.create_connection(("127.0.0.1", port))
        self._descriptor = self._plain.fileno()
        self._tls = context.wrap_socket(self._plain, server_hostname="127.0.0.1")

    def send(self, data: bytes) -> None:
        self._tls.sendall(data)

    def sendall_slowly(self, data: bytes) -> None:
        for at in range(0, len(data), 16_384):
            self._tls.send(data[at : at + 16_384])

    def recv_exactly(self, size: int) -> bytes:
        received = bytearray()
        while len(received) < size and (data := self._tls.recv(min(65_536, size - len(received)))):
            received += data
        return bytes(received)

    def say_close_notify(self) -> None:
        """Send close_notify and wait for nothing."""
        self._tls.setblocking(False)
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            self._tls.setblocking(True)

    def half_close_tcp(self) -> None:
        socket.socket.shutdown(self._tls, socket.SHUT_WR)

    def reset(self) -> None:
        self._tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._tls.close()

    def close(self) -> None:
        self._tls.close()


async def raw_client(port: int, context: ssl.SSLContext) -> RawClient:
    def connect() -> RawClient:
        client = RawClient(port, context)
        assert client.recv_exactly(6) == b"hello\n"
        return client

    return await asyncio.get_running_loop().run_in_executor(None, connect)


async def send_all(writer: asyncio.StreamWriter, size: int) -> None:
    piece = bytes(1024 * 1024)
    for _ in range(size // len(piece)):
        writer.write(piece)
        await writer.drain()


async def take_all(reader: asyncio.StreamReader, size: int) -> None:
    while size:
        size -= len(await reader.read(65_536))


async def until_still(measure: object) -> None:
    """Return when a number that grows has not grown for a good number of turns of the loop."""
    still, last = 0, -1
    while still < 200:
        await asyncio.sleep(0.0005)
        now = measure()  # type: ignore[operator]
        still = still + 1 if now == last and now else 0
        last = now


async def count_records(port: int, context: ssl.SSLContext, line: bytes, size: int) -> tuple[bytes, int]:
    """Send a line; what comes back, and in how many TLS records of application data."""

    def talk() -> tuple[bytes, int]:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        with socket.create_connection(("127.0.0.1", port)) as plain:

            def pump(step: object) -> object:
                while True:
                    try:
                        return step()  # type: ignore[operator]
                    except ssl.SSLWantReadError:
                        plain.sendall(outgoing.read())
                        incoming.write(plain.recv(65_536))

            pump(tls.do_handshake)
            greeting = b""
            while len(greeting) < 6:
                greeting += pump(lambda: tls.read(6))  # type: ignore[operator]
            tls.write(line)
            plain.sendall(outgoing.read())
            raw, received, records = bytearray(), bytearray(), 0
            while len(received) < size:
                raw += plain.recv(65_536)
                while len(raw) >= 5 and len(raw) >= 5 + int.from_bytes(raw[3:5], "big"):
                    length = 5 + int.from_bytes(raw[3:5], "big")
                    incoming.write(bytes(raw[:length]))
                    del raw[:length]
                    records += 1
                    received += tls.read(65_536)
            return bytes(received), records

    return await asyncio.get_running_loop().run_in_executor(None, talk)
