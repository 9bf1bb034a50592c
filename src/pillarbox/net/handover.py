"""Listening sockets that systemd opened for us (socket activation, sd_listen_fds(3)): then no root and no capability is
needed for ports below 1024, and connections wait while the server starts anew.

The settings stay the truth: what `listen` names is served, with the socket that was handed over for it when there is
one. What was handed over and is in no setting is a mistake that somebody should hear of.

Must never: be asked after the first fork; close or serve a descriptor that is not ours.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import Final

_FIRST: Final = 3
"""SD_LISTEN_FDS_START."""
_MOST: Final = 256


def handed_over(host: str, port: int) -> socket.socket | None:
    """The listening socket for an address (`*` is every one of IPv6 and IPv4), once; None when there is none."""
    for descriptor in _waiting():
        found = socket.socket(fileno=descriptor)
        if _fits(found, host, port):
            found.set_inheritable(False)
            found.setblocking(False)
            return found
        found.detach()
    return None


def left_over() -> list[str]:
    """What was handed over and nobody asked for, closed now; none is told twice."""
    names = []
    for descriptor in _waiting():
        with socket.socket(fileno=descriptor) as unused:
            names.append(_name(unused))
    for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    return names


def _waiting() -> list[int]:
    """Descriptors that were handed over and not taken yet: they alone are still inheritable."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = os.environ.get("LISTEN_FDS", "")
    if not count.isdecimal() or len(count) > 3:
        return []
    waiting = []
    for descriptor in range(_FIRST, _FIRST + min(int(count), _MOST)):
        try:
            if os.get_inheritable(descriptor):
                waiting.append(descriptor)
        except OSError:
            continue
    return waiting


def _fits(found: socket.socket, host: str, port: int) -> bool:
    if found.family not in (socket.AF_INET, socket.AF_INET6) or found.type != socket.SOCK_STREAM:
        return False
    if not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return False
    name = found.getsockname()
    wanted = ipaddress.ip_address(("::" if found.family == socket.AF_INET6 else "0.0.0.0") if host == "*" else host)  # noqa: S104
    return int(name[1]) == port and ipaddress.ip_address(str(name[0])) == wanted


def _name(unused: socket.socket) -> str:
    name = unused.getsockname()
    return str(name) if isinstance(name, str) else f"{name[0]}:{name[1]}"
