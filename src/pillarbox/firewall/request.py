"""What is asked of a firewall: one TCP port, and the networks that may reach it.

Must never: take a host name for a network (names change, rules stay).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

EVERYBODY: Final[tuple[Network, ...]] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
"""Both families whole."""


class RequestInvalid(Exception):
    """The port or a network was typed wrongly; the text says how."""


@dataclass(frozen=True, slots=True)
class Request:
    """One TCP port and who may reach it: networks in the order they were named, each once."""

    port: int
    sources: tuple[Network, ...] = EVERYBODY

    @property
    def is_for_everybody(self) -> bool:
        return self.sources == EVERYBODY

    def widened(self) -> Request:
        """The same for the whole of each family that is named."""
        versions = {source.version for source in self.sources}
        return Request(self.port, tuple(whole for whole in EVERYBODY if whole.version in versions))


def parse_request(port: int, typed_sources: tuple[str, ...]) -> Request:
    """Networks as `192.0.2.0/24`, `2001:db8::/32` or one address; none means everybody. Raises RequestInvalid."""
    if not 1 <= port <= 65535:
        raise RequestInvalid(f"{port} is no port: ports go from 1 to 65535")
    if not typed_sources:
        return Request(port)
    return Request(port, tuple(dict.fromkeys(_network(typed) for typed in typed_sources)))


def _network(typed: str) -> Network:
    try:
        return ip_network(typed.strip())
    except ValueError:
        pass
    try:
        meant = ip_network(typed.strip(), strict=False)
    except ValueError:
        raise RequestInvalid(
            f'"{typed}" is no network; write an address or a network such as 192.0.2.0/24 or 2001:db8::/32'
        ) from None
    raise RequestInvalid(f'"{typed}" names a host and a network at once; write the network as {meant}')
