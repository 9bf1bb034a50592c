"""Which certificate the server shows: the operator's own files, or what it makes for itself; and their renewal.

Must never: stop a running server because a new certificate is unusable.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.net.certificates import LocalCertificates, ensure_certificates
from pillarbox.net.settings import TlsSettings
from pillarbox.net.tls import CertificateFiles, CertificateUnusable, ServerTls
from pillarbox.web.https import WebTls


class ServerCertificate:
    """Makes the server's TLS at the start, and keeps it fresh."""

    def __init__(
        self, settings: TlsSettings, hosts: Sequence[str], folder: Path, clock: Clock, events: EventLog
    ) -> None:
        """`hosts` are listened at: names for the server while none are set."""
        self._settings = settings
        self._hosts = tuple(hosts)
        self._folder = folder
        self._clock = clock
        self._events = events

    def open(self, advise: Callable[[LocalCertificates], None]) -> ServerTls:
        """The TLS to serve with. `advise` is called when a new authority was made for it.

        Raises CertificateUnusable, OSError.
        """
        return ServerTls(self._files(advise))

    def open_web(self) -> WebTls:
        """The same certificate for HTTPS; after `open`. Raises CertificateUnusable, OSError."""
        return WebTls(self._files(self._warn))

    def open_lmtp(self, client_authority_path: Path | None) -> ServerTls:
        """The same certificate for LMTP, with who vouches for clients. Raises CertificateUnusable, OSError."""
        return ServerTls(self._files(self._warn), "", client_authority_path)

    def open_managesieve(self) -> ServerTls:
        """The same certificate for ManageSieve. Raises CertificateUnusable, OSError."""
        return ServerTls(self._files(self._warn), "managesieve")

    def refresh(self, *served: ServerTls | WebTls) -> None:
        """Renew what is due and read the files anew; when that fails, what was there goes on."""
        try:
            self._files(self._warn)
            for tls in served:
                tls.reload()
        except (CertificateUnusable, OSError) as error:
            self._events.error("certificate.not_reloaded", error=str(error))
        else:
            self._events.info("certificate.reloaded")

    def _files(self, advise: Callable[[LocalCertificates], None]) -> CertificateFiles:
        settings = self._settings
        if settings.certificate_path is not None:
            return CertificateFiles(settings.certificate_path, settings.key_path or settings.certificate_path)
        names = settings.server_names or (*machine_names(), *self._hosts)
        made = ensure_certificates(self._folder, names, settings.renew_days_left, self._clock)
        if made.is_new_authority:
            advise(made)
        return made.files

    def _warn(self, made: LocalCertificates) -> None:
        self._events.warning("certificate.new_authority", path=str(made.authority_path), sha256=made.fingerprint)


def machine_names() -> tuple[str, ...]:
    """The machine's own name, when it is one that a certificate can hold."""
    name = socket.gethostname()
    labels = name.split(".")
    return (name,) if name.isascii() and all(label.replace("-", "").isalnum() for label in labels) else ()
