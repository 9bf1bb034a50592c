"""Which certificates the server shows: the operator's own files, those of folders, or what it makes for itself; and
their renewal.

Must never: stop a running server because a new certificate is unusable.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pillarbox.app.aside import aside
from pillarbox.app.delivery import server_name
from pillarbox.app.expiry import ExpiryWatch
from pillarbox.app.folder import DataFolder
from pillarbox.app.settings import ServerSettings
from pillarbox.auth.directory import AccountDirectory
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.net.binding import Exporter, find_exporter
from pillarbox.net.own import LocalCertificates, is_good
from pillarbox.net.served import NamedCertificate, Plan, ServedCertificates, ServerTls
from pillarbox.net.tls import CertificateFiles, CertificateUnusable, ClientAuthority, Demand, Door
from pillarbox.store.contract import Store
from pillarbox.web.settings import DOOR as WEB

LOOK_SECONDS: Final = 1.0
"""How soon a certificate that was replaced on disk is served. A look is four calls of stat for each."""

RENEWAL_SECONDS: Final = 12 * 3600.0
"""How often a running server looks whether its own certificate is due."""


class ServerCertificate:
    """Makes the server's TLS at the start, and keeps it fresh."""

    def __init__(self, settings: ServerSettings, hosts: Sequence[str], clock: Clock, events: EventLog) -> None:
        """`hosts` are listened at: names for the server while none are set."""
        self._settings = settings
        self._hosts = tuple(hosts)
        self._clock = clock
        self._events = events
        people = settings.tls.client_ca
        clients = None if people is None else ClientAuthority(people, Demand.OPTIONAL)
        self._imap = Door(clients=clients)
        self._managesieve = Door("managesieve", clients)
        servers = settings.lmtp.client_authority_path
        self._lmtp = Door("", None if servers is None else ClientAuthority(servers, Demand.REQUIRED))

    def open(self, advise: Callable[[LocalCertificates], None]) -> ServerTls:
        """The TLS to serve IMAP with. `advise` is called when a new authority was made for it.

        Raises CertificateUnusable, OSError.
        """
        made = aside(self._try_making)
        if isinstance(made, Exception):
            raise made
        self._tell(made, advise)
        self.served = ServedCertificates(plan(self._settings), self._doors(), self._events, self._try_exporter)
        return self.served.tls(self._imap)

    def open_web(self) -> ServerTls:
        """The same certificates for HTTPS; after `open`."""
        return self.served.tls(WEB)

    def open_lmtp(self) -> ServerTls:
        """The same certificates for LMTP; after `open`."""
        return self.served.tls(self._lmtp)

    def open_managesieve(self) -> ServerTls:
        """The same certificates for ManageSieve; after `open`."""
        return self.served.tls(self._managesieve)

    async def watch(self) -> None:
        """Serve what is replaced on disk, and renew what is due, until cancelled."""
        renewal_seconds = self._clock.monotonic_seconds() + RENEWAL_SECONDS
        while True:
            self.served.look()
            await asyncio.sleep(LOOK_SECONDS)
            if self._clock.monotonic_seconds() >= renewal_seconds:
                renewal_seconds += RENEWAL_SECONDS
                self.refresh()

    def expiry(self, store: Store, directory: AccountDirectory) -> ExpiryWatch:
        """Tells of those that end soon; for one process of the server."""
        settings = self._settings
        path = DataFolder(settings.data_folder).certificates_path / "expiry.json"
        days, name = settings.tls.warn_days_left, server_name(settings)
        return ExpiryWatch(self.served, days, path, store, directory, name, self._clock, self._events)

    def refresh(self) -> None:
        """Renew what is due and read all files anew; when that fails, what was there goes on."""
        try:
            if not self._has_good():
                self._tell(self._make_own(), self._warn)
            unusable = self.served.look_again()
        except (CertificateUnusable, OSError) as error:
            self._events.error("certificate.not_reloaded", error=str(error))
            return
        for each in unusable:
            self._events.error("certificate.not_reloaded", error=str(each))
        if not unusable:
            self._events.info("certificate.reloaded")

    def _try_exporter(self, context: ssl.SSLContext) -> Exporter | None:
        exporter = find_exporter(context)
        if exporter is None:
            self._events.warning("tls.no_exporter", then="channel binding is by the certificate alone")
        return exporter

    def _doors(self) -> list[Door]:
        settings = self._settings
        wanted = (
            (self._imap, True),
            (WEB, bool(settings.web.listen)),
            (self._lmtp, bool(settings.lmtp.listen)),
            (self._managesieve, bool(settings.managesieve.listen or settings.managesieve.listen_tls)),
        )
        return [door for door, is_open in wanted if is_open]

    def _try_making(self) -> LocalCertificates | CertificateUnusable | OSError | None:
        try:
            return self._make_own()
        except (CertificateUnusable, OSError) as error:
            return error

    def _make_own(self) -> LocalCertificates | None:
        """The certificate that the server makes for itself, unless it was given one."""
        if self._settings.tls.certificate_path is not None:
            return None
        from pillarbox.net.certificates import ensure_certificates  # brings 8 MB that are seldom needed

        return ensure_certificates(*self._own(), self._clock)

    def _has_good(self) -> bool:
        """Whether none is to be made."""
        return self._settings.tls.certificate_path is not None or is_good(*self._own(), self._clock)

    def _own(self) -> tuple[Path, tuple[str, ...], int]:
        """Where it is, its names, and how many days it must last."""
        settings = self._settings
        names = settings.tls.server_names or (*machine_names(), *self._hosts)
        return DataFolder(settings.data_folder).certificates_path, names, settings.tls.renew_days_left

    def _tell(self, made: LocalCertificates | None, advise: Callable[[LocalCertificates], None]) -> None:
        if made is not None and made.is_new_authority:
            advise(made)

    def _warn(self, made: LocalCertificates) -> None:
        self._events.warning("certificate.new_authority", path=str(made.authority_path), sha256=made.fingerprint)


def plan(settings: ServerSettings) -> Plan:
    """Where the certificates are that a server with these settings shows."""
    tls, folder = settings.tls, DataFolder(settings.data_folder)
    own = folder.certificates_path / "server.pem"
    given = tls.certificate_path
    return Plan(
        default=_files(own, None) if given is None else _files(given, tls.key_path),
        named=tuple(NamedCertificate(_files(one.certificate_path, one.key_path), one.names) for one in tls.domains),
        folder=folder.domains_path,
        main_name=next(iter((*tls.server_names, *" ".join(settings.acme.domains).split())), "").lower(),
        profile=tls.profile,
    )


def _files(certificate_path: Path, key_path: Path | None) -> CertificateFiles:
    return CertificateFiles(certificate_path, key_path or certificate_path)


def machine_names() -> tuple[str, ...]:
    """The machine's own name, when it is one that a certificate can hold."""
    name = socket.gethostname()
    labels = name.split(".")
    return (name,) if name.isascii() and all(label.replace("-", "").isalnum() for label in labels) else ()
