"""Where people's mail programs manage Sieve scripts, `[managesieve]` in pillarbox.toml.

Must never: read a file or the environment.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pillarbox.managesieve.limits import ManageSieveLimits
from pillarbox.net.settings import ListenAddress


@dataclass(frozen=True, slots=True)
class ManageSieveSettings:
    """Where mail programs manage people's Sieve scripts (RFC 5804, docs/sieve.md). Nothing is listened at unless it is
    named here. Accounts and passwords are those of IMAP."""

    listen: tuple[ListenAddress, ...] = ()
    """`HOST:PORT` where TLS begins with STARTTLS, as mail programs expect it: ["*:4190"]. In clear nothing is served
    but STARTTLS itself."""
    listen_tls: tuple[ListenAddress, ...] = ()
    """The same with TLS from the first byte, for clients that can do that."""
    proxy_from: tuple[str, ...] = ()
    """Networks of load balancers in front of both, as `proxy_from` for IMAP."""
    limits: ManageSieveLimits = field(default_factory=ManageSieveLimits)
