"""What to check, and how long and how much to listen.

Must never: hold a default without its reason.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path

from pillarbox.check.services import Service
from pillarbox.secret import Secret


class Depth(enum.Enum):
    """How far a check goes."""

    FULL = "full"
    QUICK = "quick"
    """Without the dozens of connections that list versions and cipher suites: for monitoring every minute."""


class OtherTools(enum.Enum):
    """Whether other programs are run to compare."""

    LEAVE = "leave"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds, so that no host can hold a check up or fill the memory."""

    total_seconds: float = 60.0
    """The whole check. A full one of a healthy server takes about a second of talk."""
    step_seconds: float = 5.0
    """One answer: a connection, a handshake, a greeting. Mail programs give up after 10 to 60."""
    listen_seconds: float = 1.5
    """How long to wait for a greeting that must not come (plaintext on a TLS port)."""
    tool_seconds: float = 20.0
    """One other program; nmap -sV takes six seconds and more."""
    line_bytes: int = 8_192
    """One line. RFC 9051 servers send no longer ones before login."""
    connection_bytes: int = 262_144
    """All that is read on one connection."""
    handshake_bytes: int = 65_536
    """A ServerHello with its certificates; real chains have 2 to 10 KB."""
    addresses: int = 8
    """How many addresses of a name are tried."""
    parallel: int = 4
    """Connections at a time while listing suites; servers count them per address."""


@dataclass(frozen=True, slots=True)
class Login:
    """With what to log in."""

    user: str
    password: Secret[str]


@dataclass(frozen=True, slots=True)
class Resolver:
    """A DNS server to ask instead of the system's."""

    address: str
    port: int = 53


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """One check."""

    host: str
    port: int
    service: Service
    domain: str | None = None
    """The part behind the @; asked for MX and SRV, and for autoconfiguration."""
    login: Login | None = None
    ca_file: Path | None = None
    """Trust this instead of the system's authorities."""
    resolver: Resolver | None = None
    https_port: int = 443
    """Where autoconfiguration is fetched."""
    warn_days: int = 14
    """Warn when the certificate ends within so many days; ACME clients renew 30 days before."""
    depth: Depth = Depth.FULL
    tools: OtherTools = OtherTools.LEAVE
    limits: Limits = field(default_factory=Limits)
