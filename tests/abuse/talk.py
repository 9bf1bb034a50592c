"""A rude client: sends what no mail program would, and says in one word how the server took it.

Must never: assume that the server answers, reads or stays.
"""

from __future__ import annotations

import select
import ssl
from collections.abc import Iterable, Iterator

from tests.differential.client import Client, Closed

LOGIN = ("ann@example.org", "correct horse battery")


class RudeClient(Client):
    """One connection; `closed` tells whether the server hung up."""

    closed = False

    def outcome(self, tag: bytes) -> str:
        """How the command of `tag` ended: `OK`, `NO CODE`, `BAD CODE`, `BAD`, `BYE`, or `closed` without a word."""
        said_bye = False
        try:
            while True:
                response = self.read_response()
                if response.startswith(b"* BYE"):
                    said_bye = True
                elif response.startswith((tag + b" ", b"* BAD", b"* NO")):
                    _, status, text = (*response.split(b" ", 2), b"")[:3]
                    code = text[1:].split(b"]")[0].split(b" ")[0] if text.startswith(b"[") else b""
                    return f"{status.decode()} {code.decode()}".strip()
                elif response.startswith(b"+"):
                    return "+"
        except (Closed, ConnectionError, ssl.SSLError):
            self.closed = True
            return "BYE" if said_bye else "closed"

    def try_command(self, command: bytes) -> str:
        """Send a command with a tag, tell its outcome."""
        try:
            tag = self.start(command)
        except (ConnectionError, ssl.SSLError):
            # The server hung up first; what it said is still there to be read.
            tag = b"T%d" % self._count
        return self.outcome(tag)

    def flood(self, pieces: Iterable[bytes], patience_seconds: float = 5) -> int:
        """Send all pieces, reading whatever comes meanwhile, until the server hangs up or takes no more for
        `patience_seconds`. Returns the bytes sent."""
        sent = 0
        timeout = self.socket.gettimeout()
        self.socket.settimeout(0)
        try:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    count = self._push(rest, patience_seconds)
                    if count == 0:
                        return sent
                    sent += count
                    rest = rest[count:]
        except (ConnectionError, ssl.SSLError):
            self.closed = True
        finally:
            self.socket.settimeout(timeout)
        return sent

    def _push(self, data: memoryview, patience_seconds: float) -> int:
        """Send some; 0 when nothing goes for `patience_seconds`. Keeps what comes in for the next read."""
        while True:
            self._pull()
            try:
                return self.socket.send(data[:16_384])
            except ssl.SSLWantWriteError:
                readable, writable, _ = select.select([self.socket], [self.socket], [], patience_seconds)
                if not readable and not writable:
                    return 0

    def _pull(self) -> None:
        try:
            while data := self.socket.recv(65_536):
                self._buffer += data
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        raise Closed("the server hung up")

    def read_to_the_end(self) -> bytes:
        """All that the server still says before it hangs up. Times out when it doesn't."""
        try:
            while True:
                self._fill()
        except (Closed, ConnectionError, ssl.SSLError):
            self.closed = True
        return bytes(self._buffer)

    def drip(self, data: bytes, seconds_between: float) -> bytes:
        """One byte at a time, round and round, until the server hangs up; all that it said."""
        self.socket.settimeout(seconds_between)
        for piece in _forever(data):
            try:
                self.socket.sendall(piece)
                self._fill()
            except TimeoutError:
                continue
            except (ConnectionError, ssl.SSLError):
                self.closed = True
                return bytes(self._buffer)
        raise AssertionError("unreachable")


def _forever(data: bytes) -> Iterator[bytes]:
    while True:
        for value in data:
            yield bytes((value,))


def repeated(piece: bytes, total_bytes: int) -> Iterator[bytes]:
    """`piece` over and over, about `total_bytes` of it, in chunks of 64 KiB."""
    chunk = piece * max(1, 65_536 // len(piece))
    for _ in range(0, total_bytes, len(chunk)):
        yield chunk
