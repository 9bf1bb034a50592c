"""The server process: builds every object once, in order, serves until told to stop, and takes it all down.

Must never: import `config` or `cli`; print to stdout other than through `announce`.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from pillarbox.acme.names import NamesInvalid
from pillarbox.app.accounts import BackendUnusable, check_backend, open_elsewhere
from pillarbox.app.acme import Reserved, open_acme, start_acme
from pillarbox.app.audit import ServerLog
from pillarbox.app.certificates import ServerCertificate
from pillarbox.app.delivery import make_deliverer, open_retries
from pillarbox.app.descriptors import allow_all
from pillarbox.app.folder import DataFolder
from pillarbox.app.housekeeping import keep_house, start_housekeeping
from pillarbox.app.lmtp import LmtpDoor, open_lmtp
from pillarbox.app.log import StructuredLog
from pillarbox.app.logins import check_logins, open_guard
from pillarbox.app.mail import open_mail
from pillarbox.app.managesieve import ManageSieveDoor, open_managesieve
from pillarbox.app.privileges import PrivilegesUnusable, seal, settle
from pillarbox.app.proxies import check_proxies, proxies_of
from pillarbox.app.push import check_events, start_push
from pillarbox.app.reload import reloaded
from pillarbox.app.rights import KeyOpen, check_rights
from pillarbox.app.sasl import SaslUnusable, check_sasl, open_mechanisms, open_tokens
from pillarbox.app.sessions import keep_sessions
from pillarbox.app.settings import ServerSettings
from pillarbox.app.starttls import StarttlsDoor, open_starttls
from pillarbox.auth.administration import DirectoryAdministration
from pillarbox.auth.authenticator import BuiltinAuthenticator
from pillarbox.auth.directory import AccountDirectory, DirectoryUnavailable
from pillarbox.auth.factor_rule import MultiFactorRule
from pillarbox.auth.groups import AccountNeighbours
from pillarbox.auth.ledger import LedgerUnavailable
from pillarbox.auth.networks import NetworkInvalid
from pillarbox.auth.places import PlacesUnusable
from pillarbox.auth.scram_directory import ScramStore
from pillarbox.clock import SystemClock
from pillarbox.imap.conversation import ImapConversation
from pillarbox.imap.services import Services
from pillarbox.mail.errors import MailError
from pillarbox.net.certificates import LocalCertificates
from pillarbox.net.handover import left_over
from pillarbox.net.listener import CannotListen, open_listeners
from pillarbox.net.notify import ServiceManager
from pillarbox.net.served import ServerTls
from pillarbox.net.server import Server
from pillarbox.net.tally import AccountLimit, Share, Tally
from pillarbox.net.tls import CertificateUnusable
from pillarbox.net.trust import trust_advice
from pillarbox.net.workers import DRAIN_SIGNAL, Beat, Reload, Supervisor, WorkerChannel, WorkerFailed
from pillarbox.push.runner import EventsInvalid
from pillarbox.web.client_settings import SetupInvalid

if TYPE_CHECKING:
    from pillarbox.app.web import WebDoor

SWITCH_SECONDS = 0.001
"""How long a thread (digests, the text index) may hold the interpreter while clients wait. With Python's 5 ms a NOOP
beside a busy thread took 8.1 ms at the 95th percentile, with this 0.19 ms (docs/performance.md)."""

TALLY_ROWS = 64
"""Processes that connections are counted for together, in the least: a reload leaves old ones to drain."""

AS_ROOT_REMEDY = "useradd --system pillarbox; chown -R pillarbox: DATA; start anew (docs/deploy.md)"
"""What to do for a server that runs as root."""

EVERYWHERE = frozenset({"*", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound
"""Hosts to listen at that are no name for a client."""


class CannotStart(Exception):
    """The server can't begin to serve. The text is for the operator, in plain words."""


