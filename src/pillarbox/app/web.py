"""The HTTPS port of a server: its sockets and certificate, opened before workers are forked.

Must never: be imported when `[web] listen` names nothing: it brings some 15 MB along.
"""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pillarbox.app.certificates import ServerCertificate
from pillarbox.app.client_setup import site_of
from pillarbox.app.folder import DataFolder
from pillarbox.app.settings import ServerSettings
from pillarbox.auth.contract import Authenticator
from pillarbox.auth.sessions import LiveSessions
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.net.challenges import ChallengeFolder
from pillarbox.net.listener import open_listeners
from pillarbox.store.contract import Store
from pillarbox.web.client_settings import Site
from pillarbox.web.documents import make_app
from pillarbox.web.https import WebServer, WebTls
from pillarbox.web.stream import EventStreams


class WebDoor:
    """What all workers share of the HTTPS port, and one worker's part of it."""

    def __init__(self, settings: ServerSettings, site: Site, tls: WebTls, groups: list[list[socket.socket]]) -> None:
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

    def start(
        self,
        store: Store,
        authenticator: Authenticator,
        sessions: LiveSessions,
        clock: Clock,
        events: EventLog,
        stack: AsyncExitStack,
    ) -> None:
        """Serve in this worker until the stack is left; call on the loop's thread."""
        settings = self._settings
        more = [challenge_route(DataFolder(settings.data_folder))]
        if settings.events.stream:
            streams = EventStreams(store, authenticator, settings.events, events, sessions, clock)
            more.append(streams.route())
        app = make_app(self._site, self.tls.current_signer, settings.web.max_body_bytes, clock, events, more)
        web = WebServer(self._groups[0], self.tls, app, settings.web, events)
        stack.push_async_callback(web.stop)
        if settings.events.stream:
            stack.callback(streams.close)
        web.start()
        events.info("web.ready", url=self.url, port=self.port)

    def close(self) -> None:
        """Close every socket of this process."""
        for group in self._groups:
            _close(group)


def open_web(settings: ServerSettings, certificate: ServerCertificate, imap_port: int) -> WebDoor:
    """The HTTPS port. Raises SetupInvalid, CannotListen, CertificateUnusable."""
    groups = open_listeners(settings.web.listen, settings.net.backlog, settings.processes)
    try:
        site = site_of(settings, imap_port, groups[0][0].getsockname()[1])
        return WebDoor(settings, site, WebTls(certificate.open_web()), groups)
    except BaseException:
        for group in groups:
            _close(group)
        raise


def challenge_route(folder: DataFolder) -> Route:
    """Answers HTTP-01 where the web port is; authorities follow a redirect from port 80 to HTTPS."""
    challenges = ChallengeFolder(folder.certificates_path)

    async def answer(request: Request) -> Response:
        found = challenges.answer(str(request.path_params["token"]))
        if found is None:
            return Response(status_code=404)
        return Response(found, media_type="application/octet-stream")

    return Route("/.well-known/acme-challenge/{token}", answer, methods=["GET"])


def _close(group: list[socket.socket]) -> None:
    for one in group:
        one.close()
