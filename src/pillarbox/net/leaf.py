"""What a server has to know of a certificate that it shows: for whom it holds and until when, without a library that
takes 8 MB of every process to find out.

These are the operator's own files, which OpenSSL reads as well before they are shown. What strangers send (client
certificates) is none of this module's.

Must never: judge a signature; go on reading where lengths don't fit.

RFC 5280 section 4.1 (certificates), 4.2.1.6 (names); RFC 5929 section 4.1 (the hash of a channel binding); X.690.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_PEM: Final = re.compile(rb"-----BEGIN (X509 )?CERTIFICATE-----(.+?)-----END (?:X509 )?CERTIFICATE-----", re.DOTALL)
_SEQUENCE: Final = 0x30
_UTC_TIME: Final = 0x17
_VERSION: Final = 0xA0
_EXTENSIONS: Final = 0xA3
_DNS_NAME: Final = 0x82
_IP_ADDRESS: Final = 0x87
_SUBJECT_ALTERNATIVE_NAME: Final = bytes.fromhex("551d11")
_PSS: Final = bytes.fromhex("2a864886f70d01010a")
"""RSASSA-PSS: its hash is a parameter (RFC 4055 section 3.1)."""
_HASHES: Final = {
    bytes.fromhex(identifier): name
    for name, identifiers in {
        "sha224": "2a864886f70d01010e 2a8648ce3d040301 608648016503040301 608648016503040204",
        "sha256": "2a864886f70d01010b 2a8648ce3d040302 608648016503040302 608648016503040201",
        "sha384": "2a864886f70d01010c 2a8648ce3d040303 608648016503040303 608648016503040202",
        "sha512": "2a864886f70d01010d 2a8648ce3d040304 608648016503040304 608648016503040203",
        "sha3_224": "608648016503040309 60864801650304030d",
        "sha3_256": "60864801650304030a 60864801650304030e",
        "sha3_384": "60864801650304030b 60864801650304030f",
        "sha3_512": "60864801650304030c 608648016503040310",
        "sha1": "2a864886f70d010105 2a8648ce3d0401 2a8648ce380403 2b0e03021a",
        "md5": "2a864886f70d010104",
    }.items()
    for identifier in identifiers.split()
}
"""Of signatures with RSA, ECDSA and DSA (RFC 3279, 5758, 8692), and of hashes alone, by object identifier."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One certificate."""

    der: bytes
    names: tuple[str, ...]
    """DNS names and IP addresses (section 4.2.1.6), as they stand there."""
    ends_seconds: float
    issuer: bytes
    subject: bytes
    """Both DER."""
    hash_name: str
    """Of the signature, for hashlib; empty for signatures without one (Ed25519)."""

    @property
    def ends(self) -> datetime:
        return datetime.fromtimestamp(self.ends_seconds, UTC)

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal digits."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def end_point(self) -> bytes:
        """The channel binding tls-server-end-point; empty where RFC 5929 leaves it undefined."""
        name = "sha256" if self.hash_name in ("md5", "sha1") else self.hash_name
        return hashlib.new(name, self.der).digest() if name else b""


def read_leaf(pem: bytes) -> Leaf:
    """The first certificate of a PEM file. Raises ValueError."""
    found = _PEM.search(pem)
    if found is None:
        raise ValueError("no certificate")
    der = base64.b64decode(b"".join(found[2].split()), validate=True)
    try:
        return _leaf(der)
    except (IndexError, StopIteration) as error:
        raise ValueError("not a certificate") from error


def _leaf(der: bytes) -> Leaf:
    """Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }"""
    outside, whole = next(_elements(der))
    to_be_signed, signature, _ = _elements(_is(_SEQUENCE, outside, whole))
    fields = [each for each in _elements(to_be_signed[1]) if each[0] != _VERSION]
    _serial, _signature, issuer, validity, subject, _key, *rest = fields
    _, (kind, text) = _elements(validity[1])
    extensions = next((value for tag, value in rest if tag == _EXTENSIONS), b"")
    return Leaf(der, tuple(_names(extensions)), _seconds(kind, text), issuer[1], subject[1], _hash_name(signature[1]))


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tags and contents of what is written one behind the other (X.690 section 8.1). Raises ValueError, IndexError."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length >= 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size]), at + size
        if at + length > len(data):
            raise ValueError("cut off")
        yield tag, data[at : at + length]
        at += length


def _is(wanted: int, tag: int, value: bytes) -> bytes:
    if tag != wanted:
        raise ValueError("something else was expected")
    return value


def _names(extensions: bytes) -> Iterator[str]:
    """Extensions ::= SEQUENCE OF SEQUENCE { extnID, critical DEFAULT FALSE, extnValue OCTET STRING }"""
    for _, all_of_them in _elements(extensions):
        for _, extension in _elements(all_of_them):
            (_, identifier), *_, (_, value) = _elements(extension)
            if identifier != _SUBJECT_ALTERNATIVE_NAME:
                continue
            for tag, name in _elements(next(_elements(value))[1]):
                if tag == _DNS_NAME:
                    yield name.decode("ascii")
                elif tag == _IP_ADDRESS:
                    yield str(ipaddress.ip_address(name))


def _seconds(kind: int, text: bytes) -> float:
    """UTCTime YYMMDDHHMMSSZ, of which 50 to 99 are of 1950 to 1999, or GeneralizedTime (section 4.1.2.5)."""
    digits = text.decode("ascii")
    if kind == _UTC_TIME:
        digits = ("19" if digits >= "5" else "20") + digits
    return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _hash_name(algorithm: bytes) -> str:
    """AlgorithmIdentifier ::= SEQUENCE { algorithm, parameters OPTIONAL }"""
    (_, identifier), *parameters = _elements(algorithm)
    if identifier != _PSS:
        return _HASHES.get(identifier, "")
    of_hash = [value for tag, value in _elements(parameters[0][1]) if tag == _VERSION]  # [0] too
    if not of_hash:
        return "sha1"  # the default
    return _HASHES.get(next(_elements(next(_elements(of_hash[0]))[1]))[1], "")
