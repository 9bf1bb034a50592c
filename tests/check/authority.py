"""Certificates, good and deliberately bad, from an authority of the tests' own."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
_TIMESTAMPS = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key; `file` holds key and chain, as servers read them."""

    certificate: x509.Certificate
    key: Key
    file: Path


class Authority:
    """A root, made anew."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        self.folder = folder
        self.key: Key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = _build(name, self.key.public_key(), name, self.key, (), is_authority=True)
        self.file = folder / f"{name.replace(' ', '-')}.crt"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        *names: str,
        key: Key | None = None,
        begins: datetime.datetime = NOW - DAY,
        ends: datetime.datetime = NOW + 90 * DAY,
        chain: Sequence[x509.Certificate] = (),
        timestamps: int = 0,
    ) -> Issued:
        """For a server; `names` are DNS names and addresses."""
        own = key or ec.generate_private_key(ec.SECP256R1())
        issuer = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        certificate = _build(
            "server",
            own.public_key(),
            str(issuer),
            self.key,
            names,
            is_authority=False,
            begins=begins,
            ends=ends,
            timestamps=timestamps,
        )
        return _written(self.folder, own, (certificate, *chain))

    def intermediate(self, folder: Path) -> Authority:
        """An authority below this one."""
        below = Authority(folder, "Intermediate authority")
        below.certificate = _build(
            "Intermediate authority", below.key.public_key(), "Test authority", self.key, (), is_authority=True
        )
        return below


def timestamp_list(count: int) -> bytes:
    """SignedCertificateTimestampList of RFC 6962 section 3.3, with signatures of nobody."""
    one = b"\0" + bytes(32) + (1_700_000_000_000).to_bytes(8, "big") + b"\0\0" + b"\4\3\0\x40" + bytes(64)
    whole = (len(one).to_bytes(2, "big") + one) * count
    return len(whole).to_bytes(2, "big") + whole


def self_signed(folder: Path, *names: str) -> Issued:
    """Nobody vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _written(folder, key, (_build("alone", key.public_key(), "alone", key, names, is_authority=False),))


def rsa_key(bits: int) -> Key:
    return rsa.generate_private_key(65537, bits)


def _written(folder: Path, key: Key, chain: Sequence[x509.Certificate]) -> Issued:
    path = folder / f"{chain[0].serial_number:x}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        + b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain)
    )
    return Issued(chain[0], key, path)


def _build(
    subject: str,
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    issuer: str,
    signer: Key,
    names: Sequence[str],
    *,
    is_authority: bool,
    begins: datetime.datetime = NOW - DAY,
    ends: datetime.datetime = NOW + 90 * DAY,
    timestamps: int = 0,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), False)
    if timestamps:
        listed = timestamp_list(timestamps)
        value = b"\x04\x82" + len(listed).to_bytes(2, "big") + listed
        builder = builder.add_extension(x509.UnrecognizedExtension(_TIMESTAMPS, value), critical=False)
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
