"""The HTTPS port over real sockets: TLS, limits against those who don't play fair, renewal, stop."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes

from pillarbox.clock import HeldClock
from pillarbox.events import Field, NoEvents
from pillarbox.net.listener import open_listeners
from pillarbox.net.served import Plan, ServedCertificates
from pillarbox.net.settings import ListenAddress
from pillarbox.net.tls import CertificateFiles
from pillarbox.web.documents import make_app
from pillarbox.web.https import WebServer, WebTls
from pillarbox.web.settings import DOOR, WebSettings
from tests.web.sites import SITE, make_files

PATIENCE_SECONDS = 20.0
POST = b"POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: x\r\n"
REQUEST = b"GET /mail/config-v1.1.xml?emailaddress=a@example.org HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass
class Running:
    server: WebServer
    served: ServedCertificates
    tls: WebTls
    files: CertificateFiles
    port: int

    async def connect(self, context: ssl.SSLContext | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = context or ssl.create_default_context(cafile=str(self.files.certificate_path))
        return await asyncio.open_connection("localhost", self.port, ssl=context, family=socket.AF_INET)

    async def shown(self) -> bytes:
        """SHA-256 of the certificate that a new connection sees."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        _, writer = await self.connect(context)
        try:
            return hashlib.sha256(writer.get_extra_info("ssl_object").getpeercert(True)).digest()
        finally:
            writer.close()


class Bugs(NoEvents):
    """Remembers errors of ours."""

    def __init__(self) -> None:
        self.seen: list[BaseException] = []

    def bug(self, event: str, error: BaseException, **fields: Field) -> None:
        self.seen.append(error)


@asynccontextmanager
async def running(folder: Path, settings: WebSettings | None = None) -> AsyncIterator[Running]:
    settings = settings or WebSettings()
    bugs = Bugs()
    files = make_files(folder)
    served = ServedCertificates(Plan(files), (DOOR,), bugs)
    tls = WebTls(served.tls(DOOR))
    ((listener,),) = open_listeners([ListenAddress("127.0.0.1", 0)], 100, 1)
    app = make_app(SITE, tls.current_signer, settings.max_body_bytes, HeldClock(), bugs)
    server = WebServer([listener], tls, app, settings, bugs)
    server.start()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield Running(server, served, tls, files, listener.getsockname()[1])
    finally:
        await server.stop()
    assert (server.connections, bugs.seen) == (0, [])


async def answer_to(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    return head, await reader.readexactly(length)


async def test_documents_come_over_verified_tls_and_connections_are_kept(tmp_path: Path) -> None:
    async with running(tmp_path) as web:
        context = ssl.create_default_context(cafile=str(web.files.certificate_path))
        context.set_alpn_protocols(["h2", "http/1.1"])
        reader, writer = await web.connect(context)
        for _ in range(2):
            writer.write(REQUEST)
            head, body = await answer_to(reader)
            assert head.startswith(b"HTTP/1.1 200")
            assert b"<clientConfig" in body
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.close()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
async def test_old_tls_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as web:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await web.connect(context)


async def test_a_renewed_certificate_is_shown_at_once_and_a_bad_one_never(tmp_path: Path) -> None:
    async with running(tmp_path) as web:
        before = await web.shown()
        kept_reader, kept_writer = await web.connect()
        make_files(tmp_path)
        assert web.served.look() == []
        after = await web.shown()
        assert after != before
        signer = web.tls.current_signer()
        assert signer is not None
        assert signer.certificate.fingerprint(hashes.SHA256()) == after
        make_files(tmp_path / "..").key_path.replace(web.files.key_path)  # a key that doesn't belong
        assert [str(error).partition(": ")[2] for error in web.served.look()] == ["key values mismatch"]
        assert await web.shown() == after
        kept_writer.write(REQUEST)
        assert (await answer_to(kept_reader))[0].startswith(b"HTTP/1.1 200")
        kept_writer.close()


async def test_who_never_shakes_hands_is_sent_away(tmp_path: Path) -> None:
    async with running(tmp_path, WebSettings(handshake_timeout_seconds=0.2)) as web:
        reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
        assert await reader.read() == b""
        writer.close()


async def test_plain_http_gets_no_document(tmp_path: Path) -> None:
    async with running(tmp_path) as web:
        reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
        writer.write(REQUEST)
        assert b"HTTP" not in await reader.read()
        writer.close()


@pytest.mark.parametrize("start", [b"", b"GET / HT", POST + b"Content-Length: 900\r\n\r\n<"])
async def test_a_slow_client_is_sent_away(tmp_path: Path, start: bytes) -> None:
    async with running(tmp_path, WebSettings(connection_seconds=0.3)) as web:
        reader, writer = await web.connect()
        writer.write(start)
        assert await reader.read() == b""
        writer.close()


async def test_an_endless_header_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as web:
        reader, writer = await web.connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000)
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
        writer.close()


