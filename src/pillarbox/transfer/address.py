"""Where the old mail is: `imaps://user@host:port` or `starttls://user@host:port`; always TLS, always verified.

Must never: take a password as part of it.
"""

from __future__ import annotations

import enum
import ssl
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit


class AddressInvalid(ValueError):
    """Not where mail could be; the text says what is expected."""


class Start(enum.Enum):
    """How TLS begins, with the usual port."""

    IMPLICIT = 993
    STARTTLS = 143


_SCHEMES = {"imaps": Start.IMPLICIT, "starttls": Start.STARTTLS}


@dataclass(frozen=True, slots=True)
class Address:
    """A server, and perhaps the user there."""

    host: str
    port: int
    user: str
    start: Start = Start.IMPLICIT
    ca_file: Path | None = None

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"

    def of(self, user: str) -> Address:
        """The same server, another user."""
        return replace(self, user=user)

    def tls(self) -> ssl.SSLContext:
        """Verifies certificate and name. Raises OSError when the file of certificates can't be used."""
        return ssl.create_default_context(cafile=None if self.ca_file is None else str(self.ca_file))


def read_address(text: str, ca_file: Path | None = None) -> Address:
    """Raises AddressInvalid."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise AddressInvalid(f"{error}; expected imaps://user@host or imaps://user@host:port") from error
    start = _SCHEMES.get(parts.scheme)
    if start is None or not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise AddressInvalid(
            "expected imaps://user@host or imaps://user@host:port (or starttls:// in place of imaps://)"
        )
    if parts.password is not None:
        raise AddressInvalid(
            "a password in the address can be seen by others; give --password-stdin or --password-file"
        )
    # Of alice@example.org@host the last @ divides; %40 is understood too.
    return Address(parts.hostname, port or start.value, unquote(parts.username or ""), start, ca_file)
