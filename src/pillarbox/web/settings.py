"""What steers the documents for mail programs, and the HTTPS port that hands them out. `config` fills it in.

Must never: read a file or the environment.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final

from pillarbox.net.settings import ListenAddress
from pillarbox.net.tls import Door

DOOR: Final = Door("http/1.1")
"""What the HTTPS port wants of TLS."""


class Security(enum.Enum):
    """How a connection gets its TLS."""

    TLS = "tls"
    """From the first byte (RFC 8314 section 3)."""
    STARTTLS = "starttls"
    """Asked for in plain text; only for servers that know nothing better."""


class LoginStyle(enum.Enum):
    """What people type as their user name."""

    ADDRESS = "address"
    """The whole address: alice@example.org."""
    LOCAL_PART = "local-part"
    """What stands before the @: alice."""


@dataclass(frozen=True, slots=True)
class ClientSetupSettings:
    """What mail programs are told to use: by `pillarbox client-config`, `pillarbox dns` and over HTTPS. All the
    documents come from these values, so they agree."""

    domains: tuple[str, ...] = ()
    """Mail domains, the part behind the @. Other domains get no documents. None: any domain that somebody asks for."""
    display_name: str = ""
    """What programs call the account. Empty: "Mail at" and the domain."""
    imap_host: str = ""
    """The name that people reach this server by; the certificate has to hold for it. Empty: the first of
    `tls.server_names`, else the machine's own name."""
    imap_port: int = field(default=0, metadata={"minimum": 0})
    """As seen from outside. 0: the port of the first address in `listen`."""
    smtp_host: str = ""
    """The server for sending; Pillarbox is none. Empty: the documents say nothing about sending. Thunderbird takes no
    autoconfig without, and Apple's profile is not made."""
    smtp_port: int = 465
    """465 is submission with TLS from the first byte, which RFC 8314 section 3.3 prefers; 587 needs
    `smtp_security = "starttls"`."""
    smtp_security: Security = Security.TLS
    """How the connection for sending gets its TLS."""
    login: LoginStyle = LoginStyle.ADDRESS
    """What people type as their user name."""
    web_host: str = ""
    """The name that the documents are fetched from. Empty: `imap_host`."""
    web_port: int = field(default=0, metadata={"minimum": 0})
    """As seen from outside; programs that look for documents by themselves only know 443. 0: the port of the first
    address in `web.listen`."""


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The HTTPS port. It hands out how to set up mail programs, with the certificate of `[tls]`; no
    password passes, but with `events.stream` on."""

    listen: tuple[ListenAddress, ...] = ()
    """Where HTTPS is served, such as `["*:443"]`. Empty: nowhere."""
    proxy_from: tuple[str, ...] = ()
    """Networks of load balancers in front of it, as `proxy_from` for IMAP."""
    handshake_timeout_seconds: float = 10.0
    """From accept to the end of the TLS handshake."""
    connection_seconds: float = 30.0
    """The longest life of a connection, whatever it does; all documents together have some 30 KB. Against
    slow-loris."""
    keep_alive_seconds: float = 5.0
    """Between two requests of a connection."""
    max_connections: int = 500
    """In each worker. They share the limit of open files with IMAP."""
    max_connections_per_address: int = 20
    """Of one IPv4 address or one IPv6 /64 network, in each worker. A browser opens six."""
    max_head_bytes: int = 16_384
    """Request line and header fields. A browser sends 1 KB."""
    max_body_bytes: int = 16_384
    """Of an Autodiscover request, which has some 400 bytes."""
    stop_grace_seconds: float = 5.0
    """At stop, requests under way have so long to finish."""