async def test_one_address_can_not_take_every_connection(tmp_path: Path) -> None:
    async with running(tmp_path, WebSettings(max_connections_per_address=3)) as web:
        waiting = [await asyncio.open_connection("127.0.0.1", web.port) for _ in range(3)]
        while web.server.connections < 3:
            await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()
        for _, each in waiting:
            each.close()
        while web.server.connections:
            await asyncio.sleep(0)
        assert len(await web.shown()) == 32


async def test_stop_lets_nobody_in_and_leaves_nobody(tmp_path: Path) -> None:
    async with running(tmp_path) as web:
        reader, writer = await web.connect()
        await web.server.stop()
        assert await reader.read() == b""
        writer.close()
        with pytest.raises(ConnectionError):
            await web.connect()


ODD = (
    b"\r\n" * 500,
    b"\x16\x03\x01\x00\x05hello",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /%ff%00%0a?emailaddress=%ff%00@example.org HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT example.net:25 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    b"GET /style.css HTTP/1.1\r\nHost: x\r\nRange: bytes=5-1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 200,
    POST + b"Content-Length: 99999999999\r\n\r\n" + b"x" * 40_000,
    POST + b"Content-Length: -1\r\n\r\n",
    POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n" + b"x" * 40_000,
    POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
)
"""Requests that no browser sends."""


@pytest.mark.parametrize("number", range(len(ODD)))
async def test_odd_requests_end_and_harm_nobody(tmp_path: Path, number: int) -> None:
    async with running(tmp_path, WebSettings(connection_seconds=0.3, keep_alive_seconds=1.0)) as web:
        reader, writer = await web.connect()
        writer.write(ODD[number])
        with contextlib.suppress(ConnectionError):
            said = await reader.read()
            assert said == b"" or said.startswith(b"HTTP/1.1 ")
            assert b"HTTP/1.1 500" not in said
            assert b"Traceback" not in said
        writer.close()
        reader, writer = await web.connect()
        writer.write(REQUEST)
        assert (await answer_to(reader))[0].startswith(b"HTTP/1.1 200")
        writer.close()


async def test_behind_a_proxy_clients_are_counted_by_their_own_addresses(tmp_path: Path) -> None:
    settings = WebSettings(proxy_from=("127.0.0.0/8",), max_connections_per_address=1)
    async with running(tmp_path, settings) as web:

        async def enter(header: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            plain = socket.create_connection(("127.0.0.1", web.port))
            plain.sendall(header)
            plain.setblocking(False)
            context = ssl.create_default_context(cafile=str(web.files.certificate_path))
            return await asyncio.open_connection(sock=plain, ssl=context, server_hostname="localhost")

        writers = []
        for number in range(3):
            reader, writer = await enter(b"PROXY TCP4 192.0.2.%d 127.0.0.1 5 443\r\n" % number)
            writer.write(REQUEST)
            assert (await answer_to(reader))[0].startswith(b"HTTP/1.1 200")
            writers.append(writer)
        assert web.server.connections == 3
        for header in (b"PROXY TCP4 192.0.2.1 127.0.0.1 5 443\r\n", b""):
            with pytest.raises((ssl.SSLError, OSError)):
                await enter(header)
        for writer in writers:
            writer.close()