_UNUSABLE = (BackendUnusable, DirectoryUnavailable, LedgerUnavailable, NetworkInvalid, PlacesUnusable, SaslUnusable)
"""What keeps a worker from starting, besides the mail itself and the operating system."""


class SettingsUnusable(Exception):
    """What there is to be read anew can't be used. The text is for the operator."""


def serve(
    settings: ServerSettings,
    announce: Callable[[str], None],
    advise: Callable[[str], None] | None = None,
    read_again: Callable[[], ServerSettings] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reads certificates anew, and the settings.

    `announce` gets one line, "ready imaps://HOST:PORT", when connections are accepted (by every worker). `advise`
    gets a text for people on the first run: how to trust the server; by default it goes to stderr. `read_again` gives
    the settings as they are now, or raises SettingsUnusable. Raises CannotStart.
    """
    os.umask(0o077)
    allow_all()
    sys.setswitchinterval(SWITCH_SECONDS)
    clock = SystemClock()
    folder = DataFolder(settings.data_folder)
    events = ServerLog(StructuredLog(settings.log, sys.stderr, clock), folder, settings.audit, clock)
    hosts = tuple(address.host for address in settings.listen if address.host not in EVERYWHERE)
    certificate = ServerCertificate(settings, hosts, clock, events)
    house = _House(settings, folder, certificate, clock, events)
    try:
        settle(settings.run_as, folder.path, (settings.lmtp.socket_group,))
        folder.prepare()
        _look_at_rights(folder, settings, events)
        check_logins(settings, folder.logins_path)
        check_backend(settings.auth, clock)
        check_events(settings)
        check_sasl(settings, clock)
        check_proxies(settings)
        groups = open_listeners(settings.listen, settings.net.backlog, settings.processes)
        port = groups[0][0].getsockname()[1]
        tls = certificate.open(partial(_give_advice, port, advise or _write_to_stderr))
        house.starttls = open_starttls(settings, tls)
        house.web = _open_web(settings, certificate, port)
        house.lmtp = open_lmtp(settings, certificate)
        house.managesieve = open_managesieve(settings, certificate, len(groups))
        house.challenged = open_acme(settings)
        unused = left_over()
        if unused:
            raise CannotListen(f"systemd handed over {', '.join(unused)}, which no `listen` in the settings names")
        seal()
        if os.geteuid() == 0:
            events.warning("server.as_root", remedy=AS_ROOT_REMEDY)

        def ready() -> None:
            announce(f"ready {_url(settings.listen[0].host, port)}")
            house.manager.ready("serving")

        if settings.processes == 1:
            house.serve(tls, groups[0], ready)
        else:
            _supervise(house, tls, groups, ready, read_again)
    except OSError as error:
        raise CannotStart(f"{error.filename or settings.data_folder}: {error.strerror}") from error
    except (CannotListen, CertificateUnusable, DirectoryUnavailable, SetupInvalid, WorkerFailed) as error:
        raise CannotStart(str(error)) from error
    except (PrivilegesUnusable, KeyOpen) as error:
        raise CannotStart(str(error)) from error
    except NamesInvalid as error:
        raise CannotStart(f"acme.domains: {error}") from error
    except (BackendUnusable, EventsInvalid, LedgerUnavailable, NetworkInvalid, PlacesUnusable, SaslUnusable) as error:
        raise CannotStart(str(error)) from error
    except MailError as error:
        raise CannotStart(f"can't open the mail in {folder.mail_path}: {error}") from error


def _look_at_rights(folder: DataFolder, settings: ServerSettings, events: ServerLog) -> None:
    """Warn of what others could read; raises KeyOpen for what no server can serve with."""
    for path in check_rights(folder, settings):
        events.warning("folder.open_to_others", path=str(path), remedy=f"chmod go= {path}")


def _open_web(settings: ServerSettings, certificate: ServerCertificate, imap_port: int) -> WebDoor | None:
    """The HTTPS port when one is wanted: only then is loaded what it is made of."""
    if not settings.web.listen:
        return None
    from pillarbox.app.web import open_web

    return open_web(settings, certificate, imap_port)


class _House:
    """What serves in one process."""

    def __init__(
        self,
        settings: ServerSettings,
        folder: DataFolder,
        certificate: ServerCertificate,
        clock: SystemClock,
        events: ServerLog,
    ) -> None:
        self.settings = settings
        self.certificate = certificate
        self.clock = clock
        self.events = events
        self.starttls: StarttlsDoor | None = None
        """IMAP with STARTTLS, when that is wanted."""
        self.web: WebDoor | None = None
        """The HTTPS port, when one is wanted."""
        self.lmtp: LmtpDoor | None = None
        """Where mail servers hand messages over, when that is wanted."""
        self.managesieve: ManageSieveDoor | None = None
        """Where people manage their Sieve scripts, when that is wanted."""
        self.challenged = Reserved()
        """Where ACME authorities are answered; bound only."""
        self.sweeps = True
        """Whether this process does what one of them does: certificates, and removing what is kept no longer."""
        self.tally = Tally(max(TALLY_ROWS, 8 * settings.processes) if settings.processes > 1 else 1)
        self.row = 0
        """Of this process in the tally."""
        self.manager = ServiceManager.of_this_process(clock)
        """Who wants to hear how the server stands."""
        self._folder = folder

    def serve(
        self,
        tls: ServerTls,
        sockets: Sequence[socket.socket],
        ready: Callable[[], None],
        lifeline: int | None = None,
    ) -> None:
        """Run an event loop until SIGTERM, SIGINT or the end of the lifeline."""
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(self._serve(tls, sockets, ready, lifeline))

    def keep(self, channel: WorkerChannel) -> None:
        """Run an event loop that serves nobody until SIGTERM, SIGINT or the end of the lifeline."""
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(self._keep(channel))

    async def _keep(self, channel: WorkerChannel) -> None:
        stop, drain = self._watch_signals(channel.lifeline)
        async with AsyncExitStack() as stack:
            stack.enter_context(self.events.in_background())
            await keep_house(self.settings, self.clock, self.events, stack)
            self.events.info("housekeeper.ready", pid=os.getpid())
            channel.ready()
            await _first_of(stop.wait(), drain.wait())

    def close_doors(self, groups: Sequence[Sequence[socket.socket]]) -> None:
        """Close all that others accept at."""
        for group in groups:
            _close(group)
        for door in (self.starttls, self.web, self.lmtp, self.managesieve):
            if door is not None:
                door.close()

    async def _serve(
        self, tls: ServerTls, sockets: Sequence[socket.socket], ready: Callable[[], None], lifeline: int | None
    ) -> None:
        stop, drain = self._watch_signals(lifeline)
        read_again = self._read_again if lifeline is None else self.certificate.refresh
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, read_again)
        settings, clock, events = self.settings, self.clock, self.events
        async with AsyncExitStack() as stack:
            stack.enter_context(events.in_background())
            store = await open_mail(settings, clock, events)
            stack.push_async_callback(store.close)
            if settings.processes == 1:
                start_housekeeping(store, settings, events, stack)
            directory = AccountDirectory.open(self._folder.accounts_path, clock)
            stack.callback(directory.close)
            if self.sweeps:
                ScramStore(directory, settings.auth.sasl).forget_unwanted()
            keeping = await keep_sessions(self._folder, clock, events, stack)
            elsewhere = open_elsewhere(settings.auth, directory, clock, events, stack)
            factors = MultiFactorRule(directory, settings.auth.multi_factor)
            accounts = BuiltinAuthenticator(
                directory,
                clock,
                events,
                settings.auth,
                second_factors=factors,
                uses=keeping.uses,
                elsewhere=elsewhere,
            )
            stack.callback(accounts.close)
            tokens = open_tokens(settings, accounts, clock, events, stack)
            authenticator = open_guard(settings, self._folder.logins_path, tokens, store, clock, events, stack)
            administration = DirectoryAdministration(directory)
            neighbours = AccountNeighbours(directory)
            stack.callback(neighbours.close)
            mechanisms = open_mechanisms(settings, accounts)
            services = Services(
                store,
                authenticator,
                clock,
                events,
                settings.imap,
                neighbours=neighbours,
                sharing=settings.sharing,
                administration=administration,
                accounts=accounts,
                presence=AccountLimit(self._share(b"user "), settings.net.max_connections_per_user),
                sessions=keeping.sessions,
                mechanisms=mechanisms,
            )
            make = partial(ImapConversation, services)
            proxies, addresses = proxies_of(settings.proxy_from), self._share(b"imap ")
            server = Server(sockets, tls, make, settings.net, clock, events, None, addresses, proxies)
            stack.push_async_callback(server.stop)
            imap_servers = [server]
            if self.starttls is not None:
                upgraded = self.starttls.server(services, clock, events, addresses)
                stack.push_async_callback(upgraded.stop)
                imap_servers.append(upgraded)
                upgraded.start()
                events.info("starttls.ready", where=self.starttls.where())
            start_push(settings, store, directory, clock, events, stack)
            if self.web is not None:
                self.web.start(store, authenticator, keeping.sessions, clock, events, stack)
            if self.lmtp is not None:
                retries = open_retries(settings, clock, stack)
                deliverer = make_deliverer(settings, store, directory, retries, clock, events)
                for mail_server in self.lmtp.servers(deliverer, clock, events):
                    stack.push_async_callback(mail_server.stop)
                    mail_server.start()
                events.info("lmtp.ready", where=self.lmtp.where())
            if self.managesieve is not None:
                for script_server in self.managesieve.servers(
                    store, authenticator, clock, events, self._share(b"sieve "), keeping.sessions, mechanisms
                ):
                    stack.push_async_callback(script_server.stop)
                    script_server.start()
                events.info("managesieve.ready", where=self.managesieve.where())
            watching = asyncio.create_task(self.certificate.watch())
            stack.callback(watching.cancel)
            if self.sweeps:
                expiry = asyncio.create_task(self.certificate.expiry(store, directory).watch())
                stack.callback(expiry.cancel)
            if self.sweeps:
                start_acme(settings, self.challenged, clock, events, stack)
            server.start()
            if lifeline is None and self.manager.beat_seconds is not None:
                beating = asyncio.create_task(self._beat(self.manager.beat_seconds))
                stack.callback(beating.cancel)
            events.info("server.ready", workers=settings.processes, pid=os.getpid())
            ready()
            await _first_of(stop.wait(), drain.wait())
            if not stop.is_set():
                events.info("server.draining", connections=server.connections)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(settings.net.drain_seconds):
                        await _first_of(stop.wait(), _drained(imap_servers))
            if lifeline is None:
                self.manager.stopping()
            events.info("server.stopping", connections=server.connections)
        events.info("server.stopped")

    def _share(self, kind: bytes) -> Share:
        """This process's part of what all workers count together."""
        return Share(self.tally, self.row, kind)

    def _watch_signals(self, lifeline: int | None) -> tuple[asyncio.Event, asyncio.Event]:
        """Events that are set when this process is to stop, and when a successor has taken over."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._unhandled)
        stop, drain = asyncio.Event(), asyncio.Event()
        loop.add_signal_handler(DRAIN_SIGNAL, drain.set)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)

        def orphaned(descriptor: int) -> None:
            loop.remove_reader(descriptor)
            self.events.error("worker.orphaned", reason="the supervisor is gone")
            stop.set()

        if lifeline is not None:
            loop.add_reader(lifeline, orphaned, lifeline)
        return stop, drain

    def _read_again(self) -> None:
        """SIGHUP, where there is no supervisor to do it."""
        self.manager.reloading()
        self.certificate.refresh()
        self.manager.ready("serving")

    async def _beat(self, seconds: float) -> None:
        """Tell whoever watches that the loop turns."""
        while True:
            self.manager.alive()
            await asyncio.sleep(seconds)

    def _unhandled(self, _loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        message = str(context.get("message"))
        if isinstance(error, BaseException):
            self.events.bug("loop.unhandled", error, message=message)
        else:
            self.events.error("loop.unhandled", message=message)


async def _first_of(*waiting: Coroutine[Any, Any, object]) -> None:  # Any: what is sent to them is the loop's business
    """Return when one of them has ended; the others are cancelled."""
    tasks = [asyncio.ensure_future(one) for one in waiting]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _drained(servers: Sequence[Server]) -> None:
    """Return when nobody is left at any of them; none accepts any more."""
    await asyncio.gather(*(each.drain() for each in servers))


def _supervise(
    house: _House,
    tls: ServerTls,
    groups: Sequence[Sequence[socket.socket]],
    ready: Callable[[], None],
    read_again: Callable[[], ServerSettings] | None,
) -> None:
    """Serve with one process for each group of sockets, and keep house in another."""
    manager = house.manager

    def work(channel: WorkerChannel) -> None:
        try:
            if channel.number == len(groups):
                house.events.tag(worker="housekeeper")
                house.close_doors(groups)
                house.keep(channel)
            else:
                serve_clients(channel)
        except (*_UNUSABLE, MailError, OSError) as error:
            house.events.error("worker.cannot_start", worker=channel.number, error=str(error))
            raise SystemExit(1) from error

    def serve_clients(channel: WorkerChannel) -> None:
        house.events.tag(worker=channel.number)
        house.row = channel.row
        house.sweeps = channel.number == 0
        for number, group in enumerate(groups):
            if number != channel.number:
                _close(group)  # held open here they would go on accepting when their worker stops
        for door in (house.starttls, house.web, house.lmtp, house.managesieve):
            if door is not None:
                door.keep(channel.number)
        house.serve(tls, groups[channel.number], channel.ready, channel.lifeline)

    def close_all() -> None:
        manager.stopping()
        house.close_doors(groups)

    def reload() -> Reload:
        manager.reloading()
        try:
            return read_anew()
        finally:
            manager.ready("serving")

    def read_anew() -> Reload:
        house.certificate.refresh()
        try:
            settings = house.settings if read_again is None else reloaded(house.settings, read_again(), house.events)
            check_backend(settings.auth, house.clock)
            check_sasl(settings, house.clock)
            check_proxies(settings)
        except (BackendUnusable, NetworkInvalid, SaslUnusable, SettingsUnusable) as error:
            house.events.error("settings.not_reloaded", error=str(error))
            return Reload.REFRESH
        changed = settings != house.settings
        house.events.info("settings.reloaded", changed=changed)
        house.settings = settings
        return Reload.REPLACE if changed else Reload.REFRESH

    beat = Beat(manager.beat_seconds, manager.alive) if manager.beat_seconds is not None else None
    supervisor = Supervisor(len(groups) + 1, work, house.settings.net, house.clock, house.events, house.tally, beat)
    with contextlib.suppress(ImportError):
        importlib.import_module("uvloop")  # for the workers to share its memory
    supervisor.run(on_ready=ready, on_reload=reload, on_stop=close_all)


def _close(group: Sequence[socket.socket]) -> None:
    for one in group:
        one.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it is installed: half the CPU for each command."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _url(host: str, port: int) -> str:
    named = "localhost" if host in EVERYWHERE else host
    return f"imaps://{f'[{named}]' if ':' in named else named}:{port}"


def _give_advice(port: int, advise: Callable[[str], None], made: LocalCertificates) -> None:
    advise(trust_advice(made, port))


def _write_to_stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
