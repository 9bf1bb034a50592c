"""The certificates that a server without certificates makes for itself on its first run.

A local authority that can vouch for this server's names only (critical name constraints), and a server certificate
signed by it. People trust the authority once; server certificates come and go under it.

Must never: let a private key be readable by others, not even for a moment; leave a folder half made (several
processes may start at once, and any of them may be killed); replace an authority that still fits.

RFC 5280 sections 4.2.1 and 4.2.1.10 (name constraints), RFC 9525 (names are in subjectAltName only).
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pillarbox.clock import Clock
from pillarbox.net.own import ALWAYS_NAMED, AUTHORITY, SERVER, LocalCertificates
from pillarbox.net.tls import CertificateFiles, CertificateUnusable

AUTHORITY_DAYS = 3652
"""Ten years: trusting it anew on every device is the costly part."""

SERVER_DAYS = 397
"""What Apple and the CA/Browser Forum accept at most (398), less one for clocks that disagree."""

BACKDATED = timedelta(hours=1)
"""Clients' clocks are slow sometimes."""

_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True)
class _Identity:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def ensure_certificates(folder: Path, names: Sequence[str], renew_days_left: int, clock: Clock) -> LocalCertificates:
    """The certificates in `folder` for `names` (DNS names and IP addresses), made or renewed where needed.

    A name that the authority may not vouch for makes a new authority. Any number of processes may call this at
    once; all get the same. Raises CertificateUnusable when a name is none, or a file is not what was put there.
    """
    wanted = tuple(dict.fromkeys((*names, *ALWAYS_NAMED)))
    general_names = [_general_name(name) for name in wanted]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority_path, authority_key_path = folder / AUTHORITY, folder / "authority.key"
    server_path = folder / SERVER
    now = datetime.fromtimestamp(clock.now_seconds(), UTC)
    soon = now + timedelta(days=renew_days_left)
    is_new = False
    with _locked(folder):
        authority = _read_certificate(authority_path)
        server = _read_certificate(server_path)
        vouches = authority is not None and _vouches(authority, general_names, soon)
        if authority is None or server is None or not (vouches and _serves(server, authority, general_names, soon)):
            signer = _load(authority_path, authority_key_path) if vouches else None
            if signer is None:
                is_new = True
                signer = _make_authority(general_names, wanted[0], now)
                _write(authority_key_path, _pem_key(signer.key), 0o600)
                _write(authority_path, _pem(signer.certificate), 0o644)
            made = _make_server(signer, general_names, now)
            authority = signer.certificate
            _write(server_path, _pem_key(made.key) + _pem(made.certificate) + _pem(authority), 0o600)
    return LocalCertificates(
        files=CertificateFiles(server_path, server_path),
        authority_path=authority_path,
        fingerprint=authority.fingerprint(hashes.SHA256()).hex(":").upper(),
        names=wanted,
        is_new_authority=is_new,
    )


# --- names ------------------------------------------------------------------------------------------


def _general_name(name: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        ascii_name = name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        ascii_name = ""
    labels = ascii_name.split(".")
    if not all(label and label.replace("-", "").replace("_", "").isalnum() for label in labels):
        raise CertificateUnusable(f"{name!r} is no host name and no IP address")
    return x509.DNSName(ascii_name)


def _subtree(name: x509.DNSName | x509.IPAddress) -> x509.DNSName | x509.IPAddress:
    """The same name as a constraint: an address becomes the network of that one address."""
    if isinstance(name, x509.DNSName):
        return name
    return x509.IPAddress(ipaddress.ip_network(str(name.value)))


# --- making -----------------------------------------------------------------------------------------


def _make_authority(names: Sequence[x509.DNSName | x509.IPAddress], label: str, now: datetime) -> _Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Pillarbox"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Pillarbox authority of {label}"[:64]),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now - BACKDATED + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.NameConstraints([_subtree(name) for name in names], None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _Identity(certificate, key)


def _key_usage(**allowed: bool) -> x509.KeyUsage:
    """Nothing but what is named."""
    return x509.KeyUsage(**(dict.fromkeys(_KEY_USAGES, False) | allowed))


def _make_server(authority: _Identity, names: Sequence[x509.DNSName | x509.IPAddress], now: datetime) -> _Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    signer = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    label = str(names[0].value)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, label[:64])]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now - BACKDATED + timedelta(days=SERVER_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return _Identity(certificate, key)


# --- judging what is there --------------------------------------------------------------------------


def _vouches(authority: x509.Certificate, names: Sequence[x509.DNSName | x509.IPAddress], soon: datetime) -> bool:
    """Whether the authority may sign for all the names, for longer than until `soon`."""
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    permitted = constraints.permitted_subtrees or []
    return authority.not_valid_after_utc > soon and all(_subtree(name) in permitted for name in names)


def _serves(
    server: x509.Certificate,
    authority: x509.Certificate,
    names: Sequence[x509.DNSName | x509.IPAddress],
    soon: datetime,
) -> bool:
    """Whether the server certificate is by this authority, for exactly the names, for longer than until `soon`."""
    try:
        server.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    has = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return server.not_valid_after_utc > soon and list(has) == list(names)


# --- files ------------------------------------------------------------------------------------------


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time; the kernel lets go when the process dies."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read_certificate(path: Path) -> x509.Certificate | None:
    """The first certificate of a file, or None when there is no file. Raises CertificateUnusable."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise CertificateUnusable(f"{path}: not a PEM certificate") from error
    except OSError as error:
        raise CertificateUnusable(f"{path}: {error.strerror}") from error


def _load(certificate_path: Path, key_path: Path) -> _Identity | None:
    """A pair that was written, or None when it is not there whole. Raises CertificateUnusable when unreadable."""
    certificate = _read_certificate(certificate_path)
    try:
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise CertificateUnusable(f"{key_path}: not a PEM key") from error
    except OSError as error:
        raise CertificateUnusable(f"{key_path}: {error.strerror}") from error
    if certificate is None or not isinstance(key, ec.EllipticCurvePrivateKey):
        return None
    if key.public_key() != certificate.public_key():
        return None  # killed between the two files: nobody has trusted this authority yet
    return _Identity(certificate, key)


def _write(path: Path, data: bytes, mode: int) -> None:
    """All of it or nothing, on disk when it returns, never readable more widely than `mode`."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
