"""What the server reads of a certificate by itself is what `cryptography` reads."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from pillarbox.net.leaf import read_leaf

NAMES = ("mail.example.org", "*.example.net", "192.0.2.1", "2001:db8::1")


def made(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey,
    algorithm: hashes.HashAlgorithm | None,
    names: tuple[str, ...] = NAMES,
    ends: datetime = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC),
    rsa_padding: padding.PSS | padding.PKCS1v15 | None = None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.org")])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority " + "x" * 40)] * 4)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2001, 1, 1, tzinfo=UTC))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    if names:
        general = [x509.IPAddress(ip_address(n)) if n[0] in "12" else x509.DNSName(n) for n in names]
        mixed = [x509.RFC822Name("postmaster@example.org"), *general]
        builder = builder.add_extension(x509.SubjectAlternativeName(mixed), critical=False)
    return builder.sign(key, algorithm, rsa_padding=rsa_padding)


EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    "make",
    [
        lambda: made(EC_KEY, hashes.SHA256()),
        lambda: made(EC_KEY, hashes.SHA384(), ()),
        lambda: made(EC_KEY, hashes.SHA3_256()),
        lambda: made(RSA_KEY, hashes.SHA512(), ends=datetime(2051, 1, 1, tzinfo=UTC)),
        lambda: made(RSA_KEY, hashes.SHA224(), ends=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        lambda: made(RSA_KEY, hashes.SHA384(), rsa_padding=padding.PSS(padding.MGF1(hashes.SHA384()), 48)),
        lambda: made(ed25519.Ed25519PrivateKey.generate(), None),
    ],
    ids=["ec", "without names", "sha-3", "rsa", "sha-224 for ever", "pss", "ed25519"],
)
def test_everything_is_read_as_cryptography_reads_it(make: Callable[[], x509.Certificate]) -> None:
    certificate = make()
    private = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    leaf = read_leaf(
        private + certificate.public_bytes(Encoding.PEM) + made(EC_KEY, hashes.SHA256()).tbs_certificate_bytes
    )
    der, algorithm = certificate.public_bytes(Encoding.DER), certificate.signature_hash_algorithm
    try:
        general = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(each.value) for each in general if not isinstance(each, x509.RFC822Name)]
    except x509.ExtensionNotFound:
        names = []
    assert leaf.der == der
    assert list(leaf.names) == names
    assert leaf.ends == certificate.not_valid_after_utc
    assert leaf.fingerprint == certificate.fingerprint(hashes.SHA256()).hex()
    assert certificate.subject.public_bytes().endswith(leaf.subject)
    assert certificate.issuer.public_bytes().endswith(leaf.issuer)
    expected = b"" if algorithm is None else hashlib.new(algorithm.name.replace("-", "_"), der).digest()
    assert leaf.end_point == expected


def test_what_is_no_certificate_is_refused_wherever_it_breaks_off() -> None:
    der = made(EC_KEY, hashes.SHA256()).public_bytes(Encoding.DER)
    key = EC_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    broken = [b"", key, b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"]
    pem = b"-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n"
    broken += [pem % base64.encodebytes(der[:size]) for size in range(1, len(der), 7)]
    broken += [pem % base64.encodebytes(der[:4] + bytes(len(der) - 4))]
    for each in broken:
        with pytest.raises(ValueError):
            read_leaf(each)
