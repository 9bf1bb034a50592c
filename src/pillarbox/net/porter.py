"""A connection of a proxy before it has said whose it is; a guest of the hall.

Must never: let a proxy wait for longer than a handshake may take; count a proxy's clients as one.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace

from pillarbox.net.hall import Hall, Visit
from pillarbox.net.proxy import HeaderReader, ProxyHeader


class Porter:
    """Asks for the PROXY header and announces the client."""

    __slots__ = ("_announce", "_hall", "_reader", "_socket", "_visit")

    def __init__(
        self, hall: Hall, visit: Visit, accepted: socket.socket, announce: Callable[[socket.socket, Visit], None]
    ) -> None:
        """`accepted` is non-blocking and belongs to this object until `announce` is called with the client's visit."""
        self._hall = hall
        self._visit = visit
        self._socket = accepted
        self._announce = announce
        hall.enter(self, visit)
        self._reader = HeaderReader(hall.loop, accepted, self._on_header)

    def sweep(self, now_seconds: float) -> None:
        if now_seconds - self._visit.started_seconds >= self._hall.settings.handshake_timeout_seconds:
            self.abort("no PROXY header in time")

    def part(self, reason: str) -> None:
        self.abort(reason)

    def abort(self, reason: str) -> None:
        self._reader.stop()
        self._socket.close()
        self._hall.leave(self, self._visit, reason)

    def _on_header(self, found: ProxyHeader | str) -> None:
        if isinstance(found, str):
            self.abort(found)
            return
        visit = replace(self._visit, address=found.address, port=found.port) if found.address else self._visit
        if found.address and (refusal := self._hall.refusal(found.address)):
            self.abort(f"{refusal}: {found.address}")
            return
        self._hall.hand_over(self, self._visit)
        self._announce(self._socket, visit)
