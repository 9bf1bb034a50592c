"""Addresses of clients, and what counts as one place: an IPv4 address or an IPv6 /64; around it a /24 or a /48.

Must never: look a name up.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_V4_PLACE, _V6_PLACE = 32, 64
_V4_AROUND, _V6_AROUND = 24, 48
LOCAL: Final = "local"
"""A client without an address: a Unix socket."""


class NetworkInvalid(ValueError):
    """Neither an address nor a network; the text is for the operator."""


def network_of(address: str) -> str:
    """The place of an address in CIDR notation; one IPv6 customer has a /64 at least."""
    return _around(address, _V4_PLACE, _V6_PLACE)


def neighbourhood_of(address: str) -> str:
    """What a person moves about in: another address of the same provider is nothing new."""
    return _around(address, _V4_AROUND, _V6_AROUND)


def parse_network(typed: str) -> Network:
    """`192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`. Raises NetworkInvalid."""
    try:
        return ipaddress.ip_network(typed.strip(), strict=False)
    except ValueError as error:
        raise NetworkInvalid(f'"{typed}" is neither an address nor a network such as 192.0.2.0/24') from error


class NetworkSet:
    """Some networks."""

    def __init__(self, typed: Iterable[str]) -> None:
        """Raises NetworkInvalid."""
        self._networks = [parse_network(each) for each in typed]

    def __contains__(self, address: str) -> bool:
        return self.find(address) is not None

    def find(self, address: str) -> Network | None:
        """The first that holds an address."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return None
        return next((network for network in self._networks if parsed in network), None)


def _around(address: str, v4_bits: int, v6_bits: int) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return LOCAL
    bits = v4_bits if parsed.version == 4 else v6_bits
    return str(ipaddress.ip_network((parsed, bits), strict=False))
