"""Servers on loopback in the test's own loop: honest ones of every protocol, and ones that behave badly."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PASSWORD = "wonderland"


@asynccontextmanager
async def host(handler: Handler, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> AsyncIterator[int]:
    """Serve with `handler`; yields the port."""
    writers = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ssl.SSLError):
            await handler(reader, writer)
        with contextlib.suppress(OSError, ssl.SSLError):
            writer.close()

    server = await asyncio.start_server(serve, address, 0, ssl=tls)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()


def tls(file: Path, *, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
    """A server's settings; `file` holds key and chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(file)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


# --- bad hosts ---------------------------------------------------------------------------------------------


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


def says(*lines: bytes) -> Handler:
    """Greets like this whatever the client says, and listens on."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.writelines(lines)
        await writer.drain()
        await reader.read()

    return handler


def floods(data: bytes) -> Handler:
    """Says it again and again, far more than anybody should read."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(20_000_000 // len(data)):
            if reader.at_eof() or reader.exception() is not None or writer.is_closing():
                return
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(0)  # a drain that has nothing to wait for lets nobody else run

    return handler


async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Waits for the client, as web servers do."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


@contextmanager
def filtered_port() -> Iterator[int]:
    """A port that does not answer: its queue of connections is full, so the kernel drops what comes."""
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


def forget(reader: asyncio.StreamReader) -> None:
    """Drop what was read and not yet used, as every server must at STARTTLS."""
    reader._buffer.clear()  # type: ignore[attr-defined]  # asyncio itself keeps it


# --- honest hosts -------------------------------------------------------------------------------------------


class Imap:
    """Just enough IMAP. `before` and `after` are the capabilities without and with TLS; STARTTLS with a context."""

    def __init__(
        self, before: str = "IMAP4rev1 AUTH=PLAIN IDLE", after: str | None = None, start: ssl.SSLContext | None = None
    ) -> None:
        self.words = before
        self.after = after or before
        self.start = start
        self.lines: list[bytes] = []
        self.remembers = False
        """Whether commands that came before TLS are carried out after it."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        words = self.words
        writer.write(b"* OK hello\r\n")
        while line := await reader.readline():
            self.lines.append(line)
            tag, command, *_ = line.decode().split()
            command = command.upper()
            if command == "CAPABILITY":
                writer.write(f"* CAPABILITY {words}\r\n".encode())
            elif command == "STARTTLS" and self.start:
                writer.write(f"{tag} OK go\r\n".encode())
                if not self.remembers:
                    forget(reader)
                await writer.start_tls(self.start)
                words = self.after
                continue
            elif command == "AUTHENTICATE":
                writer.write(b"+ \r\n")
                answer = await reader.readline()
                self.lines.append(answer)
                if answer.strip() != b"AGFsaWNlAHdvbmRlcmxhbmQ=":
                    writer.write(f"{tag} NO [AUTHENTICATIONFAILED] no\r\n".encode())
                    continue
            elif command == "LOGIN" and line.split(maxsplit=2)[2].strip() != b'"alice" "wonderland"':
                writer.write(f"{tag} NO no\r\n".encode())
                continue
            elif command == "IDLE":
                writer.write(b"+ idling\r\n")
                await reader.readline()
            elif command == "LOGOUT":
                return
            writer.write(f"{tag} OK done\r\n".encode())


def scripted(greeting: bytes, answers: dict[bytes, bytes], start: ssl.SSLContext | None = None) -> Handler:
    """Answers each first word with fixed bytes; the answer b"TLS" means: say the go-ahead under b"" and start TLS."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        while line := await reader.readline():
            answer = answers.get(line.split()[0].upper(), b"500 what?\r\n")
            if answer == b"TLS":
                assert start is not None
                writer.write(answers[b""])
                forget(reader)
                await writer.start_tls(start)
                if greeting.startswith(b'"'):
                    writer.write(greeting)  # ManageSieve greets again (RFC 5804 section 2.2)
            else:
                writer.write(answer)

    return handler
