"""The door for those who manage Sieve scripts: ManageSieve's sockets, opened before workers are forked, and one
worker's part of them.

Must never: serve anything in clear but STARTTLS.
"""

from __future__ import annotations

import socket
from functools import partial

from pillarbox.app.certificates import ServerCertificate
from pillarbox.app.proxies import proxies_of
from pillarbox.app.settings import ServerSettings
from pillarbox.auth.contract import Authenticator
from pillarbox.auth.mechanisms import Mechanisms
from pillarbox.auth.sessions import LiveSessions
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.managesieve.conversation import ManageSieveConversation, ManageSieveServices
from pillarbox.managesieve.overture import ManageSieveOverture
from pillarbox.net.listener import open_listeners
from pillarbox.net.served import ServerTls
from pillarbox.net.server import Server
from pillarbox.net.tally import Share
from pillarbox.store.contract import Store

_Groups = list[list[socket.socket]]


class ManageSieveDoor:
    """What all workers share."""

    def __init__(self, upgraded: _Groups, secured: _Groups, tls: ServerTls) -> None:
        self.tls = tls
        self._upgraded = upgraded
        """Sockets where TLS begins with STARTTLS."""
        self._secured = secured

    def keep(self, number: int) -> None:
        """Close what is for other workers."""
        for groups in (self._upgraded, self._secured):
            for other, group in enumerate(groups):
                if other != number:
                    _close([group])
            groups[:] = [groups[number]]

    def servers(
        self,
        settings: ServerSettings,
        store: Store,
        authenticator: Authenticator,
        clock: Clock,
        events: EventLog,
        addresses: Share,
        sessions: LiveSessions,
        mechanisms: Mechanisms,
    ) -> list[Server]:
        """This worker's servers with the settings as they are now, which count their clients in `addresses`; call on
        the loop's thread."""
        limits, sieve = settings.managesieve.limits, settings.sieve
        services = ManageSieveServices(store, authenticator, events, limits, sieve, sessions, clock, mechanisms)
        make = partial(ManageSieveConversation, services)
        begin = partial(ManageSieveOverture, limits, sieve)
        proxies = proxies_of(settings.managesieve.proxy_from)
        made = []
        if self._upgraded[0]:
            made.append(
                Server(self._upgraded[0], self.tls, make, settings.net, clock, events, begin, addresses, proxies)
            )
        if self._secured[0]:
            made.append(Server(self._secured[0], self.tls, make, settings.net, clock, events, None, addresses, proxies))
        return made

    def where(self) -> str:
        """What is listened at, for the log."""
        names = [one.getsockname() for group in (self._upgraded[0], self._secured[0]) for one in group]
        return " ".join(f"{name[0]}:{name[1]}" for name in names)

    def close(self) -> None:
        """Close every socket of this process."""
        _close(self._upgraded)
        _close(self._secured)


def open_managesieve(settings: ServerSettings, certificate: ServerCertificate, workers: int) -> ManageSieveDoor | None:
    """ManageSieve's sockets, None when none are wanted. Raises CannotListen, CertificateUnusable, OSError."""
    wanted = settings.managesieve
    if not wanted.listen and not wanted.listen_tls:
        return None
    tls = certificate.open_managesieve()
    upgraded = open_listeners(wanted.listen, settings.net.backlog, workers)
    try:
        secured = open_listeners(wanted.listen_tls, settings.net.backlog, workers)
    except BaseException:
        _close(upgraded)
        raise
    return ManageSieveDoor(upgraded, secured, tls)


def _close(groups: _Groups) -> None:
    for one in (one for group in groups for one in group):
        one.close()
