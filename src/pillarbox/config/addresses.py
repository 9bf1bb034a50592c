"""Addresses to listen at, as people write them: `127.0.0.1:9993`, `[::1]:993`, `*:993`, `mail.example.org:993`.

Must never: look a name up.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from pillarbox.net.settings import ListenAddress

_ADDRESS: Final = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^\[\]:\s]+)):(?P<port>[0-9]{1,5})", re.ASCII)


class AddressInvalid(ValueError):
    """Not HOST:PORT; the text says what is wrong, in plain English."""


def parse_address(text: str) -> ListenAddress:
    """Raises AddressInvalid."""
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise AddressInvalid(f'"{text}" is not HOST:PORT, such as 127.0.0.1:993, [::1]:993 or *:993')
    if found["v6"] is not None:
        try:
            ipaddress.IPv6Address(found["v6"])
        except ValueError as error:
            raise AddressInvalid(f'"{found["v6"]}" is not an IPv6 address') from error
    port = int(found["port"])
    if port > 65_535:
        raise AddressInvalid(f"there is no port {port}; the highest is 65535")
    return ListenAddress(found["v6"] or found["host"], port)


def format_address(address: ListenAddress) -> str:
    """What `parse_address` reads."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"
