"""Answers an authority's look where nothing of the server listens: port 80 for HTTP-01, port 443 for TLS-ALPN-01.

Sockets are bound early, when the process may still bind low ports, and listen only while a challenge is due. A bound
socket that does not listen lets another process listen meanwhile (SO_REUSEADDR).

Must never: answer anything but challenges; let a client stay, or send much.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Final

from pillarbox.acme.settings import AcmeSettings, Challenge
from pillarbox.acme.trouble import AcmeTrouble
from pillarbox.net.challenges import ChallengeFolder, peek_hello
from pillarbox.net.settings import ListenAddress

_PORTS: Final = {Challenge.HTTP_01: 80, Challenge.TLS_ALPN_01: 443}
_PATH: Final = b"/.well-known/acme-challenge/"
_CLIENT_SECONDS: Final = 10.0
_MOST_CLIENTS: Final = 64
_MOST_HEAD_BYTES: Final = 8192


def addresses(settings: AcmeSettings) -> tuple[ListenAddress, ...]:
    """Where challenges are answered; none for DNS-01."""
    if settings.challenge is Challenge.DNS_01:
        return ()
    return settings.listen or (ListenAddress("*", _PORTS[settings.challenge]),)


def bound(where: Sequence[ListenAddress]) -> list[socket.socket]:
    """Sockets that do not listen yet. Raises OSError."""
    made: list[socket.socket] = []
    try:
        for address in where:
            for family, host in _resolved(address):
                one = socket.socket(family, socket.SOCK_STREAM)
                made.append(one)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address.host != "*")
                one.bind((host, address.port))
    except OSError:
        for one in made:
            one.close()
        raise
    return made


def _resolved(address: ListenAddress) -> list[tuple[int, str]]:
    if address.host == "*":
        return [(socket.AF_INET6, "::")] if socket.has_dualstack_ipv6() else [(socket.AF_INET, "0.0.0.0")]  # noqa: S104
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((int(family), str(where[0])) for family, _, _, _, where in found))


@contextlib.contextmanager
def answering(settings: AcmeSettings, sockets: Sequence[socket.socket], folder: ChallengeFolder) -> Iterator[None]:
    """The authority is answered while this is entered: on `sockets`, or what is bound now when there are none.

    A TLS port that is taken is the server's own, which answers by itself. Raises AcmeTrouble.
    """
    with contextlib.ExitStack() as stack:
        try:
            listening = list(sockets) or bound(addresses(settings))
            if not sockets:
                for one in listening:
                    stack.callback(one.close)
            for one in listening:
                one.listen(_MOST_CLIENTS)
                stack.callback(_hush, one)
        except OSError as error:
            if settings.challenge is not Challenge.TLS_ALPN_01 or error.errno != errno.EADDRINUSE:
                raise AcmeTrouble(_why_not(settings, error)) from error
            stack.close()
            listening = []
        if listening:
            thread = _Answers(listening, settings.challenge, folder)
            thread.start()
            stack.callback(thread.end)
        yield


def _hush(one: socket.socket) -> None:
    """It listens no longer, in any process that has it, and stays bound (Linux)."""
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


def _why_not(settings: AcmeSettings, error: OSError) -> str:
    where = ", ".join(f"{each.host} port {each.port}" for each in addresses(settings))
    if error.errno == errno.EADDRINUSE:
        return (
            f"can't answer at {where}: another program is there already; stop it, let it pass "
            '/.well-known/acme-challenge/ on to acme.listen, or set acme.challenge = "tls-alpn-01"'
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"can't answer at {where}: ports below 1024 need root; a server that was started as root has them when "
            "acme.domains is set"
        )
    return f"can't answer at {where}: {os.strerror(error.errno) if error.errno else 'there is no such address'}"


class _Answers(threading.Thread):
    """An event loop of its own: asking the authority blocks the thread that asks."""

    def __init__(self, sockets: Sequence[socket.socket], challenge: Challenge, folder: ChallengeFolder) -> None:
        super().__init__(name="acme", daemon=True)
        self._sockets = sockets
        self._challenge = challenge
        self._folder = folder
        self._clients = 0
        self._proving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()

    def run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    def end(self) -> None:
        """Answer no more; returns when that is so."""
        self._loop.call_soon_threadsafe(self._over.set)
        self.join()

    async def _serve(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for one in self._sockets:
                if self._challenge is Challenge.TLS_ALPN_01:
                    accepting = self._loop.create_task(self._accept(one))
                    stack.callback(accepting.cancel)
                else:
                    server = await asyncio.start_server(self._talk, sock=one.dup(), limit=_MOST_HEAD_BYTES)
                    stack.callback(server.close)
            await self._over.wait()
        proving = tuple(self._proving)
        for task in proving:
            task.cancel()
        await asyncio.gather(*proving, return_exceptions=True)

    async def _accept(self, one: socket.socket) -> None:
        with one.dup() as listening, contextlib.suppress(OSError):  # until nobody listens any more
            listening.setblocking(False)
            while True:
                accepted, _ = await self._loop.sock_accept(listening)
                if len(self._proving) >= _MOST_CLIENTS:
                    accepted.close()
                    continue
                task = self._loop.create_task(self._prove(accepted))
                self._proving.add(task)
                task.add_done_callback(self._proving.discard)

    async def _prove(self, accepted: socket.socket) -> None:
        """Who asks for `acme-tls/1` alone gets a handshake, everybody else nothing at all."""
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError, TimeoutError):
            stack.enter_context(accepted)
            async with asyncio.timeout(_CLIENT_SECONDS):
                hello = await peek_hello(accepted)
                context = None if hello is None else self._folder.context(hello)
                if context is not None:
                    stack.pop_all()  # the transport closes it from now on
                    transport, _ = await self._loop.connect_accepted_socket(asyncio.Protocol, accepted, ssl=context)
                    transport.abort()  # the handshake was all (RFC 8737 section 3)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            if self._clients <= _MOST_CLIENTS:
                async with asyncio.timeout(_CLIENT_SECONDS):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(http_answer(head, self._folder))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._clients -= 1
            writer.close()


def http_answer(head: bytes, folder: ChallengeFolder) -> bytes:
    """To a request whose head ends with an empty line."""
    words = head.partition(b"\r\n")[0].split(b" ")
    answer = None
    if len(words) == 3 and words[0] in (b"GET", b"HEAD") and words[1].startswith(_PATH):
        answer = folder.answer(words[1].removeprefix(_PATH).decode("ascii", "replace"))
    status = b"404 Not Found" if answer is None else b"200 OK"
    body = b"" if answer is None or words[0] == b"HEAD" else answer
    fields = (
        b"HTTP/1.1 " + status,
        b"Content-Type: application/octet-stream",
        b"Content-Length: %d" % len(answer or b""),
        b"Connection: close",
    )
    return b"\r\n".join(fields) + b"\r\n\r\n" + body
