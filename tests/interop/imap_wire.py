"""IMAP over whatever sends and receives: for TLS libraries that imaplib doesn't know, and connections in between."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Protocol


class Wire(Protocol):
    """A TLS connection of any library."""

    def sendall(self, data: bytes, /) -> object: ...

    def recv(self, size: int, /) -> bytes: ...


class ImapWire:
    """One connection, greeted."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._unread = b""
        self.greeting = self.line()

    def line(self) -> bytes:
        """The next line, without its end."""
        while b"\r\n" not in self._unread:
            data = self._wire.recv(65_536)
            if not data:
                raise EOFError(self._unread)
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\r\n")
        return line

    def authenticate(self, mechanism: str, *answers: Callable[[bytes], bytes]) -> bytes:
        """The tagged line that ends it; each answer gets what the server said last."""
        self._wire.sendall(f"a1 AUTHENTICATE {mechanism}\r\n".encode())
        for answer in answers:
            line = self.line()
            if not line.startswith(b"+ "):
                return line
            self._wire.sendall(base64.b64encode(answer(base64.b64decode(line[2:]))) + b"\r\n")
        line = self.line()
        while line.startswith(b"* "):
            line = self.line()
        return line
