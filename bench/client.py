"""A client that does next to nothing, so that what is measured is the server: one TLS socket, one receive buffer,
bytes counted up to the tagged line.

Must never: parse an answer, or keep more of it than its tail.
"""

from __future__ import annotations

import selectors
import socket
import ssl
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

_TAIL_BYTES = 1024
"""Longer than any tagged line."""


class Address(Protocol):
    """Where a server is."""

    host: str
    port: int

    @property
    def ca_file(self) -> Path: ...


class Peer(Address, Protocol):
    """A server that can be measured."""

    @property
    def process_id(self) -> int: ...
    def add_account(self, name: str, password: str) -> None: ...
    def restart(self) -> None: ...


class Refused(Exception):
    """A command that a figure needs was not answered OK."""


@cache
def _trusting(ca_file: str) -> ssl.SSLContext:
    """Made once: reading certificates takes longer than a login."""
    return ssl.create_default_context(cafile=ca_file)


class RawClient:
    """One logged-in connection."""

    def __init__(self, server: Address, login: tuple[str, str], buffer_bytes: int = 1 << 20) -> None:
        context = _trusting(str(server.ca_file))
        plain = socket.create_connection((server.host, server.port), timeout=300)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        self._buffer = bytearray(buffer_bytes)
        self._view = memoryview(self._buffer)
        self._count = 0
        self._tag = b"*"
        self._tail = b""
        self.received_bytes = 0
        while not self._take().endswith(b"\r\n"):
            pass
        self.run(b'LOGIN "%s" "%s"' % (login[0].encode(), login[1].encode()))

    def run(self, command: bytes) -> int:
        """Send, wait for the tagged OK; the number of bytes that came. Raises Refused."""
        before = self.received_bytes
        self.start(command)
        while not self.take_answered():
            pass
        return self.received_bytes - before

    def start(self, command: bytes) -> None:
        """Send, don't wait."""
        self._count += 1
        self._tag = b"B%06d" % self._count
        self._tail = b""
        self.socket.sendall(self._tag + b" " + command + b"\r\n")

    def run_pipelined(self, commands: Sequence[bytes]) -> None:
        """Send all at once, wait for the answer to the last. Raises Refused when that one is refused."""
        parts = []
        for command in commands:
            self._count += 1
            self._tag = b"B%06d" % self._count
            parts.append(self._tag + b" " + command + b"\r\n")
        self._tail = b""
        self.socket.sendall(b"".join(parts))
        while not self.take_answered():
            pass

    def take_answered(self) -> bool:
        """Receive once; True when that ended with the tagged line. Raises Refused."""
        tail = self._take()
        if not tail.endswith(b"\r\n"):
            return False
        last = tail[tail.rfind(b"\r\n", 0, -2) + 2 :] if tail.count(b"\r\n") > 1 else tail
        if not last.startswith(self._tag + b" "):
            return False
        if not last.startswith(self._tag + b" OK"):
            raise Refused(last.decode("utf-8", "replace"))
        return True

    @property
    def last_line(self) -> str:
        """The tagged line and what came just before, for figures that need a number from it."""
        return self._tail.decode("utf-8", "replace")

    def close(self) -> None:
        self.socket.close()

    def _take(self) -> bytes:
        count = self.socket.recv_into(self._view)
        if count == 0:
            raise ConnectionError("the server closed the connection")
        self.received_bytes += count
        end = bytes(self._view[max(0, count - _TAIL_BYTES) : count])
        self._tail = end if count >= _TAIL_BYTES else (self._tail + end)[-_TAIL_BYTES:]
        return self._tail


def run_side_by_side(clients: Sequence[RawClient], commands: Iterator[bytes]) -> int:
    """Keep one command in flight on every connection until there are no more; how many were answered."""
    answered = 0
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
            _start_next(selector, client, commands)
        while selector.get_map():
            for key, _ in selector.select():
                client = key.data
                done = client.take_answered()
                while not done and client.socket.pending():
                    done = client.take_answered()
                if done:
                    answered += 1
                    _start_next(selector, client, commands)
    return answered


def _start_next(selector: selectors.BaseSelector, client: RawClient, commands: Iterator[bytes]) -> None:
    command = next(commands, None)
    if command is None:
        selector.unregister(client.socket)
    else:
        client.start(command)
