"""Fills in the commands that try a port.

Must never: let a host name bring a second command along; people copy these lines into a shell.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final

from pillarbox.ports.reference import Port

PLACEHOLDER: Final = "mail.example.org"
"""When no host is named."""

_HOST: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_IN_URL: Final = re.compile(r"(?<=//)\{host\}|\{host\}(?=:)|(?<=@)\{host\}")


class HostInvalid(Exception):
    """Neither a host name nor an address."""


def check_host(typed: str) -> str:
    """A host name or address as it goes into commands. Raises HostInvalid."""
    host = typed.strip().removeprefix("[").removesuffix("]")
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise HostInvalid(f'"{typed}" is no host name and no address')
    return host


def is_address(host: str) -> bool:
    """Addresses are not sent as a server's name in TLS (RFC 6066, section 3)."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def reach_commands(number: int, transports: tuple[str, ...], host: str) -> tuple[str, ...]:
    """Whether a port answers at all, for any port."""
    commands = []
    if "tcp" in transports:
        commands.append(f"nc -zv {host} {number}")
    if "udp" in transports and "tcp" not in transports:
        commands.append(f"nc -zvu {host} {number}   # silence may mean open, too")
    return tuple(commands)


def trial_commands(port: Port, host: str) -> tuple[str, ...]:
    """Whether it answers, then whether the service speaks as it should."""
    in_url = f"[{host}]" if ":" in host else host
    texts = port.tests
    if is_address(host):
        texts = tuple(text.replace(" -servername {host}", "") for text in texts)
    specific = (_IN_URL.sub(in_url, text).replace("{host}", host) for text in texts)
    return (*reach_commands(port.number, port.transports, host), *specific)
