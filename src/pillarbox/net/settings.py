"""What steers the connection layer: addresses, time-outs, sizes, certificates. `config` only fills these in.

Must never: read a file or the environment; a value here is a value, checked where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pillarbox.net.tls import Profile


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """One place to listen at."""

    host: str = "*"
    """An IP address or a name; `*` is every address of the machine, IPv6 and IPv4."""
    port: int = 993
    """0 takes any free port. 993 is imaps (RFC 8314 section 3.2)."""


@dataclass(frozen=True, slots=True)
class NetSettings:
    """Time-outs and sizes of every connection; each is counted from what its text says, to about a second."""

    handshake_timeout_seconds: float = 10.0
    """From accept to the end of the TLS handshake. A phone on a bad line needs 2-3 round trips of a second."""
    login_timeout_seconds: float = 30.0
    """From accept until somebody is logged in, whatever is sent meanwhile: against slow-loris. A program logs in
    within a second; Dovecot gives 180, Stalwart 60."""
    idle_timeout_seconds: float = 1800.0
    """Logged in, without a byte from the client and without a long answer under way. RFC 9051 section 5.4: never
    less than 30 minutes."""
    unwritable_timeout_seconds: float = 300.0
    """Output waits and the client takes none of it: it is asleep or hostile. Dovecot drops after as long."""
    keep_alive_seconds: float = 120.0
    """Nothing was sent for so long: the conversation may say something harmless. Gateways forget quiet
    connections, some after 5 minutes, and Outlook wants a sign of life every 2."""
    farewell_seconds: float = 10.0
    """From telling a client that a time-out struck until its socket is closed, read or not."""
    linger_seconds: float = 2.0
    """After the last byte was sent the client's remaining input is thrown away for so long. Closing a socket with
    unread input would reset the connection and take our last words with it."""
    stop_grace_seconds: float = 20.0
    """At stop, running commands have so long to finish. Below the 30 s and 90 s that container runners and systemd wait
    before they kill."""
    drain_seconds: float = 3600.0
    """After a reload the old processes serve those who are connected for so long; then these hear goodbye and come back
    to the new ones. Programs that idle stay for days, others leave within minutes."""
    sweep_interval_seconds: float = 1.0
    """How often all connections are looked at for time-outs; their precision. One timer for all is cheaper than
    one timer each."""
    max_connections_per_address: int = 60
    """Of one IPv4 address or one IPv6 /64 network, over all workers. An office behind one address with 5 to 10
    connections a person fits; one machine can't take all there are."""
    max_connections_per_user: int = 30
    """Of one account, over all workers; a login beyond that is told so. A mail program opens 5 to 10."""
    max_connections: int = 10_000
    """In each worker. About 20 KB each when idle; raise the limit of open files along with it."""
    high_water_bytes: int = 256 * 1024
    """Output that waits above this stops the conversation and the reading: the memory a client that doesn't read can
    take. Enough for several full TCP windows."""
    receive_buffer_bytes: int = 64 * 1024
    """The one buffer of a worker that all connections are read into. Above one TLS record (16 KiB)."""
    backlog: int = 1024
    """Connections that the kernel keeps while the loop is busy; it cuts this to net.core.somaxconn."""
    accept_pause_seconds: float = 1.0
    """No file descriptor is left: accepting stops for so long, what is connected is served on."""
    restart_seconds: float = 0.1
    """A worker process that died is started again after this, then after twice as long each time it dies young."""
    restart_most_seconds: float = 30.0
    """The longest of these pauses: a broken machine is not kept busy with starting, and mended within half a minute.
    A worker that lived longer starts from `restart_seconds` again."""


@dataclass(frozen=True, slots=True)
class DomainCertificate:
    """One certificate more, shown to clients that ask for a name in it (SNI)."""

    certificate_path: Path
    """PEM, the certificate first and then its chain."""
    key_path: Path | None = None
    """PEM, without a password. None: the key is in the file of the certificate."""
    names: tuple[str, ...] = ()
    """Names that it is shown for besides those in it."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Which certificates are shown, and to whom (docs/tls.md). Suites are not to be chosen, and nothing older than
    TLS 1.2: see net/tls.py. Files that are replaced are served within a second or so."""

    certificate_path: Path | None = None
    """PEM, the server's certificate first and then its chain. None: the server makes its own authority."""
    key_path: Path | None = None
    """PEM, without a password. None: the key is in the file of the certificate."""
    server_names: tuple[str, ...] = ()
    """DNS names and IP addresses that people reach the server by; the self-made certificate holds for these and for
    localhost. Empty: the host name of the machine."""
    renew_days_left: int = 30
    """The self-made server certificate is made anew when it is valid for fewer days."""
    profile: Profile = Profile.INTERMEDIATE
    """`intermediate` is TLS 1.3 and 1.2, with forward secrecy and AEAD; `modern` is TLS 1.3 alone, which shuts out
    programs from before 2019."""
    domains: tuple[DomainCertificate, ...] = ()
    """More certificates, each a `[[tls.domains]]`. Those in folders `certificates/domains/NAME` of the data folder
    (certificate.pem, key.pem) need not be named."""
    client_ca: Path | None = None
    """PEM, the authorities that vouch for people's certificates (SASL EXTERNAL), at IMAP and ManageSieve. A client
    without a certificate gets in to use its password, one with any other certificate doesn't. With revocation lists
    in the file these are looked at. None: clients are not asked."""
    warn_days_left: int = 14
    """A served certificate that is valid for fewer days is told of: in the log, to administrators' INBOX once a day,
    and by `pillarbox doctor`. ACME clients renew 30 days before; what is left then was not renewed."""
