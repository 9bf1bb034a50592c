"""A small blocking IMAPS client for tests that must see every byte: one TLS socket, bytes in, bytes out.

Must never: hide, repair or reorder what the server sent.
"""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

LITERAL_AT_END = re.compile(rb"\{([0-9]+)\}\r\n\Z")


class Address(Protocol):
    """Where a server is: what DovecotServer and PillarboxServer have in common."""

    host: str
    port: int

    @property
    def ca_file(self) -> Path: ...


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one command."""

    status: str
    """OK, NO or BAD."""
    text: bytes
    """The rest of the tagged line, with its response code."""
    untagged: list[bytes] = field(default_factory=list)
    """Every untagged response, `* ` included, final CRLF not, literals in place."""

    @property
    def code(self) -> str:
        """The response code's name, or ''."""
        match = re.match(rb"\[([^] ]+)", self.text)
        return match[1].decode("ascii") if match else ""


class CommandFailed(AssertionError):
    """A command that had to be OK was not."""


class Closed(ConnectionError):
    """The server closed the connection."""


class Client:
    """One connection. `greeting` is its first line."""

    def __init__(self, server: Address, timeout_seconds: float = 60) -> None:
        context = ssl.create_default_context(cafile=str(server.ca_file))
        plain = socket.create_connection((server.host, server.port), timeout=timeout_seconds)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        self._buffer = bytearray()
        self._count = 0
        self.greeting = self.read_response()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close without a word."""
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self.socket.sendall(data)

    def read_line(self) -> bytes:
        """Up to and with CRLF. Raises Closed."""
        searched = 0
        while (end := self._buffer.find(b"\r\n", searched)) < 0:
            searched = max(0, len(self._buffer) - 1)
            self._fill()
        line = bytes(self._buffer[: end + 2])
        del self._buffer[: end + 2]
        return line

    def read_response(self) -> bytes:
        """One response: lines joined over literals, without the last CRLF."""
        pieces = [self.read_line()]
        while match := LITERAL_AT_END.search(pieces[-1]):
            wanted = int(match[1])
            while len(self._buffer) < wanted:
                self._fill()
            pieces.append(bytes(self._buffer[:wanted]))
            del self._buffer[:wanted]
            pieces.append(self.read_line())
        return b"".join(pieces)[:-2]

    def start(self, command: bytes) -> bytes:
        """Send a command with a fresh tag, don't wait; returns the tag."""
        self._count += 1
        tag = b"T%d" % self._count
        self.send(tag + b" " + command + b"\r\n")
        return tag

    def finish(self, tag: bytes) -> Reply:
        """Read up to the tagged line of `tag`."""
        untagged: list[bytes] = []
        while True:
            response = self.read_response()
            if response.startswith(tag + b" "):
                _, status, text = (*response.split(b" ", 2), b"")[:3]
                return Reply(status.decode("ascii"), text, untagged)
            untagged.append(response)

    def command(self, command: bytes) -> Reply:
        """Send a command, return its reply, whatever it is."""
        return self.finish(self.start(command))

    def ok(self, command: bytes) -> Reply:
        """Send a command that must be answered OK."""
        reply = self.command(command)
        if reply.status != "OK":
            raise CommandFailed(f"{command[:300]!r} -> {reply.status} {reply.text!r} after {reply.untagged[-2:]!r}")
        return reply

    def login(self, name: str, password: str) -> Reply:
        """LOGIN with plain ASCII credentials."""
        return self.ok(b'LOGIN "%s" "%s"' % (name.encode("ascii"), password.encode("ascii")))

    def _fill(self) -> None:
        data = self.socket.recv(262_144)
        if not data:
            raise Closed("the server closed the connection")
        self._buffer += data


def literal(data: bytes) -> bytes:
    """`data` as a non-synchronising literal (RFC 7888)."""
    return b"{%d+}\r\n%s" % (len(data), data)
