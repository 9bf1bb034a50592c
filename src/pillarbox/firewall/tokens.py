"""Reads the words that all firewalls write in nearly the same way: networks and ranges of ports.

Must never: guess; None says that a word was not understood.
"""

from __future__ import annotations

from ipaddress import ip_network

from pillarbox.firewall.request import Network


def network_or_none(text: str) -> Network | None:
    """`192.0.2.0/24`, `192.0.2.1`, `2001:db8::/32`."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def port_ranges(text: str) -> tuple[tuple[int, int], ...] | None:
    """`993`, `25,143`, `990:995`, `990-995`, inclusive."""
    found = []
    for part in text.split(","):
        first, _, last = part.replace("-", ":").partition(":")
        if not first.isdecimal() or not (last or first).isdecimal():
            return None
        found.append((int(first), int(last or first)))
    return tuple(found)
