"""What steers how certificates are got by ACME. `config` fills it in.

Must never: read a file or the environment.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

from pillarbox.net.settings import ListenAddress

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
LETS_ENCRYPT_STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"


class Challenge(enum.Enum):
    """How this server proves that a name is its own."""

    HTTP_01 = "http-01"
    """The authority fetches a file from port 80 (RFC 8555 section 8.3)."""
    TLS_ALPN_01 = "tls-alpn-01"
    """The authority shakes hands on port 443 (RFC 8737)."""
    DNS_01 = "dns-01"
    """A program of yours publishes a TXT record (RFC 8555 section 8.4); the only one for wildcards, and for machines
    that the authority can't reach."""


@dataclass(frozen=True, slots=True)
class AcmeSettings:
    """Certificates from an authority that speaks ACME, such as Let's Encrypt: got when the server starts, and renewed
    when a third of their life is left (docs/certificates.md). Nothing happens while `acme.domains` is empty."""

    domains: tuple[str, ...] = ()
    """One certificate for each entry: a name, or several with spaces between. Every name has to lead to this server,
    but for `dns-01`."""
    terms_agreed: bool = False
    """You agree to the terms of service of the authority; without that it makes no account."""
    contact: tuple[str, ...] = ()
    """Mail addresses that the authority may write to. Not all of them want any."""
    directory_url: str = LETS_ENCRYPT
    """Where the authority tells what it offers. Begins with https."""
    ca_path: Path | None = None
    """PEM of who vouches for the authority's own HTTPS, for a private one. None: what browsers trust."""
    eab_key_id: str = ""
    """External account binding (RFC 8555 section 7.3.4): the identifier that the authority gave you. Empty: none."""
    eab_key_path: Path | None = None
    """A file with the key that came with it, in base64url on one line."""
    challenge: Challenge = Challenge.HTTP_01
    """How this server proves that the names are its own."""
    listen: tuple[ListenAddress, ...] = ()
    """Where challenges are answered, opened only while one is due. Empty: port 80 of every address for `http-01`, 443
    for `tls-alpn-01`. Authorities come to these two ports only; change it behind something that passes them on. Where
    `listen` or `web.listen` have the port already, those answer `tls-alpn-01`."""
    dns_hook: tuple[str, ...] = ()
    """For `dns-01`: a program with its first arguments. It is run with `present` or `cleanup`, the record's name and
    the record's text behind them, and ends with 0 when the record is published, or gone."""
    dns_hook_seconds: float = 120.0
    """The program is ended when it takes longer."""
    dns_wait_seconds: float = 10.0
    """After the records were published: name servers need a moment to agree."""
    patience_seconds: float = 120.0
    """How long the authority may take to look at the challenges, and again to issue. Most need some seconds."""
