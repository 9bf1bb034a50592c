"""The mail services that can be checked, by port.

Must never: guess; an unknown port is IMAP with TLS from the first byte unless the caller says otherwise.

Ports: RFC 8314 section 7, RFC 6186, RFC 5804 section 1.8. ALPN names: IANA registry (RFC 7301); SMTP has none.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final


class Talk(enum.Enum):
    """The protocol inside."""

    IMAP = "IMAP"
    SMTP = "SMTP"
    POP3 = "POP3"
    SIEVE = "ManageSieve"


class Tls(enum.Enum):
    """When TLS begins."""

    IMPLICIT = "implicit"
    """With the first byte."""
    STARTTLS = "starttls"
    """When the client asks."""


@dataclass(frozen=True, slots=True)
class Service:
    """What is expected behind a port."""

    name: str
    port: int
    talk: Talk
    tls: Tls
    title: str
    srv: str | None
    """Its label in SRV records, without the transport."""
    alpn: str | None
    openssl: str | None
    """What `openssl s_client -starttls` calls it; None for TLS from the first byte."""
    curl: str | None
    """Scheme that curl knows."""


SERVICES: Final = (
    Service("imaps", 993, Talk.IMAP, Tls.IMPLICIT, "IMAP with TLS from the first byte", "imaps", "imap", None, "imaps"),
    Service("imap", 143, Talk.IMAP, Tls.STARTTLS, "IMAP with STARTTLS", "imap", "imap", "imap", "imap"),
    Service("submissions", 465, Talk.SMTP, Tls.IMPLICIT, "submission with TLS from the first byte", "submissions", None,
            None, "smtps"),
    Service("submission", 587, Talk.SMTP, Tls.STARTTLS, "submission with STARTTLS", "submission", None, "smtp", "smtp"),
    Service("pop3s", 995, Talk.POP3, Tls.IMPLICIT, "POP3 with TLS from the first byte", "pop3s", "pop3", None, "pop3s"),
    Service("pop3", 110, Talk.POP3, Tls.STARTTLS, "POP3 with STLS", "pop3", "pop3", "pop3", "pop3"),
    Service("smtp", 25, Talk.SMTP, Tls.STARTTLS, "SMTP between servers, with STARTTLS", None, None, "smtp", "smtp"),
    Service("sieve", 4190, Talk.SIEVE, Tls.STARTTLS, "ManageSieve with STARTTLS", "sieve", "managesieve", "sieve",
            None),
)  # fmt: skip


def service_named(name: str) -> Service | None:
    """By name, such as `imaps`."""
    return next((service for service in SERVICES if service.name == name), None)


def service_on(port: int) -> Service:
    """What is usual on a port; IMAPS when nothing is."""
    return next((service for service in SERVICES if service.port == port), SERVICES[0])
