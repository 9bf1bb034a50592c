"""One connection to the host that is checked: plain at first, TLS when asked, bounded in time and bytes throughout.

A raw socket with TLS in memory, so that what comes before, instead of and inside TLS can be seen.

Must never: wait without a limit, or keep more than the settings allow.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from pillarbox.check.hello import not_tls
from pillarbox.check.settings import Limits
from pillarbox.check.trouble import HungUp, Refused, TimedOut, TlsFailed, TooMuch, Trouble, Unreachable, printable

_CHUNK: Final = 16_384
_TLS_RECORD_KINDS: Final = (20, 21, 22, 23)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect."""

    text: str
    port: int

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.text else socket.AF_INET

    @property
    def family_name(self) -> str:
        return "IPv6" if ":" in self.text else "IPv4"

    def __str__(self) -> str:
        return f"[{self.text}]:{self.port}" if ":" in self.text else f"{self.text}:{self.port}"


class Wire:
    """Made by connected(). Every call ends within `limits.step_seconds` or raises Trouble."""

    def __init__(self, connection: socket.socket, limits: Limits) -> None:
        self._connection = connection
        self._limits = limits
        self._received = 0
        self._plain = bytearray()
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.tls: ssl.SSLObject | None = None

    async def send(self, data: bytes) -> None:
        """All of it."""
        async with _in_time(self._limits.step_seconds, "it does not take what is sent"):
            if self.tls is None:
                await self._send_raw(data)
            else:
                self.tls.write(data)
                await self._send_raw(self._outgoing.read())

    async def read_line(self) -> bytes:
        """One line without its end. Raises TooMuch when it is longer than any honest one."""
        async with _in_time(self._limits.step_seconds, "no answer in time"):
            while (end := self._plain.find(b"\n")) < 0:
                if len(self._plain) > self._limits.line_bytes:
                    raise TooMuch(f"a line of more than {self._limits.line_bytes} bytes")
                await self._read_more()
            line = bytes(self._plain[:end])
            del self._plain[: end + 1]
            return line.removesuffix(b"\r")

    async def read_available(self) -> bytes:
        """What came so far, at least one byte."""
        async with _in_time(self._limits.step_seconds, "no answer in time"):
            if not self._plain:
                await self._read_more()
            data = bytes(self._plain)
            self._plain.clear()
            return data

    async def read_to_end(self) -> bytes:
        """All until the other side closes."""
        async with _in_time(self._limits.step_seconds, "the answer does not end in time"):
            with contextlib.suppress(HungUp):
                while True:
                    await self._read_more()
        return bytes(self._plain)

    async def start_tls(self, context: ssl.SSLContext, name: str | None) -> ssl.SSLObject:
        """The handshake. Bytes that came before it are dropped, as RFC 3207 section 4.2 wants.

        Raises NotTls, TlsFailed, or ssl.SSLCertVerificationError when `context` verifies.
        """
        self._plain.clear()
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        async with _in_time(self._limits.step_seconds, "the TLS handshake gets no answer"):
            while not await self._handshake_step(tls):
                pass
        self.tls = tls
        return tls

    async def _handshake_step(self, tls: ssl.SSLObject) -> bool:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            await self._send_raw(self._outgoing.read())
            data = await self._receive_raw()
            if self._incoming.pending == 0 and self._received == len(data) and data[0] not in _TLS_RECORD_KINDS:
                raise not_tls(data) from None
            self._incoming.write(data)
            return False
        except ssl.SSLCertVerificationError:
            raise
        except ssl.SSLError as error:
            raise TlsFailed(_plain_reason(error), error.reason or "UNKNOWN") from error
        await self._send_raw(self._outgoing.read())
        return True

    async def _read_more(self) -> None:
        """Append at least one byte of plain text."""
        if self.tls is None:
            self._plain += await self._receive_raw()
            return
        while True:
            try:
                data = self.tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                self._incoming.write(await self._receive_raw())
                continue
            except ssl.SSLError as error:
                raise TlsFailed(_plain_reason(error), error.reason or "UNKNOWN") from error
            if not data:
                raise HungUp("it closed the connection")
            self._plain += data
            return

    async def _receive_raw(self) -> bytes:
        try:
            data = await asyncio.get_running_loop().sock_recv(self._connection, _CHUNK)
        except OSError as error:
            raise HungUp("it reset the connection") from error
        if not data:
            raise HungUp("it closed the connection")
        self._received += len(data)
        if self._received > self._limits.connection_bytes:
            raise TooMuch(f"more than {self._limits.connection_bytes // 1024} KB on one connection")
        return data

    async def _send_raw(self, data: bytes) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self._connection, data)
        except OSError as error:
            raise HungUp("it closed the connection") from error


@asynccontextmanager
async def connected(address: Address, limits: Limits) -> AsyncIterator[Wire]:
    """A connection, closed at the end. Raises Refused, Unreachable or TimedOut."""
    with socket.socket(address.family, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with _in_time(limits.step_seconds, "no answer: dropped by a firewall, or the host is away"):
            try:
                await asyncio.get_running_loop().sock_connect(connection, (address.text, address.port))
            except OSError as error:
                raise connect_trouble(error) from error
        yield Wire(connection, limits)


def connect_trouble(error: OSError) -> Trouble:
    """Closed, filtered and no way there, told apart by the system's error."""
    if isinstance(error, ConnectionRefusedError):
        return Refused("closed: the host answers, but nothing listens on this port")
    if isinstance(error, ConnectionResetError):
        return Refused("closed: the connection is reset at once")
    if isinstance(error, TimeoutError):
        return TimedOut("no answer: dropped by a firewall, or the host is away")
    if error.errno in (errno.EHOSTUNREACH, errno.EACCES, errno.EPERM):
        return TimedOut("a router or firewall on the way rejects it")
    if error.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return Unreachable("this machine has no way there")
    return Unreachable(printable(error.strerror or "can't connect"))


@asynccontextmanager
async def _in_time(seconds: float, complaint: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise TimedOut(f"{complaint} ({seconds:g} s)") from None


def _plain_reason(error: ssl.SSLError) -> str:
    reason = (error.reason or "unknown error").replace("_", " ").lower()
    return f"the TLS handshake fails: {printable(reason)}"
