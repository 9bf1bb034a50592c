"""People's certificates, good and bad, made by an authority of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

_DAY = timedelta(days=1)


class PeoplesAuthority:
    """Signs what a test wants."""

    def __init__(self, folder: Path, name: str = "People's authority", signer: PeoplesAuthority | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._now = datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        above, key = (subject, self._key) if signer is None else (signer.certificate.subject, signer._key)
        self.certificate = (
            self._begin(subject, above, self._key.public_key(), 30 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.path = folder / "authority.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        name: str,
        lasts: timedelta = _DAY,
        purpose: ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    ) -> tuple[x509.Certificate, Path]:
        """A person's certificate, and the file with it and its key. A negative time makes one that has ended."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = (
            self._begin(subject, self.certificate.subject, key.public_key(), lasts)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(name)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        path = self.folder / f"{made.serial_number:x}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + made.public_bytes(serialization.Encoding.PEM)
        )
        return made, path

    def revoke(self, *revoked: x509.Certificate) -> Path:
        """A file with the authority and its list of what it has revoked."""
        entries = [
            x509.RevokedCertificateBuilder().serial_number(one.serial_number).revocation_date(self._now).build()
            for one in revoked
        ]
        builder = x509.CertificateRevocationListBuilder(
            self.certificate.subject, self._now - _DAY, self._now + _DAY, revoked_certificates=entries
        )
        path = self.folder / "authority-and-revoked.pem"
        signed = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        path.write_bytes(self.path.read_bytes() + signed)
        return path

    def _begin(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lasts: timedelta
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - 40 * _DAY)
            .not_valid_after(self._now + lasts)
        )
