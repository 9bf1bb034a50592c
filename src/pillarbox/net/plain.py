"""A socket without TLS that Connection can't tell from one with TLS: for Unix sockets and loopback only.

Must never: be used for people's passwords; who listens decides that (app).
"""

from __future__ import annotations

import contextlib
import socket
import ssl

from pillarbox.conversation import Peer
from pillarbox.net.connection import Connection
from pillarbox.net.hall import Hall, Visit


class PlainSocket:
    """What Connection uses of an ssl.SSLSocket, with its errors; `accepted` is non-blocking."""

    __slots__ = ("_socket",)

    def __init__(self, accepted: socket.socket) -> None:
        self._socket = accepted

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self, room: int, buffer: memoryview) -> int:
        try:
            return self._socket.recv_into(buffer, room)
        except BlockingIOError as error:
            raise ssl.SSLWantReadError from error

    def write(self, data: bytes | bytearray | memoryview) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError as error:
            raise ssl.SSLWantWriteError from error

    def pending(self) -> int:
        return 0

    def recv_into(self, buffer: memoryview) -> int:
        return self._socket.recv_into(buffer)

    def setsockopt(self, level: int, option: int, value: int) -> None:
        with contextlib.suppress(OSError):  # options of TCP: a Unix socket has none and needs none
            self._socket.setsockopt(level, option, value)

    def unwrap(self) -> None:
        """There is nothing to take off."""

    def shutdown(self, how: int) -> None:
        self._socket.shutdown(how)

    def close(self) -> None:
        self._socket.close()


def welcome(hall: Hall, visit: Visit, accepted: socket.socket) -> None:
    """Begin the conversation at once, for there is nothing to shake hands about."""
    peer = Peer(visit.address, visit.port)
    connection = Connection(hall, visit, PlainSocket(accepted), peer, hall.make_conversation())
    hall.enter(connection, visit)
    connection.start()
