"""A ClientHello of any version with any suites, made by hand, and the server's answer, read by hand.

The TLS library of the machine refuses to speak what must be looked for (SSL 3.0, RC4, export keys); this speaks just
enough of it to learn whether the server would. Bytes in, bytes out.

Must never: go on after the ServerHello, or believe a length that it has not checked.

RFC 8446 sections 4.1, 4.2, 5.1 and appendix D; RFC 5246 section 7.4; RFC 6101 (SSL 3.0); RFC 6066 section 3 (SNI);
RFC 6962 section 3.3 (SCT); RFC 5746 section 3.3 (renegotiation SCSV).
"""

from __future__ import annotations

import enum
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pillarbox.check.trouble import NotTls, TlsFailed, protocol_of


class Version(enum.IntEnum):
    """Protocol versions as on the wire."""

    SSL3 = 0x0300
    TLS1_0 = 0x0301
    TLS1_1 = 0x0302
    TLS1_2 = 0x0303
    TLS1_3 = 0x0304

    @property
    def title(self) -> str:
        return "SSL 3.0" if self is Version.SSL3 else f"TLS 1.{self - 0x0301}"


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What the server chose. `has_sct` says that it sent certificate timestamps along (seen up to TLS 1.2)."""

    version: int
    suite: int
    has_sct: bool


class Refusal(enum.Enum):
    """How a server says no."""

    ALERT = "alert"
    HUNG_UP = "hung up"


_ALERT: Final = 21
_HANDSHAKE: Final = 22
_SERVER_HELLO: Final = 2
_LARGEST_RECORD: Final = 16_384 + 2_048
_RENEGOTIATION_SCSV: Final = 0x00FF
_SERVER_NAME: Final = 0
_GROUPS: Final = 10
_POINT_FORMATS: Final = 11
_SIGNATURES: Final = 13
_SCT: Final = 18
_SUPPORTED_VERSIONS: Final = 43
_KEY_SHARE: Final = 51
_X25519: Final = 0x001D
_ALL_GROUPS: Final = (_X25519, 0x0017, 0x0018, 0x0019, 0x001E, 0x0100, 0x0101, 0x0102, 0x0016, 0x0015, 0x0013)
_ALL_SIGNATURES: Final = (
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B, 0x0401, 0x0501, 0x0601,
    0x0402, 0x0502, 0x0602, 0x0303, 0x0301, 0x0302, 0x0203, 0x0201, 0x0202, 0x0101,
)  # fmt: skip


def client_hello(version: Version, suites: Sequence[int], name: str | None) -> bytes:
    """One record that offers exactly one protocol version, and `suites` in order of preference.

    `name` goes out as SNI. SSL 3.0 gets no extensions: its servers need not know any.
    """
    offered = [*suites] if version is Version.TLS1_3 else [*suites, _RENEGOTIATION_SCSV]
    extensions = b"" if version is Version.SSL3 else _vector(2, b"".join(_extensions(version, name)))
    body = b"".join(
        (
            _number(2, min(version, Version.TLS1_2)),
            os.urandom(32),
            # A session id makes TLS 1.3 look like a resumption to middleboxes (RFC 8446 appendix D.4).
            _vector(1, os.urandom(32) if version is Version.TLS1_3 else b""),
            _vector(2, b"".join(_number(2, code) for code in offered)),
            _vector(1, b"\0"),
            extensions,
        )
    )
    record_version = min(version, Version.TLS1_0)
    return bytes([_HANDSHAKE]) + _number(2, record_version) + _vector(2, b"\x01" + _vector(3, body))


def _extensions(version: Version, name: str | None) -> Iterator[bytes]:
    if name is not None:
        yield _extension(_SERVER_NAME, _vector(2, b"\0" + _vector(2, name.encode("ascii"))))
    yield _extension(_GROUPS, _vector(2, b"".join(_number(2, group) for group in _ALL_GROUPS)))
    yield _extension(_POINT_FORMATS, b"\x01\0")
    yield _extension(_SCT, b"")
    if version >= Version.TLS1_2:
        yield _extension(_SIGNATURES, _vector(2, b"".join(_number(2, each) for each in _ALL_SIGNATURES)))
    if version is Version.TLS1_3:
        yield _extension(_SUPPORTED_VERSIONS, _vector(1, _number(2, version)))
        # Any 32 bytes are a point of X25519; the handshake ends before its secret is needed.
        yield _extension(_KEY_SHARE, _vector(2, _number(2, _X25519) + _vector(2, os.urandom(32))))


def read_server_hello(data: bytes) -> ServerHello | Refusal | None:
    """The answer in all that was received so far; None when it is not complete.

    Raises NotTls when these bytes are not TLS, TlsFailed when they are broken TLS.
    """
    messages = bytearray()
    position = 0
    while len(data) - position >= 5:
        kind, size = data[position], int.from_bytes(data[position + 3 : position + 5], "big")
        if kind not in (_ALERT, _HANDSHAKE) or data[position + 1] != 3 or size > _LARGEST_RECORD:
            raise not_tls(data)
        if len(data) - position - 5 < size:
            return None
        body = data[position + 5 : position + 5 + size]
        if kind == _ALERT:
            if len(body) == 2 and body[0] == 1 and body[1] != 0:  # a warning; the ServerHello follows
                position += 5 + size
                continue
            return Refusal.ALERT
        messages += body
        if (answer := _first_message(bytes(messages))) is not None:
            return answer
        position += 5 + size
    if data and data[0] not in (_ALERT, _HANDSHAKE):
        raise not_tls(data)
    return None


def not_tls(data: bytes) -> NotTls:
    """Says what the other side speaks instead."""
    name = protocol_of(data)
    return NotTls(f"it speaks {name}, not TLS" if name else "it does not speak TLS", data)


def _first_message(messages: bytes) -> ServerHello | None:
    if len(messages) < 4:
        return None
    size = int.from_bytes(messages[1:4], "big")
    if messages[0] != _SERVER_HELLO or size > _LARGEST_RECORD:
        raise TlsFailed("its first TLS message is no ServerHello", "UNEXPECTED_MESSAGE")
    return _server_hello(messages[4 : 4 + size]) if len(messages) >= 4 + size else None


def _server_hello(body: bytes) -> ServerHello:
    """struct { ProtocolVersion legacy_version; Random random; opaque legacy_session_id_echo<0..32>;
    CipherSuite cipher_suite; uint8 legacy_compression_method = 0; Extension extensions<6..2^16-1>; } ServerHello;
    (RFC 8446 section 4.1.3). A HelloRetryRequest has the same shape and names a suite too.
    """
    if len(body) < 38 or len(body) < 38 + body[34]:
        raise TlsFailed("its ServerHello is cut short", "LENGTH_MISMATCH")
    after_session = 35 + body[34]
    version = int.from_bytes(body[0:2], "big")
    suite = int.from_bytes(body[after_session : after_session + 2], "big")
    has_sct = False
    for kind, value in _read_extensions(body[after_session + 3 :]):
        if kind == _SUPPORTED_VERSIONS and len(value) == 2:
            version = int.from_bytes(value, "big")
        has_sct |= kind == _SCT and bool(value)
    return ServerHello(version, suite, has_sct)


def _read_extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 2
    while position + 4 <= len(data):
        kind, size = int.from_bytes(data[position : position + 2], "big"), data[position + 2 : position + 4]
        start = position + 4
        position = start + int.from_bytes(size, "big")
        yield kind, data[start:position]


def _extension(kind: int, value: bytes) -> bytes:
    return _number(2, kind) + _vector(2, value)


def _vector(width: int, value: bytes) -> bytes:
    return _number(width, len(value)) + value


def _number(width: int, value: int) -> bytes:
    return value.to_bytes(width, "big")
