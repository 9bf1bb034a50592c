"""The PROXY protocol: headers by the byte, and over sockets from proxies and from strangers."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.auth.networks import NetworkSet
from pillarbox.net.certificates import LocalCertificates
from pillarbox.net.listener import open_listeners
from pillarbox.net.proxy import MAX_HEADER_BYTES, UNNAMED_PROXY, NoHeader, ProxyHeader, begins_header, read_header
from pillarbox.net.served import serve_one
from pillarbox.net.server import Server
from pillarbox.net.settings import ListenAddress
from tests.net.conftest import PATIENCE_SECONDS, QUICK, RecordedEvents, Running, WatchedClock
from tests.net.echo import EchoConversation

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def binary(source: str, port: int, more: bytes = b"", command: int = 0x21) -> bytes:
    """A header of version 2, with TLVs."""
    address = ipaddress.ip_address(source)
    family = 0x11 if address.version == 4 else 0x21
    body = address.packed + address.packed + struct.pack("!HH", port, 993) + more
    return SIGNATURE + struct.pack("!BBH", command, family, len(body)) + body


GOOD = {
    b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 993\r\n": ("192.0.2.7", 56324),
    b"PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n": ("2001:db8::7", 1),
    b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n": ("192.0.2.7", 1),
    b"PROXY UNKNOWN\r\n": ("", 0),
    b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n": ("", 0),
    binary("192.0.2.7", 56324): ("192.0.2.7", 56324),
    binary("2001:db8::7", 9, b"\x03\x00\x04abcd" + b"\x20\x00\x02ab"): ("2001:db8::7", 9),
    binary("::ffff:192.0.2.7", 9): ("192.0.2.7", 9),
    binary("192.0.2.7", 1, command=0x20): ("", 0),
    SIGNATURE + b"\x20\x00\x00\x00": ("", 0),
    SIGNATURE + b"\x21\x00\x00\x03abc": ("", 0),
    SIGNATURE + b"\x21\x31\x00\xd8" + bytes(216): ("", 0),
}


@pytest.mark.parametrize("header", GOOD)
def test_headers_are_read_and_what_follows_is_left(header: bytes) -> None:
    for rest in (b"", b"\x16\x03\x01", header):
        assert read_header(header + rest) == ProxyHeader(len(header), *GOOD[header])
    for cut in range(len(header)):
        assert read_header(header[:cut]) is NoHeader.INCOMPLETE
    assert begins_header(header)


@pytest.mark.parametrize(
    "data",
    [
        b"PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
        b"PROXY TCP6 192.0.2.7 192.0.2.8 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.8 65536 2\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.8 01 2\r\n",
        b"PROXY TCP4 192.0.2.7  192.0.2.8 1 2\r\n",
        b"PROXY TCP4 192.0.2.007 192.0.2.8 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2 3\r\n",
        b"PROXY UDP4 192.0.2.7 192.0.2.8 1 2\r\n",
        b"PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n",
        b"PROXY UNKNOWN " + b"x" * 107,
        b"PROXY \r\n",
        SIGNATURE + b"\x11\x11\x00\x0c" + bytes(12),  # version 1 in binary
        SIGNATURE + b"\x22\x11\x00\x0c" + bytes(12),  # a command that there is not
        SIGNATURE + b"\x21\x12\x00\x0c" + bytes(12),  # UDP
        SIGNATURE + b"\x21\x11\x00\x0b" + bytes(11),  # shorter than its addresses
        SIGNATURE + b"\x21\x21\x00\x0c" + bytes(12),
        SIGNATURE + b"\x21\x11\xff\xff",  # longer than anybody needs
    ],
)
def test_headers_that_are_none_are_malformed(data: bytes) -> None:
    assert read_header(data) is NoHeader.MALFORMED


@given(st.binary(max_size=200))
def test_no_bytes_raise_or_are_taken_beyond_the_bound(data: bytes) -> None:
    for begun in (data, SIGNATURE + data, b"PROXY TCP4 " + data):
        found = read_header(begun)
        assert isinstance(found, NoHeader) or found.size_bytes <= min(len(begun), MAX_HEADER_BYTES)


# --- over sockets -----------------------------------------------------------------------------------


@asynccontextmanager
async def behind(certificates: LocalCertificates, proxies: str | None, **limits: int) -> AsyncIterator[Running]:
    """A server that takes this network for proxies."""
    [sockets] = open_listeners([ListenAddress("127.0.0.1", 0)], 100, 1)
    clock, events = WatchedClock(), RecordedEvents()
    conversations: list[EchoConversation] = []

    def make() -> EchoConversation:
        conversations.append(EchoConversation())
        return conversations[-1]

    named = None if proxies is None else NetworkSet([proxies])
    settings, tls = replace(QUICK, **limits), serve_one(certificates.files)
    server = Server(sockets, tls, make, settings, clock, events, proxies=named)
    port = sockets[0].getsockname()[1]
    server.start()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield Running(server, port, clock, events, certificates, conversations)
    finally:
        await server.stop()
        assert (server.connections, events.bugs) == (0, [])


async def enter(running: Running, *header: bytes) -> str:
    """Come in with this header, in pieces; the address that the conversation knows."""
    loop = asyncio.get_running_loop()
    plain = socket.create_connection(("127.0.0.1", running.port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain.setblocking(False)
    for piece in header:
        await loop.sock_sendall(plain, piece)
        await running.swept()  # the server has seen it alone
    reader, writer = await asyncio.open_connection(
        sock=plain, ssl=running.client_context(), server_hostname="127.0.0.1"
    )
    assert await reader.readline() == b"hello\n"
    writer.write(b"still here\n")
    assert await reader.readline() == b"still here\n"
    peer = running.conversations[-1].peer
    assert peer is not None
    writer.close()
    return f"{peer.address} {peer.port}"


async def test_a_proxy_s_client_is_known_by_its_own_address(certificates: LocalCertificates) -> None:
    async with behind(certificates, "127.0.0.0/8") as running:
        line, packed = b"PROXY TCP4 192.0.2.7 127.0.0.1 1000 993\r\n", binary("2001:db8::7", 2000, b"\x04\x00\x01x")
        assert await enter(running, line) == "192.0.2.7 1000"
        assert await enter(running, packed) == "2001:db8::7 2000"
        assert await enter(running, line[:3], line[3:20], line[20:]) == "192.0.2.7 1000"
        assert await enter(running, packed[:5], packed[5:17], packed[17:]) == "2001:db8::7 2000"
        ended = [await running.events.wait_for("connection.ended", count) for count in range(1, 5)]
        assert {fields["address"] for fields in ended} == {"192.0.2.7", "2001:db8::7"}


async def test_a_health_check_of_the_proxy_counts_as_its_own(certificates: LocalCertificates) -> None:
    async with behind(certificates, "127.0.0.1") as running:
        assert (await enter(running, SIGNATURE + b"\x20\x00\x00\x00")).startswith("127.0.0.1 ")
        assert (await enter(running, b"PROXY UNKNOWN\r\n")).startswith("127.0.0.1 ")


@pytest.mark.parametrize("header", [b"PROXY TCP4 192.0.2.7 127.0.0.1 1000 993\r\n", binary("192.0.2.7", 1)])
@pytest.mark.parametrize("proxies", [None, "198.51.100.0/24"])
async def test_a_header_of_somebody_who_is_not_named_is_refused(
    certificates: LocalCertificates, header: bytes, proxies: str | None
) -> None:
    async with behind(certificates, proxies) as running:
        assert (await enter(running)).startswith("127.0.0.1 ")
        with pytest.raises((ssl.SSLError, OSError)):
            await enter(running, header)
        ended = await running.events.wait_for("connection.ended", 2)
        assert {name: ended[name] for name in ("reason", "address", "bytes_in")} == {
            "reason": UNNAMED_PROXY,
            "address": "127.0.0.1",
            "bytes_in": 0,
        }


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"\x16\x03\x01\x02\x00\x01", "no PROXY header from a proxy"),
        (b"a1 LOGIN x y\r\n", "no PROXY header from a proxy"),
        (b"PROXY TCP4 nobody\r\n", "malformed PROXY header"),
        (SIGNATURE + b"\x21\x11\xff\xff", "malformed PROXY header"),
        (b"", "client closed before TLS"),
        (b"PROXY TCP", "incomplete PROXY header"),
    ],
)
async def test_a_proxy_without_a_whole_header_is_refused(
    certificates: LocalCertificates, sent: bytes, reason: str
) -> None:
    async with behind(certificates, "127.0.0.1") as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(sent)
        writer.write_eof()
        assert (await running.events.wait_for("connection.ended"))["reason"] == reason
        writer.close()


async def test_a_proxy_that_says_nothing_is_sent_away_in_time(certificates: LocalCertificates) -> None:
    async with behind(certificates, "127.0.0.1") as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"PROXY ")
        while not running.server.connections:
            await asyncio.sleep(0.001)
        await running.pass_time(11)
        assert (await running.events.wait_for("connection.ended"))["reason"] == "no PROXY header in time"
        writer.close()


async def test_limits_count_a_proxy_s_clients_and_not_the_proxy(certificates: LocalCertificates) -> None:
    async with behind(certificates, "127.0.0.1", max_connections_per_address=2) as running:
        plain = []
        for number in range(1, 5):  # four clients at once through one proxy
            plain.append(await asyncio.open_connection("127.0.0.1", running.port))
            plain[-1][1].write(f"PROXY TCP4 192.0.2.{number} 127.0.0.1 1 993\r\n".encode())
        while running.server.connections < 4:
            await asyncio.sleep(0.001)
        await running.swept()
        assert [name for name, _ in running.events.seen] == []
        for count in range(2):
            plain.append(await asyncio.open_connection("127.0.0.1", running.port))
            plain[-1][1].write(b"PROXY TCP4 192.0.2.1 127.0.0.1 1 993\r\n")
            if count == 0:
                while running.server.connections < 5:
                    await asyncio.sleep(0.001)
        ended = await running.events.wait_for("connection.ended")
        assert ended["reason"] == "too many connections from this address: 192.0.2.1"
        for _, writer in plain:
            writer.close()


async def test_a_header_behind_a_header_is_refused(certificates: LocalCertificates) -> None:
    async with behind(certificates, "127.0.0.1") as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"PROXY TCP4 192.0.2.1 127.0.0.1 1 993\r\n" * 2)
        assert (await running.events.wait_for("connection.ended"))["reason"] == UNNAMED_PROXY
        writer.close()
