"""Listening sockets: making them, and accepting from them without ever giving up.

Must never: end because an accept failed; let one address take everything.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections import Counter
from collections.abc import Sequence

from pillarbox.auth.networks import NetworkSet
from pillarbox.net.entrance import Entrance
from pillarbox.net.hall import Hall, Visit, plain_address
from pillarbox.net.handover import handed_over
from pillarbox.net.plain import welcome
from pillarbox.net.porter import Porter
from pillarbox.net.settings import ListenAddress
from pillarbox.net.vestibule import Vestibule

ACCEPTS_PER_TURN = 64
"""Connections accepted before others get their turn; each costs a handshake of about a millisecond later on."""

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class CannotListen(Exception):
    """An address can't be listened at. The text is for the operator."""


def open_listeners(addresses: Sequence[ListenAddress], backlog: int, groups: int) -> list[list[socket.socket]]:
    """Listening sockets for `groups` workers: one list each, all for the same addresses and ports.

    With several groups the kernel spreads connections over them (SO_REUSEPORT). Port 0 becomes one free port, the
    same for every address that a name has. What systemd handed over is taken first. Raises CannotListen.
    """
    made: list[list[socket.socket]] = [[] for _ in range(groups)]
    try:
        for address in addresses:
            port = address.port
            for family, host in _resolve(address):
                given = handed_over(host, port)
                if given is not None:  # one queue, which all workers share
                    made[0].append(given)
                    for group in made[1:]:
                        group.append(given.dup())
                    continue
                if groups > 1 and port:
                    _listen(family, host, port, address, sharing=()).close()  # with SO_REUSEPORT nothing would clash
                for group in made:
                    sharing = (socket.SO_REUSEPORT,) if groups > 1 else ()
                    listener = _listen(family, host, port, address, sharing)
                    group.append(listener)
                    port = listener.getsockname()[1]
        for listener in (one for group in made for one in group):
            listener.listen(backlog)
    except OSError as error:
        _close_all(made)
        raise CannotListen(f"can't listen: {error.strerror}") from error
    except CannotListen:
        _close_all(made)
        raise
    return made


def _close_all(groups: list[list[socket.socket]]) -> None:
    for listener in (one for group in groups for one in group):
        listener.close()


def _resolve(address: ListenAddress) -> list[tuple[int, str]]:
    """The addresses of a name, as (family, host); `*` is one socket for IPv6 and IPv4 where there is IPv6."""
    if address.host == "*":
        return [(socket.AF_INET6, "*")] if socket.has_dualstack_ipv6() else [(socket.AF_INET, "0.0.0.0")]  # noqa: S104
    try:
        found = socket.getaddrinfo(address.host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise CannotListen(f"can't listen at {address.host}: {error.strerror}") from error
    return list(dict.fromkeys((int(family), str(where[0])) for family, _, _, _, where in found))


def _listen(family: int, host: str, port: int, address: ListenAddress, sharing: tuple[int, ...]) -> socket.socket:
    """A bound socket; it listens later. The protocol is named: asyncio and the kernel's options look at it."""
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setblocking(False)
        for option in (socket.SO_REUSEADDR, *sharing):
            bound.setsockopt(socket.SOL_SOCKET, option, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "*")
        bound.bind(("::" if host == "*" else host, port))
    except OSError as error:
        bound.close()
        where = f"{address.host} port {port or address.port}"
        if error.errno == errno.EADDRINUSE:
            raise CannotListen(f"can't listen at {where}: another program is there already") from error
        if error.errno == errno.EACCES:
            raise CannotListen(
                f"can't listen at {where}: ports below 1024 need root or the capability CAP_NET_BIND_SERVICE"
            ) from error
        raise CannotListen(f"can't listen at {where}: {os.strerror(error.errno or 0)}") from error
    return bound


class Listener:
    """Accepts from sockets and lets in who may come."""

    __slots__ = ("_accepting", "_hall", "_proxies", "_refused", "_resume", "_sockets")

    def __init__(self, sockets: Sequence[socket.socket], hall: Hall, proxies: NetworkSet | None = None) -> None:
        """The sockets listen, and belong to this object from now on. What comes from `proxies` begins with a PROXY
        header that says who it is."""
        self._proxies = proxies
        self._sockets = tuple(sockets)
        self._hall = hall
        self._accepting = False
        self._resume: asyncio.TimerHandle | None = None
        self._refused: Counter[tuple[str, str]] = Counter()

    def accept(self) -> None:
        """Begin to accept, or go on after a pause."""
        if not self._accepting:
            self._accepting = True
            for listener in self._sockets:
                self._hall.loop.add_reader(listener.fileno(), self._on_ready, listener)

    def close(self) -> None:
        """Accept no more; the kernel refuses from now on."""
        if self._resume is not None:
            self._resume.cancel()
        self._stop_watching()
        for listener in self._sockets:
            listener.close()

    def report_refusals(self) -> None:
        """Log who was not let in since the last time: one event for each address, so a flood stays readable."""
        for (address, reason), count in self._refused.items():
            self._hall.events.warning("connection.refused", address=address, reason=reason, count=count)
        self._refused.clear()

    def _stop_watching(self) -> None:
        if self._accepting:
            self._accepting = False
            for listener in self._sockets:
                self._hall.loop.remove_reader(listener.fileno())

    def _on_ready(self, listener: socket.socket) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                accepted, where = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._pause(error)
                    return
                continue  # that client is gone again already (ECONNABORTED and the like, accept(2))
            try:
                if listener.family == socket.AF_UNIX:
                    self._let_in(accepted, "local", 0)
                else:
                    self._let_in(accepted, plain_address(str(where[0])), int(where[1]))
            except OSError:
                accepted.close()
            except Exception as error:
                accepted.close()
                self._hall.events.bug("connection.accept_failed", error)

    def _pause(self, error: OSError) -> None:
        self._stop_watching()
        pause_seconds = self._hall.settings.accept_pause_seconds
        self._resume = self._hall.loop.call_later(pause_seconds, self.accept)
        self._hall.events.error(
            "listener.paused", reason=error.strerror, seconds=pause_seconds, connections=len(self._hall)
        )

    def _let_in(self, accepted: socket.socket, address: str, port: int) -> None:
        is_proxy = self._proxies is not None and address in self._proxies
        refusal = self._hall.refusal_of_all() if is_proxy else self._hall.refusal(address)
        if refusal:
            accepted.close()
            self._refused[address, refusal] += 1
            return
        accepted.setblocking(False)
        if accepted.family != socket.AF_UNIX:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        visit = Visit(address, port, self._hall.clock.monotonic_seconds())
        if is_proxy:
            Porter(self._hall, visit, accepted, self._begin)
        else:
            self._begin(accepted, visit)

    def _begin(self, accepted: socket.socket, visit: Visit) -> None:
        if self._hall.tls is None:
            welcome(self._hall, visit, accepted)
        elif self._hall.make_overture is not None:
            Vestibule(self._hall, self._hall.tls, visit, accepted, self._hall.make_overture())
        else:
            Entrance(self._hall, self._hall.tls, visit, accepted)
