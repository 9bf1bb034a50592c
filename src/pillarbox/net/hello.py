"""Reads a TLS ClientHello for what Python's ssl module doesn't tell: the protocols offered by ALPN, and the name.

The ssl module lets a handshake without a common ALPN protocol succeed and hides what was offered, so the hello
is looked at (MSG_PEEK) before OpenSSL sees it. OpenSSL stays the only judge of everything else in it.

Must never: decide about TLS versions or suites, take more than `MAX_HELLO_BYTES`, or raise for any bytes.

RFC 8446 sections 4.1.2 and 5.1 (the same layout as RFC 5246), RFC 6066 section 3 (server_name), RFC 7301 (ALPN).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

MAX_HELLO_BYTES = 16 * 1024
"""Larger hellos are refused. With post-quantum key shares a hello has about 2 KiB; OpenSSL takes 128 KiB."""

NO_APPLICATION_PROTOCOL = bytes([21, 3, 3, 0, 2, 2, 120])
"""A whole TLS record: the fatal alert that RFC 7301 section 3.2 wants when no protocol fits."""

_HANDSHAKE_RECORD = 22
_CLIENT_HELLO = 1
_RECORD_HEADER_BYTES = 5
_MAX_RECORD_BYTES = 16 * 1024
_SERVER_NAME = 0
_ALPN = 16


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What is of interest in it."""

    protocols: tuple[bytes, ...] = ()
    """Offered by ALPN, most wanted first; empty when the client doesn't use ALPN."""
    server_name: str = ""


class Unreadable(enum.Enum):
    """Why there is no ClientHello."""

    INCOMPLETE = "incomplete"
    """So far it looks like one: more bytes are needed."""
    NOT_TLS = "not TLS"
    MALFORMED = "malformed ClientHello"


class _Short(Exception):
    """The bytes end before the field does."""


@dataclass(slots=True)
class _Cursor:
    """Reads the fields of a TLS structure, one after the other."""

    data: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.data):
            raise _Short
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def number(self, count: int) -> int:
        """An unsigned integer of `count` bytes."""
        return int.from_bytes(self.take(count), "big")

    def vector(self, length_bytes: int) -> _Cursor:
        """A variable-length vector with its length before it."""
        return _Cursor(self.take(self.number(length_bytes)))

    def __bool__(self) -> bool:
        return self.at < len(self.data)


def read_client_hello(data: bytes) -> ClientHello | Unreadable:
    """The ClientHello at the start of a connection, of which `data` are the first bytes."""
    message = _handshake_message(data)
    if isinstance(message, Unreadable):
        return message
    try:
        return _parse(_Cursor(message))
    except _Short:
        return Unreadable.MALFORMED


def _handshake_message(data: bytes) -> bytes | Unreadable:
    """The body of the first handshake message, which may be spread over several records.

    Quote (RFC 8446 section 5.1): struct { ContentType type; ProtocolVersion legacy_record_version;
    uint16 length; opaque fragment[TLSPlaintext.length]; } TLSPlaintext;
    """
    message = bytearray()
    at = 0
    while True:
        header = data[at : at + _RECORD_HEADER_BYTES]
        if header[:1] not in (b"", bytes([_HANDSHAKE_RECORD])) or header[1:2] not in (b"", b"\x03"):
            return Unreadable.NOT_TLS if at == 0 else Unreadable.MALFORMED
        if len(header) < _RECORD_HEADER_BYTES:
            return Unreadable.INCOMPLETE
        size = int.from_bytes(header[3:], "big")
        if not 1 <= size <= _MAX_RECORD_BYTES:
            return Unreadable.MALFORMED
        message += data[at + _RECORD_HEADER_BYTES : at + _RECORD_HEADER_BYTES + size]
        at += _RECORD_HEADER_BYTES + size
        if message[:1] not in (b"", bytes([_CLIENT_HELLO])):
            return Unreadable.MALFORMED
        if len(message) >= 4:
            length = int.from_bytes(message[1:4], "big")
            if length > MAX_HELLO_BYTES:
                return Unreadable.MALFORMED
            if len(message) >= 4 + length:
                return bytes(message[4 : 4 + length])


def _parse(hello: _Cursor) -> ClientHello:
    """Quote (RFC 8446 section 4.1.2): struct { ProtocolVersion legacy_version; Random random;
    opaque legacy_session_id<0..32>; CipherSuite cipher_suites<2..2^16-2>;
    opaque legacy_compression_methods<1..2^8-1>; Extension extensions<8..2^16-1>; } ClientHello;
    """
    hello.take(2 + 32)
    hello.vector(1)
    hello.vector(2)
    hello.vector(1)
    if not hello:
        return ClientHello()  # TLS 1.2 allows a hello without extensions
    protocols: tuple[bytes, ...] = ()
    server_name = ""
    extensions = hello.vector(2)
    while extensions:
        kind = extensions.number(2)
        content = extensions.vector(2)
        if kind == _ALPN:
            protocols = _protocols(content)
        elif kind == _SERVER_NAME:
            server_name = _server_name(content)
    return ClientHello(protocols, server_name)


def _protocols(content: _Cursor) -> tuple[bytes, ...]:
    """Quote (RFC 7301 section 3.1): opaque ProtocolName<1..2^8-1>;
    struct { ProtocolName protocol_name_list<2..2^16-1> } ProtocolNameList;
    """
    names = content.vector(2)
    found = []
    while names:
        found.append(names.vector(1).data)
    return tuple(found)


def _server_name(content: _Cursor) -> str:
    """The first host_name of RFC 6066 section 3, or "" when it is not plain ASCII."""
    names = content.vector(2)
    while names:
        kind = names.number(1)
        name = names.vector(2).data
        if kind == 0:
            return name.decode("ascii").lower() if name.isascii() and name.decode("ascii").isprintable() else ""
    return ""
