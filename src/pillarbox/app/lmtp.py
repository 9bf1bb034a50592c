"""The doors for mail servers: LMTP's sockets, opened before workers are forked, and one worker's part of them.

Must never: listen without TLS at an address that other machines reach.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from pillarbox.app.certificates import ServerCertificate
from pillarbox.app.delivery import open_outbox, server_name
from pillarbox.app.proxies import proxies_of
from pillarbox.app.settings import ServerSettings
from pillarbox.clock import Clock
from pillarbox.config.addresses import AddressInvalid
from pillarbox.conversation import Conversation
from pillarbox.delivery.deliverer import Deliverer
from pillarbox.events import EventLog
from pillarbox.lmtp.conversation import LmtpConversation, LmtpServices
from pillarbox.net.listener import CannotListen, open_listeners
from pillarbox.net.served import ServerTls
from pillarbox.net.server import Server
from pillarbox.net.settings import ListenAddress
from pillarbox.net.unix import open_unix_listeners

_Groups = list[list[socket.socket]]


class LmtpDoor:
    """What all workers share."""

    def __init__(self, plain: _Groups, secured: _Groups, tls: ServerTls | None) -> None:
        self.tls = tls
        self._plain = plain
        self._secured = secured

    def keep(self, number: int) -> None:
        """Close what is for other workers."""
        for groups in (self._plain, self._secured):
            for other, group in enumerate(groups):
                if other != number:
                    _close([group])
            groups[:] = [groups[number]]

    def servers(self, settings: ServerSettings, deliverer: Deliverer, clock: Clock, events: EventLog) -> list[Server]:
        """This worker's servers with the settings as they are now; call on the loop's thread."""
        lmtp = settings.lmtp
        services = LmtpServices(deliverer, events, lmtp.limits, server_name(settings))
        net = replace(
            settings.net,
            idle_timeout_seconds=lmtp.idle_timeout_seconds,
            max_connections=lmtp.max_connections,
            max_connections_per_address=lmtp.max_connections,
        )
        make: Callable[[], Conversation] = partial(LmtpConversation, services)
        made = [Server(group, None, make, net, clock, events) for group in self._plain[:1] if group]
        if self.tls is not None:
            proxies = proxies_of(lmtp.proxy_from)
            made += [
                Server(group, self.tls, make, net, clock, events, proxies=proxies)
                for group in self._secured[:1]
                if group
            ]
        return made

    def where(self) -> str:
        """What is listened at, for the log."""
        names = [one.getsockname() for group in (*self._plain[:1], *self._secured[:1]) for one in group]
        return " ".join(name if isinstance(name, str) else f"{name[0]}:{name[1]}" for name in names)

    def close(self) -> None:
        """Close every socket of this process."""
        _close(self._plain)
        _close(self._secured)


def open_lmtp(settings: ServerSettings, certificate: ServerCertificate) -> LmtpDoor | None:
    """LMTP's sockets, None when none are wanted. Raises CannotListen (for a relay that is
    none, too: better now than with the first message), CertificateUnusable, OSError."""
    lmtp, backlog, workers = settings.lmtp, settings.net.backlog, settings.processes
    if lmtp.socket_path is None and not lmtp.listen and not lmtp.listen_plain:
        return None
    try:
        open_outbox(settings.delivery)
    except AddressInvalid as error:
        raise CannotListen(f"delivery.relay: {error}") from error
    for address in lmtp.listen_plain:
        _check_loopback(address)
    plain: _Groups = [[] for _ in range(workers)]
    secured: _Groups = [[] for _ in range(workers)]
    try:
        _extend(plain, open_listeners(lmtp.listen_plain, backlog, workers))
        _extend(secured, open_listeners(lmtp.listen, backlog, workers))
        tls = certificate.open_lmtp() if lmtp.listen else None
        if lmtp.socket_path is not None:
            _extend(plain, open_unix_listeners(lmtp.socket_path, lmtp.socket_group, backlog, workers))
    except BaseException:
        _close(plain)
        _close(secured)
        raise
    return LmtpDoor(plain, secured, tls)


def _check_loopback(address: ListenAddress) -> None:
    try:
        is_loopback = ipaddress.ip_address(address.host).is_loopback
    except ValueError:
        is_loopback = address.host == "localhost"
    if not is_loopback:
        raise CannotListen(
            f"lmtp.listen_plain: {address.host} is not a loopback address; use lmtp.listen, which has TLS"
        )


def _extend(groups: _Groups, more: Sequence[Sequence[socket.socket]]) -> None:
    for group, added in zip(groups, more, strict=True):
        group.extend(added)


def _close(groups: _Groups) -> None:
    for one in (one for group in groups for one in group):
        one.close()
