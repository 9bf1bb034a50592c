"""Where a directory answers, and how what is said to it is kept from strangers.

`ldaps://` speaks TLS from the first octet. `ldap://` starts TLS before anything else (RFC 4513 section 3.1.1), unless
the operator lets it be left out towards this machine. `ldapi://` is a socket of this machine.

Must never: know a way to send a password in clear over a network; turn verification off.
"""

from __future__ import annotations

import asyncio
import enum
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from pillarbox.auth.ldap.settings import LdapEncryption

_PORTS: Final = {"ldap": 389, "ldaps": 636}
DEFAULT_SOCKET: Final = "/run/slapd/ldapi"


class AddressInvalid(ValueError):
    """Not the address of a directory; the text is for the operator."""


class Protection(enum.Enum):
    """What keeps strangers from reading along."""

    TLS = "tls"
    START_TLS = "start tls"
    LOOPBACK = "loopback"
    """Plain, and refused unless the other side turns out to be this machine."""
    SOCKET = "socket"


@dataclass(frozen=True, slots=True)
class LdapAddress:
    """One server."""

    host: str
    """Its name, which its certificate must bear; a path for SOCKET."""
    port: int
    protection: Protection

    def __str__(self) -> str:
        return self.host if self.protection is Protection.SOCKET else f"{self.host}:{self.port}"


def parse_address(text: str, encryption: LdapEncryption) -> LdapAddress:
    """An LDAP URL (RFC 4516) of a scheme and a host. Raises AddressInvalid."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise AddressInvalid(f"{text!r} is not an LDAP address: {error}") from error
    if parts.scheme == "ldapi":
        return LdapAddress(unquote(parts.netloc) or DEFAULT_SOCKET, 0, Protection.SOCKET)
    if parts.scheme not in _PORTS or not host or parts.path.strip("/") or parts.query or parts.username:
        raise AddressInvalid(f"{text!r} is not an LDAP address; it looks like ldaps://ldap.example.org")
    if parts.scheme == "ldaps":
        protection = Protection.TLS
    elif encryption is LdapEncryption.EXCEPT_LOOPBACK and _is_this_machine(host):
        protection = Protection.LOOPBACK
    else:
        protection = Protection.START_TLS
    return LdapAddress(host, port or _PORTS[parts.scheme], protection)


def client_context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later, with a certificate that is trusted and bears the server's name. Raises OSError."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def connected_socket(address: LdapAddress) -> socket.socket:
    """A TCP connection that doesn't block; for LOOPBACK only when it stays on this machine. Raises OSError."""
    loop = asyncio.get_running_loop()
    trouble: OSError = OSError(f"{address.host} has no address")
    for family, kind, protocol, _, place in await loop.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    ):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.setblocking(False)
            await loop.sock_connect(connection, place)
            if address.protection is Protection.LOOPBACK and not _is_loopback(str(connection.getpeername()[0])):
                raise OSError(f"{address.host} is not this machine; without TLS nothing is said to it")
        except OSError as error:
            connection.close()
            trouble = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise trouble


def _is_this_machine(host: str) -> bool:
    return host == "localhost" or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
