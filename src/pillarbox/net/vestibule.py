"""An accepted socket before STARTTLS: a few words in clear, then the entrance.

Whatever a client sends in clear behind STARTTLS is never seen by the conversation: it ends the connection, as the
answer of the overture, or as a ClientHello that is none.

Must never: block, or serve a conversation in clear.
"""

from __future__ import annotations

import socket

from pillarbox.conversation import Overture, Then
from pillarbox.net.entrance import Entrance
from pillarbox.net.hall import Hall, Visit
from pillarbox.net.proxy import UNNAMED_PROXY, begins_header
from pillarbox.net.served import ServerTls

READ_BYTES = 4096
"""Taken at once; more stays in the kernel."""


class Vestibule:
    """One connection before TLS; a guest of the hall."""

    __slots__ = ("_fd", "_hall", "_is_begun", "_overture", "_socket", "_tls", "_visit")

    def __init__(self, hall: Hall, tls: ServerTls, visit: Visit, accepted: socket.socket, overture: Overture) -> None:
        """`accepted` is non-blocking and belongs to this object from now on."""
        self._hall = hall
        self._tls = tls
        self._visit = visit
        self._socket = accepted
        self._fd = accepted.fileno()
        self._overture = overture
        self._is_begun = False
        hall.enter(self, visit)
        hall.loop.add_reader(self._fd, self._on_ready)
        self._guarded_say(overture.greeting())

    def sweep(self, now_seconds: float) -> None:
        if now_seconds - self._visit.started_seconds >= self._hall.settings.handshake_timeout_seconds:
            self.abort("no STARTTLS in time")

    def part(self, reason: str) -> None:
        self.abort(reason)

    def abort(self, reason: str) -> None:
        self._hall.loop.remove_reader(self._fd)
        self._socket.close()
        self._hall.leave(self, self._visit, reason)

    def _guarded_say(self, data: bytes) -> bool:
        """A client that can't take these few bytes at once is none."""
        try:
            if self._socket.send(data) == len(data):
                return True
        except OSError:
            pass
        self.abort("client took nothing before TLS")
        return False

    def _on_ready(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self.abort(f"lost before TLS: {error.strerror}")
            return
        if not data:
            self.abort("client closed before TLS")
            return
        if not self._is_begun and begins_header(data):
            self.abort(UNNAMED_PROXY)
            return
        self._is_begun = True
        try:
            said, then = self._overture.receive(data)
        except Exception as error:
            self._hall.events.bug("connection.overture_failed", error, address=self._visit.address)
            self.abort("error in the server")
            return
        if said and not self._guarded_say(said):
            return
        if then is Then.OVER:
            self.abort("over before TLS")
        elif then is Then.TLS:
            self._hall.loop.remove_reader(self._fd)
            self._hall.hand_over(self, self._visit)
            Entrance(self._hall, self._tls, self._visit, self._socket)
