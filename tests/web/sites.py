"""Sites, people with difficult names, and certificates, for the tests of this room."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from pillarbox.net.tls import CertificateFiles
from pillarbox.web.client_settings import Endpoint, Site
from pillarbox.web.settings import LoginStyle, Security

SITE = Site(
    domains=("example.org", "xn--mnchen-3ya.example"),
    display_name="",
    imap=Endpoint("mail.example.org", 993, Security.TLS),
    smtp=Endpoint("smtp.example.org", 465, Security.TLS),
    login=LoginStyle.ADDRESS,
    web_host="mail.example.org",
    web_port=443,
)
STARTTLS = dataclasses.replace(
    SITE,
    display_name="Post & Söhne <\"' GmbH>",
    smtp=Endpoint("out.example.net", 587, Security.STARTTLS),
    login=LoginStyle.LOCAL_PART,
    imap=Endpoint("mail.example.org", 1993, Security.TLS),
    web_port=8443,
)
RECEIVING_ONLY = dataclasses.replace(SITE, smtp=None, web_port=None)

NASTY = (
    "<script>alert(1)</script>@example.org",
    "\"' onmouseover='alert(1)\"@example.org",
    "a&amp;b&c]]>@example.org",
    "%EMAILADDRESS%@example.org",
    "{{7*7}}{%if 1%}@example.org",
    "--><!--@example.org",
    "Ünïcødé-漢字-🐈@münchen.example",
    "a b@example.org",
    "<!ENTITY x SYSTEM 'file:'>@example.org",
)
"""Addresses that mean harm, or are only unusual. All of them are printable, so they are taken as they are."""

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def make_files(
    folder: Path,
    names: tuple[str, ...] = ("localhost",),
    key: PrivateKey | None = None,
    begins: timedelta = timedelta(days=-1),
    ends: timedelta = timedelta(days=90),
) -> CertificateFiles:
    """A certificate that signs itself, with its key."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    files = CertificateFiles(folder / "fullchain.pem", folder / "key.pem")
    files.certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    files.key_path.chmod(0o600)
    return files
