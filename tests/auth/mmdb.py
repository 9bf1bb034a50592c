"""Writes the smallest file in MaxMind's format (MaxMind DB File Format Specification 2.0): one IPv4 network.

Must never: grow into a library.
"""

from __future__ import annotations

import ipaddress
import struct

Value = str | int | float | list[str] | dict[str, "Value"]

_EMPTY, _SEPARATOR_BYTES, _MARKER = b"\0" * 16, 16, b"\xab\xcd\xefMaxMind.com"


def mmdb(network: str, value: Value) -> bytes:
    """A database that knows `value` of one network, and nothing of others."""
    parsed = ipaddress.IPv4Network(network)
    depth = parsed.prefixlen
    tree = b""
    for node in range(depth):
        onward = node + 1 if node + 1 < depth else depth + _SEPARATOR_BYTES
        bit = int(parsed.network_address) >> (31 - node) & 1
        left, right = (depth, onward) if bit else (onward, depth)  # the number of nodes stands for "not found"
        tree += left.to_bytes(3, "big") + right.to_bytes(3, "big")
    about: dict[str, Value] = {
        "node_count": depth,
        "record_size": 24,
        "ip_version": 4,
        "database_type": "Test",
        "languages": ["en"],
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1,
        "description": {"en": "test"},
    }
    return tree + _EMPTY + _encoded(value) + _MARKER + _encoded(about)


def _encoded(value: Value) -> bytes:
    if isinstance(value, str):
        raw = value.encode()
        if len(raw) < 29:
            return bytes([2 << 5 | len(raw)]) + raw
        return bytes([2 << 5 | 29, len(raw) - 29]) + raw
    if isinstance(value, float):
        return bytes([3 << 5 | 8]) + struct.pack(">d", value)
    if isinstance(value, int):
        return bytes([6 << 5 | 4]) + value.to_bytes(4, "big")
    if isinstance(value, list):
        return bytes([len(value), 11 - 7]) + b"".join(map(_encoded, value))
    return bytes([7 << 5 | len(value)]) + b"".join(_encoded(key) + _encoded(each) for key, each in value.items())
