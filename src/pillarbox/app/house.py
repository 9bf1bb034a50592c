"""One process of the server: builds every object once, in order, serves or keeps house until told to stop, and takes it
all down.

Must never: fork; read the settings file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from pillarbox.app.accounts import open_elsewhere
from pillarbox.app.acme import Reserved, start_acme
from pillarbox.app.audit import ServerLog
from pillarbox.app.certificates import ServerCertificate
from pillarbox.app.delivery import make_deliverer, open_retries
from pillarbox.app.folder import DataFolder
from pillarbox.app.housekeeping import keep_house, start_housekeeping
from pillarbox.app.lmtp import LmtpDoor
from pillarbox.app.logins import open_guard
from pillarbox.app.mail import open_mail
from pillarbox.app.managesieve import ManageSieveDoor
from pillarbox.app.proxies import proxies_of
from pillarbox.app.push import start_push
from pillarbox.app.sasl import open_mechanisms, open_tokens
from pillarbox.app.sessions import keep_sessions
from pillarbox.app.settings import ServerSettings
from pillarbox.app.starttls import StarttlsDoor
from pillarbox.auth.administration import DirectoryAdministration
from pillarbox.auth.authenticator import BuiltinAuthenticator
from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.factor_rule import MultiFactorRule
from pillarbox.auth.groups import AccountNeighbours
from pillarbox.auth.scram_directory import ScramStore
from pillarbox.clock import SystemClock
from pillarbox.imap.conversation import ImapConversation
from pillarbox.imap.services import Services
from pillarbox.net.notify import ServiceManager
from pillarbox.net.served import ServerTls
from pillarbox.net.server import Server
from pillarbox.net.tally import AccountLimit, Share, Tally
from pillarbox.net.workers import DRAIN_SIGNAL, WorkerChannel

if TYPE_CHECKING:
    from pillarbox.app.web import WebDoor


TALLY_ROWS = 64
"""Processes that connections are counted for together, in the least: a reload leaves old ones to drain."""


class House:
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
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(self._serve(tls, sockets, ready, lifeline))

    def keep(self, channel: WorkerChannel) -> None:
        """Run an event loop that serves nobody until SIGTERM, SIGINT or the end of the lifeline."""
        with asyncio.Runner(loop_factory=new_loop) as runner:
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
            close_sockets(group)
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
                upgraded = self.starttls.server(settings, services, clock, events, addresses)
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
                for mail_server in self.lmtp.servers(settings, deliverer, clock, events):
                    stack.push_async_callback(mail_server.stop)
                    mail_server.start()
                events.info("lmtp.ready", where=self.lmtp.where())
            if self.managesieve is not None:
                for script_server in self.managesieve.servers(
                    settings, store, authenticator, clock, events, self._share(b"sieve "), keeping.sessions, mechanisms
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


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it is installed: half the CPU for each command."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def close_sockets(group: Sequence[socket.socket]) -> None:
    for one in group:
        one.close()
