"""The certificate that a server makes for itself, as far as it need not be made: whether the one that is there is good.

Must never: make or sign anything, nor import what does (`net.certificates`), which servers need a moment each year.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from pillarbox.clock import Clock
from pillarbox.net.leaf import read_leaf
from pillarbox.net.tls import CertificateFiles

ALWAYS_NAMED: Final = ("localhost", "127.0.0.1", "::1")
"""So that a first try on the same machine verifies."""
AUTHORITY: Final = "authority.crt"
SERVER: Final = "server.pem"


@dataclass(frozen=True, slots=True)
class LocalCertificates:
    """What is in the folder now."""

    files: CertificateFiles
    authority_path: Path
    """The certificate that clients are to trust, PEM."""
    fingerprint: str
    """SHA-256 of the authority, as clients show it: 'AB:CD:...'."""
    names: tuple[str, ...]
    """That the server certificate holds for."""
    is_new_authority: bool
    """Made by this call: people must be told to trust it."""


def is_good(folder: Path, names: Sequence[str], renew_days_left: int, clock: Clock) -> bool:
    """Whether the folder's certificate holds for these names, by its authority, for longer than so many days.

    Signatures are not looked at; `ensure_certificates` does that at every start.
    """
    soon = clock.now_seconds() + timedelta(days=renew_days_left).total_seconds()
    try:
        authority, server = read_leaf((folder / AUTHORITY).read_bytes()), read_leaf((folder / SERVER).read_bytes())
        wanted = [_spelled(name) for name in dict.fromkeys((*names, *ALWAYS_NAMED))]
    except (OSError, ValueError):
        return False
    return (
        list(server.names) == wanted
        and server.issuer == authority.subject
        and min(server.ends_seconds, authority.ends_seconds) > soon
    )


def _spelled(name: str) -> str:
    """As it stands in a certificate. Raises ValueError (UnicodeError is one)."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.encode("idna").decode("ascii").lower()
