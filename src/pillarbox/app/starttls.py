"""The door for programs that know no TLS from the first byte: IMAP with STARTTLS, only where the operator asked for it.

Must never: be there when `listen_starttls` names nothing; serve anything in clear but STARTTLS.
"""

from __future__ import annotations

import socket
from functools import partial

from pillarbox.app.proxies import proxies_of
from pillarbox.app.settings import ServerSettings
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.imap.conversation import ImapConversation, Opening
from pillarbox.imap.overture import ImapOverture
from pillarbox.imap.services import Services
from pillarbox.net.listener import open_listeners
from pillarbox.net.served import ServerTls
from pillarbox.net.server import Server
from pillarbox.net.tally import Share


class StarttlsDoor:
    """What all workers share."""

    def __init__(self, groups: list[list[socket.socket]], tls: ServerTls) -> None:
        self._groups = groups
        self._tls = tls

    def keep(self, number: int) -> None:
        """Close what is for other workers."""
        for other, group in enumerate(self._groups):
            if other != number:
                _close(group)
        self._groups = [self._groups[number]]

    def server(
        self, settings: ServerSettings, services: Services, clock: Clock, events: EventLog, addresses: Share
    ) -> Server:
        """This worker's server with the settings as they are now, which counts its clients in `addresses`; call on the
        loop's thread."""
        return Server(
            self._groups[0],
            self._tls,
            partial(ImapConversation, services, Opening.AFTER_STARTTLS),
            settings.net,
            clock,
            events,
            partial(ImapOverture, settings.imap),
            addresses,
            proxies_of(settings.proxy_from),
        )

    def where(self) -> str:
        """What is listened at, for the log."""
        names = [one.getsockname() for one in self._groups[0]]
        return " ".join(f"{name[0]}:{name[1]}" for name in names)

    def close(self) -> None:
        """Close every socket of this process."""
        for group in self._groups:
            _close(group)


def open_starttls(settings: ServerSettings, tls: ServerTls) -> StarttlsDoor | None:
    """The sockets, None when none are wanted. Raises CannotListen."""
    if not settings.listen_starttls:
        return None
    groups = open_listeners(settings.listen_starttls, settings.net.backlog, settings.processes)
    return StarttlsDoor(groups, tls)


def _close(group: list[socket.socket]) -> None:
    for one in group:
        one.close()
