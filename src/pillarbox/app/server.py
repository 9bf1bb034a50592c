"""The server: looks at what it is to serve with, opens its ports, and starts the processes that serve (house.py).

Must never: import `config` or `cli`; print to stdout other than through `announce`.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from pillarbox.acme.names import NamesInvalid
from pillarbox.app.accounts import BackendUnusable, check_backend
from pillarbox.app.acme import open_acme
from pillarbox.app.audit import ServerLog
from pillarbox.app.certificates import ServerCertificate
from pillarbox.app.descriptors import allow_all
from pillarbox.app.folder import DataFolder
from pillarbox.app.house import House, close_sockets
from pillarbox.app.lmtp import open_lmtp
from pillarbox.app.log import StructuredLog
from pillarbox.app.logins import check_logins
from pillarbox.app.managesieve import open_managesieve
from pillarbox.app.privileges import PrivilegesUnusable, seal, settle
from pillarbox.app.proxies import check_proxies
from pillarbox.app.push import check_events
from pillarbox.app.reload import reloaded
from pillarbox.app.rights import KeyOpen, check_rights
from pillarbox.app.sasl import SaslUnusable, check_sasl
from pillarbox.app.settings import ServerSettings
from pillarbox.app.starttls import open_starttls
from pillarbox.auth.directory import DirectoryUnavailable
from pillarbox.auth.ledger import LedgerUnavailable
from pillarbox.auth.networks import NetworkInvalid
from pillarbox.auth.places import PlacesUnusable
from pillarbox.clock import SystemClock
from pillarbox.mail.errors import MailError
from pillarbox.net.handover import left_over
from pillarbox.net.listener import CannotListen, open_listeners
from pillarbox.net.own import LocalCertificates
from pillarbox.net.served import ServerTls
from pillarbox.net.tls import CertificateUnusable
from pillarbox.net.trust import trust_advice
from pillarbox.net.workers import Beat, Reload, Supervisor, WorkerChannel, WorkerFailed
from pillarbox.push.runner import EventsInvalid
from pillarbox.web.client_settings import SetupInvalid

if TYPE_CHECKING:
    from pillarbox.app.web import WebDoor

SWITCH_SECONDS = 0.001
"""How long a thread (digests, the text index) may hold the interpreter while clients wait. With Python's 5 ms a NOOP
beside a busy thread took 8.1 ms at the 95th percentile, with this 0.19 ms (docs/performance.md)."""

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
    house = House(settings, folder, certificate, clock, events)
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


def _supervise(
    house: House,
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
                close_sockets(group)  # held open here they would go on accepting when their worker stops
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
            check_logins(settings, DataFolder(settings.data_folder).logins_path)
        except (*_UNUSABLE, SettingsUnusable) as error:
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


def _url(host: str, port: int) -> str:
    named = "localhost" if host in EVERYWHERE else host
    return f"imaps://{f'[{named}]' if ':' in named else named}:{port}"


def _give_advice(port: int, advise: Callable[[str], None], made: LocalCertificates) -> None:
    advise(trust_advice(made, port))


def _write_to_stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
