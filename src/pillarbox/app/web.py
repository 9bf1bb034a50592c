"""The HTTPS port of a server: its sockets and certificate, opened before workers are forked.

Must never: be there when `[web] listen` names nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from starlette.routing import Route

from pillarbox.app.certificates import ServerCertificate
from pillarbox.app.client_setup import site_of
from pillarbox.app.settings import ServerSettings
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.net.listener import open_listeners
from pillarbox.web.client_settings import Site
from pillarbox.web.documents import make_app
from pillarbox.web.https import WebServer, WebTls
from pillarbox.web.settings import WebSettings


class WebDoor:
    """What all workers share of the HTTPS port, and one worker's part of it."""

    def __init__(self, settings: WebSettings, site: Site, tls: WebTls, groups: list[list[socket.socket]]) -> None:
        self.tls = tls
        self._settings = settings
        self._site = site
        self._groups = groups

    @property
    def url(self) -> str:
        """Where people find it."""
        return self._site.web_url or ""

    @property
    def port(self) -> int:
        """The port listened at first."""
        return int(self._groups[0][0].getsockname()[1])

    def keep(self, number: int) -> None:
        """Close what is for other workers: held open here it would go on accepting when they stop."""
        for other, group in enumerate(self._groups):
            if other != number:
                _close(group)
        self._groups = [self._groups[number]]

    def server(self, clock: Clock, events: EventLog, more: Sequence[Route] = ()) -> WebServer:
        """The server of this worker; call on the loop's thread."""
        app = make_app(self._site, self.tls.current_signer, self._settings.max_body_bytes, clock, events, more)
        return WebServer(self._groups[0], self.tls, app, self._settings, events)

    def close(self) -> None:
        """Close every socket of this process."""
        for group in self._groups:
            _close(group)


def open_web(settings: ServerSettings, certificate: ServerCertificate, imap_port: int) -> WebDoor | None:
    """The HTTPS port, None when none is wanted. Raises SetupInvalid, CannotListen, CertificateUnusable."""
    if not settings.web.listen:
        return None
    groups = open_listeners(settings.web.listen, settings.net.backlog, settings.processes)
    try:
        site = site_of(settings, imap_port, groups[0][0].getsockname()[1])
        return WebDoor(settings.web, site, certificate.open_web(), groups)
    except BaseException:
        for group in groups:
            _close(group)
        raise


def _close(group: list[socket.socket]) -> None:
    for one in group:
        one.close()
