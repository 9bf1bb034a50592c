"""The PROXY protocol: a load balancer tells in front of everything else whose connection it passes on.

Versions 1 (a line of text) and 2 (binary), as HAProxy's document "The PROXY protocol" (2020/03/05) has them. Whether
a connection begins so is a matter of where it comes from, never of what it holds: who is not named as a proxy is
refused when it sends a header, or anybody could come from any address.

Must never: take more than `MAX_HEADER_BYTES`, guess, or raise for any bytes.
"""

from __future__ import annotations

import asyncio
import enum
import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MAX_HEADER_BYTES: Final = 4096
"""Version 2 with all extras of HAProxy and its likes has some hundred; a client's certificate among them 1-2 KiB."""

UNNAMED_PROXY: Final = "PROXY header from an address that proxy_from does not name"
"""Why a connection is ended that begins with one unasked."""

_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_LINE_BEGINS: Final = b"PROXY "
_LINE_BYTES: Final = 107
"""Section 2.1: the longest line, CRLF included."""
_LINE: Final = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?|(TCP4|TCP6) ([0-9a-fA-F.:]{2,45}) ([0-9a-fA-F.:]{2,45})"
    rb" (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4}))\r\n"
)
_HEAD_BYTES: Final = 16
_LOCAL, _PROXY = 0x20, 0x21
_WITHOUT_ADDRESS: Final = frozenset({0x00, 0x31})
"""Unknown, and Unix sockets: such a connection counts as the proxy's own."""
_ADDRESS_BYTES: Final = {0x11: 4, 0x21: 16}
"""TCP over IPv4 and IPv6: how long an address is."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What a header says."""

    size_bytes: int
    """So many bytes of the connection are the header."""
    address: str = ""
    """The client's; empty when the connection is the proxy's own (a health check) or the proxy doesn't know."""
    port: int = 0


class NoHeader(enum.Enum):
    """Why there is none."""

    INCOMPLETE = "incomplete PROXY header"
    """So far it looks like one: more bytes are needed."""
    ABSENT = "no PROXY header from a proxy"
    MALFORMED = "malformed PROXY header"


def begins_header(data: bytes) -> bool:
    """Whether a connection that begins so sends a header."""
    return data.startswith((_LINE_BEGINS, _SIGNATURE))


def read_header(data: bytes) -> ProxyHeader | NoHeader:
    """The header at the start of a connection, of which `data` are the first bytes."""
    if data.startswith(_SIGNATURE):
        return _read_binary(data)
    if data.startswith(_LINE_BEGINS):
        return _read_line(data)
    begun = _LINE_BEGINS.startswith(data) or _SIGNATURE.startswith(data)
    return NoHeader.INCOMPLETE if begun else NoHeader.ABSENT


def _read_line(data: bytes) -> ProxyHeader | NoHeader:
    """Quote (section 2.1): PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535 CRLF"""
    end = data.find(b"\n", 0, _LINE_BYTES)
    if end < 0:
        return NoHeader.INCOMPLETE if len(data) < _LINE_BYTES else NoHeader.MALFORMED
    found = _LINE.fullmatch(data, 0, end + 1)
    if found is None:
        return NoHeader.MALFORMED
    if found[1] is None:
        return ProxyHeader(end + 1)
    try:
        kind = ipaddress.IPv4Address if found[1] == b"TCP4" else ipaddress.IPv6Address
        source, _ = kind(found[2].decode("ascii")), kind(found[3].decode("ascii"))
    except ValueError:
        return NoHeader.MALFORMED
    if max(int(found[4]), int(found[5])) > 0xFFFF:
        return NoHeader.MALFORMED
    return ProxyHeader(end + 1, _plain(source), int(found[4]))


def _read_binary(data: bytes) -> ProxyHeader | NoHeader:
    """Quote (section 2.2): struct proxy_hdr_v2 { uint8_t sig[12]; uint8_t ver_cmd; uint8_t fam; uint16_t len; };
    then source address, destination address, source port, destination port, and TLVs, which are passed over.
    """
    if len(data) < _HEAD_BYTES:
        return NoHeader.INCOMPLETE
    command, family = data[12], data[13]
    size = _HEAD_BYTES + int.from_bytes(data[14:16], "big")
    if command not in (_LOCAL, _PROXY) or size > MAX_HEADER_BYTES:
        return NoHeader.MALFORMED
    if len(data) < size:
        return NoHeader.INCOMPLETE
    if command == _LOCAL or family in _WITHOUT_ADDRESS:
        return ProxyHeader(size)
    length = _ADDRESS_BYTES.get(family, 0)
    if not length or size < _HEAD_BYTES + 2 * length + 4:
        return NoHeader.MALFORMED
    source = ipaddress.ip_address(data[_HEAD_BYTES : _HEAD_BYTES + length])
    port_at = _HEAD_BYTES + 2 * length
    return ProxyHeader(size, _plain(source), int.from_bytes(data[port_at : port_at + 2], "big"))


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """IPv4 as IPv4, also when it is written as IPv6."""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


async def announced(accepted: socket.socket) -> ProxyHeader:
    """The header of a connection, read off it. Raises ConnectionError when there is none."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[ProxyHeader | str] = loop.create_future()
    reader = HeaderReader(loop, accepted, found.set_result)
    try:
        header = await found
    finally:
        reader.stop()
    if isinstance(header, str):
        raise ConnectionError(header)
    return header


class HeaderReader:
    """Reads the header of one connection and not a byte more; then it is done with it."""

    __slots__ = ("_buffer", "_done", "_fd", "_loop", "_peeked_bytes", "_socket")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        accepted: socket.socket,
        done: Callable[[ProxyHeader | str], None],
    ) -> None:
        """`accepted` is non-blocking. `done` is called once, with the header, or with why there is none."""
        self._loop = loop
        self._socket = accepted
        self._fd = accepted.fileno()
        self._done = done
        self._buffer = bytearray(MAX_HEADER_BYTES)
        self._peeked_bytes = 0
        loop.add_reader(self._fd, self._on_ready)

    def stop(self) -> None:
        """Read no more; `done` is not called any more."""
        self._loop.remove_reader(self._fd)

    def _on_ready(self) -> None:
        found: ProxyHeader | str | None
        try:
            found = self._look()
        except BlockingIOError:
            return
        except OSError as error:
            found = f"lost before TLS: {error.strerror}"
        if found is not None:
            self.stop()
            self._done(found)

    def _look(self) -> ProxyHeader | str | None:
        """None: wait for more."""
        count = self._socket.recv_into(self._buffer, 0, socket.MSG_PEEK)
        found = read_header(bytes(self._buffer[:count]))
        if isinstance(found, ProxyHeader):
            self._socket.recv_into(self._buffer, found.size_bytes)
            if self._peeked_bytes:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            return found
        if found is not NoHeader.INCOMPLETE:
            return str(found.value)
        if count == self._peeked_bytes:  # readiness without a byte more than before is the end of the input
            return str(found.value) if count else "client closed before TLS"
        # What was peeked at stays readable: wait for one byte more, or the loop would spin.
        self._peeked_bytes = count
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count + 1)
        return None
