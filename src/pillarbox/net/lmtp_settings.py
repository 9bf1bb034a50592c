"""Where mail servers hand messages over, `[lmtp]` in pillarbox.toml.

Must never: read a file or the environment.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pillarbox.lmtp.limits import LmtpLimits
from pillarbox.net.settings import ListenAddress


@dataclass(frozen=True, slots=True)
class LmtpSettings:
    """Where mail servers hand messages over (RFC 2033): on a Unix socket, or over TLS. Nothing is listened at unless it
    is named here (docs/delivery.md). LMTP knows no login: who can connect can deliver."""

    socket_path: Path | None = None
    """A Unix socket, mode 0660; for a mail server on the same machine. Its folder has to be one that the mail server
    can enter, which the data folder is not. None: no socket."""
    socket_group: str = ""
    """The group that may connect, such as `postfix`; the server has to be a member of it or root. Empty: its own
    group."""
    listen: tuple[ListenAddress, ...] = ()
    """`HOST:PORT` for mail servers on other machines, with TLS from the first byte and the certificate of `[tls]`. Set
    `client_authority_path` too, or everybody who reaches the port can deliver past your mail server's checks."""
    listen_plain: tuple[ListenAddress, ...] = ()
    """The same without TLS; loopback addresses only, for mail servers that know no Unix sockets."""
    proxy_from: tuple[str, ...] = ()
    """Networks of load balancers in front of `listen`, as `proxy_from` for IMAP."""
    client_authority_path: Path | None = None
    """PEM. Only clients with a certificate of these authorities may connect at `listen`. None: any."""
    server_name: str = ""
    """What the server calls itself in the greeting and in Received fields. Empty: the machine's name."""
    idle_timeout_seconds: float = 300.0
    """Without a byte from the other side. RFC 5321 section 4.5.3.2.7: 5 minutes at least."""
    max_connections: int = 100
    """In each worker, from wherever they come. Postfix makes 20 at once to one destination."""
    limits: LmtpLimits = field(default_factory=LmtpLimits)
