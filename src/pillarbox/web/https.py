"""The HTTPS port: accepts, shakes hands and hands requests to an ASGI application, in the loop that serves IMAP.

uvicorn's protocol reads HTTP; accepting, limits and certificates are ours, because uvicorn's own server bounds neither
handshakes nor the life of a connection, and takes the process's signals.

Must never: serve without TLS; let one address take every file descriptor; write a log line of uvicorn's own.

RFC 9325 (TLS, as net/tls.py has it), RFC 7301 with the IANA registry (ALPN `http/1.1`), RFC 9112.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from pillarbox.auth.networks import NetworkSet
from pillarbox.events import EventLog
from pillarbox.net.challenges import peek_hello
from pillarbox.net.hall import network_of, plain_address
from pillarbox.net.proxy import announced
from pillarbox.net.served import Held, ServerTls
from pillarbox.net.tls import CertificateUnusable
from pillarbox.web.mobileconfig import ProfileSigner, read_signer
from pillarbox.web.settings import WebSettings

_ACCEPTS_PER_TURN: Final = 16
_PAUSE_SECONDS: Final = 1.0
"""No file descriptor is left: accepting stops for so long."""
_SHUTDOWN_SECONDS: Final = 2.0
"""How long a client may take to answer the end of TLS."""
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class WebTls:
    """The server's certificates for HTTPS and for signing profiles, always the newest."""

    def __init__(self, tls: ServerTls) -> None:
        """Of `DOOR`."""
        self._tls = tls
        self._signed_by: Held | None = None
        self._signer: ProfileSigner | None = None

    def context(self) -> ssl.SSLContext:
        """For a connection to come; in the course of its handshake it becomes the one for the name asked for."""
        context = self._tls.context_for("")
        context.sni_callback = self._show
        return context

    def current_signer(self) -> ProfileSigner | None:
        """Signs with the newest certificate; None for a kind of key that profiles can't be signed with."""
        held = self._tls.held_for("")
        if held is not None and held is not self._signed_by:
            with contextlib.suppress(CertificateUnusable):  # files of this very moment: the next call finds them whole
                self._signer = read_signer(held.files)
                self._signed_by = held
        return self._signer

    async def challenge(self, accepted: socket.socket) -> ssl.SSLContext | None:
        """For an ACME authority that looks whether a name is this server's (RFC 8737); None for all others. Waits for
        the ClientHello only while an authority was asked. Raises OSError."""
        challenges = self._tls.challenges
        if challenges is None or not challenges.are_pending():
            return None
        hello = await peek_hello(accepted)
        return None if hello is None else challenges.context(hello)

    def _show(self, tls: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
        """OpenSSL calls this in every handshake, with a name or without."""
        tls.context = self._tls.context_for((name or "").lower())


class _Hall:
    """Who is in, by network."""

    def __init__(self) -> None:
        self._counts: Counter[bytes] = Counter()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return self._counts.total()

    def of_network(self, address: str) -> int:
        """How many come from where this address is."""
        return self._counts[network_of(address)]

    def enter(self, address: str) -> Callable[[], None]:
        """One connection more; what is returned ends it, and does nothing the second time."""
        network = network_of(address)
        inside = [network]
        self._counts[network] += 1
        self._empty.clear()

        def leave() -> None:
            if inside:
                self._counts[inside.pop()] -= 1
                self._counts += Counter()  # without those that are at zero
                if not self._counts:
                    self._empty.set()

        return leave

    async def wait_until_empty(self, seconds: float) -> None:
        """Or until so much time has passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._empty.wait()


@dataclass(slots=True)
class _Visit:
    """Whose connection it is; behind a proxy that turns out a little later."""

    address: str
    leave: Callable[[], None]
    is_proxy: bool
    client: tuple[str, int] | None = None
    """Address and port that a proxy named."""


class _Guest(H11Protocol):
    """A connection that ends on time, whatever it does."""

    def __init__(self, config: Config, state: ServerState, visit: _Visit, seconds: float) -> None:
        super().__init__(config=config, server_state=state, app_state={"prolong": self._prolong})
        self._leave = visit.leave
        self._named_client = visit.client
        self._seconds = seconds
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.client = self._named_client or self.client
        self._end = self.loop.call_later(self._seconds, transport.abort)

    def _prolong(self, seconds: float) -> None:
        """What is served may need longer than other things do (`request.state.prolong`)."""
        if self._end is not None:
            self._end.cancel()
        self._end = self.loop.call_later(seconds, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._end is not None:
            self._end.cancel()
        self._leave()
        super().connection_lost(exc)


class _Authority(asyncio.Protocol):
    """An ACME authority: the handshake was all."""

    def __init__(self, leave: Callable[[], None]) -> None:
        self._leave = leave

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self._leave()


class WebServer:
    """Serves an ASGI application over HTTPS. Make and use it on the loop's thread."""

    def __init__(
        self, sockets: Sequence[socket.socket], tls: WebTls, app: ASGIApp, settings: WebSettings, events: EventLog
    ) -> None:
        """`sockets` listen, come from `net.listener.open_listeners` and are closed by `stop`. Raises NetworkInvalid."""
        self._proxies = NetworkSet(settings.proxy_from) if settings.proxy_from else None
        self._sockets = tuple(sockets)
        self._tls = tls
        self._settings = settings
        self._events = events
        self._loop = asyncio.get_running_loop()
        self._config = Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=max(1, round(settings.keep_alive_seconds)),
            h11_max_incomplete_event_size=settings.max_head_bytes,
        )
        self._state = ServerState()
        self._hall = _Hall()
        self._entering: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._log = _Forwarder(events)

    @property
    def connections(self) -> int:
        """How many are open, handshakes included."""
        return len(self._hall)

    def start(self) -> None:
        """Begin to accept."""
        self._config.load()
        logger = logging.getLogger("uvicorn.error")
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        logger.addHandler(self._log)
        self._watch()

    async def stop(self) -> None:
        """Accept no more, let requests under way finish within the grace time, close what is left. Twice is no harm."""
        if self._pause is not None:
            self._pause.cancel()
        for listener in self._sockets:
            if listener.fileno() >= 0:
                self._loop.remove_reader(listener.fileno())
            listener.close()
        for guest in list(self._state.connections):
            guest.shutdown()
        for task in self._entering:
            task.cancel()
        await self._hall.wait_until_empty(self._settings.stop_grace_seconds)
        for task in self._state.tasks:
            task.cancel()
        for guest in list(self._state.connections):
            guest.transport.abort()
        await asyncio.gather(*self._entering, *self._state.tasks, return_exceptions=True)
        await self._hall.wait_until_empty(_SHUTDOWN_SECONDS)
        logging.getLogger("uvicorn.error").removeHandler(self._log)

    # --- letting in -------------------------------------------------------------------------------

    def _watch(self) -> None:
        for listener in self._sockets:
            self._loop.add_reader(listener.fileno(), self._on_ready, listener)

    def _on_ready(self, listener: socket.socket) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                accepted, where = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._rest(error)
                    return
                continue  # that client is gone again already (accept(2))
            self._let_in(accepted, plain_address(str(where[0])))

    def _rest(self, error: OSError) -> None:
        for listener in self._sockets:
            self._loop.remove_reader(listener.fileno())
        self._pause = self._loop.call_later(_PAUSE_SECONDS, self._watch)
        self._events.error("web.paused", reason=error.strerror, seconds=_PAUSE_SECONDS, connections=self.connections)

    def _let_in(self, accepted: socket.socket, address: str) -> None:
        is_proxy = self._proxies is not None and address in self._proxies
        if self.connections >= self._settings.max_connections or (not is_proxy and self._is_full(address)):
            accepted.close()
            self._events.debug("web.refused", address=address, reason="too many connections")
            return
        accepted.setblocking(False)
        visit = _Visit(address, self._hall.enter(address), is_proxy)
        task = self._loop.create_task(self._shake_hands(accepted, visit))
        self._entering.add(task)
        task.add_done_callback(lambda done: self._entered(done, accepted, visit))

    def _is_full(self, address: str) -> bool:
        return self._hall.of_network(address) >= self._settings.max_connections_per_address

    async def _hear_whose_it_is(self, accepted: socket.socket, visit: _Visit) -> None:
        """From a proxy. Raises ConnectionError."""
        header = await announced(accepted)
        if not header.address:
            return
        if self._is_full(header.address):
            raise ConnectionRefusedError("too many connections")
        leave_as_proxy, visit.leave = visit.leave, self._hall.enter(header.address)
        leave_as_proxy()
        visit.address, visit.client = header.address, (header.address, header.port)

    async def _shake_hands(self, accepted: socket.socket, visit: _Visit) -> None:
        settings = self._settings
        async with asyncio.timeout(settings.handshake_timeout_seconds):
            if visit.is_proxy:
                await self._hear_whose_it_is(accepted, visit)
            challenge = await self._tls.challenge(accepted)
        await self._loop.connect_accepted_socket(
            lambda: (
                _Authority(visit.leave)
                if challenge is not None
                else _Guest(self._config, self._state, visit, settings.connection_seconds)
            ),
            accepted,
            ssl=challenge or self._tls.context(),
            ssl_handshake_timeout=settings.handshake_timeout_seconds,
            ssl_shutdown_timeout=_SHUTDOWN_SECONDS,
        )

    def _entered(self, task: asyncio.Task[None], accepted: socket.socket, visit: _Visit) -> None:
        """The handshake is over, well or badly, or was cancelled before it began."""
        self._entering.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None and not task.cancelled():
            return
        visit.leave()
        accepted.close()
        if isinstance(error, OSError):  # ssl.SSLError, ConnectionError and TimeoutError are among them
            self._events.debug("web.handshake_failed", address=visit.address, reason=str(error))
        elif error is not None:
            self._events.bug("web.handshake_failed", error, address=visit.address)


class _Forwarder(logging.Handler):
    """What uvicorn would log, as events."""

    def __init__(self, events: EventLog) -> None:
        super().__init__(logging.WARNING)
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._events.bug("web.failed", error)
        else:
            self._events.debug("web.noted", text=record.getMessage())
