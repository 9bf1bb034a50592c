"""What has to be shown for a challenge, laid down as files or handed to a program, and taken away again.

Must never: leave an answer behind; run a program for longer than its time.

RFC 8555 sections 8.3 (HTTP-01) and 8.4 (DNS-01), RFC 8737 section 3 (TLS-ALPN-01).
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from acme import challenges
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from josepy.jwk import JWK

from pillarbox.acme.folder import make_private, write_private
from pillarbox.acme.settings import AcmeSettings, Challenge
from pillarbox.acme.trouble import AcmeTrouble, plain
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.net.challenges import ChallengeFolder

_IDENTIFIER: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
"""RFC 8737 section 6.1: id-pe-acmeIdentifier."""


@challenges.ChallengeResponse.register
class _TlsAlpnAnswer(challenges.KeyAuthorizationChallengeResponse):
    """Says that the authority may look (the library has the other two)."""

    typ = Challenge.TLS_ALPN_01.value


@challenges.Challenge.register
class TlsAlpnChallenge(challenges.KeyAuthorizationChallenge):
    """RFC 8737 section 3: a type and a token, as the others."""

    typ = Challenge.TLS_ALPN_01.value
    response_cls = _TlsAlpnAnswer

    def validation(self, account_key: JWK, **_more: object) -> bytes:
        """The content of the certificate's acmeIdentifier."""
        return hashlib.sha256(self.key_authorization(account_key).encode()).digest()


@dataclass(frozen=True, slots=True)
class Proof:
    """What one challenge wants to see."""

    name: str
    """The host name, without `*.`."""
    token: str
    """base64url, as the authority sent it."""
    key_authorization: str
    """RFC 8555 section 8.1."""
    record: str
    """Of DNS-01: `_acme-challenge.` and the name."""
    text: str
    """Of that record."""


@contextmanager
def shown(
    proofs: Sequence[Proof], settings: AcmeSettings, folder: ChallengeFolder, clock: Clock, events: EventLog
) -> Iterator[None]:
    """The proofs can be looked at while this is entered. Raises AcmeTrouble, OSError."""
    if settings.challenge is Challenge.DNS_01:
        with _published(proofs, settings, events):
            yield
        return
    make_private(folder.path)
    for stale in folder.path.iterdir():
        stale.unlink(missing_ok=True)
    paths = []
    try:
        for proof in proofs:
            if settings.challenge is Challenge.HTTP_01:
                paths.append(folder.token_path(proof.token))
                write_private(paths[-1], proof.key_authorization.encode())
            else:
                paths.append(folder.certificate_path(proof.name))
                write_private(paths[-1], challenge_pem(proof, clock.now_seconds()))
        yield
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def challenge_pem(proof: Proof, now_seconds: float) -> bytes:
    """A key and the certificate that proves the name.

    Quote (RFC 8737 section 3): self-signed; a subjectAltName with the name as its only dNSName; a critical
    acmeIdentifier: Authorization ::= OCTET STRING (SIZE (32)), the SHA-256 digest of the key authorization.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ACME challenge")])
    now = datetime.fromtimestamp(now_seconds, UTC)
    digest = b"\x04\x20" + hashlib.sha256(proof.key_authorization.encode()).digest()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(proof.name)]), critical=False)
        .add_extension(x509.UnrecognizedExtension(_IDENTIFIER, digest), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret + certificate.public_bytes(serialization.Encoding.PEM)


@contextmanager
def _published(proofs: Sequence[Proof], settings: AcmeSettings, events: EventLog) -> Iterator[None]:
    if not settings.dns_hook:
        raise AcmeTrouble('acme.challenge = "dns-01" needs acme.dns_hook: the program that publishes the records')
    begun: list[Proof] = []
    try:
        for proof in proofs:
            begun.append(proof)
            _run_hook("present", proof, settings)
        time.sleep(settings.dns_wait_seconds)
        yield
    finally:
        for proof in begun:
            try:
                _run_hook("cleanup", proof, settings)
            except AcmeTrouble as trouble:
                events.warning("acme.cleanup_failed", record=proof.record, error=str(trouble))


def _run_hook(what: str, proof: Proof, settings: AcmeSettings) -> None:
    """Raises AcmeTrouble, with what the program said."""
    program = settings.dns_hook[0]
    environment = os.environ | {"ACME_DOMAIN": proof.name, "ACME_RECORD": proof.record, "ACME_TEXT": proof.text}
    with tempfile.TemporaryFile() as output:  # a pipe would have to be read while its writers' children live
        try:
            process = subprocess.Popen(
                [*settings.dns_hook, what, proof.record, proof.text],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise AcmeTrouble(f"acme.dns_hook: {program} can't be started: {error.strerror}") from error
        try:
            code = process.wait(settings.dns_hook_seconds)
        except subprocess.TimeoutExpired:
            ending = f"took longer than acme.dns_hook_seconds ({settings.dns_hook_seconds:g})"
        else:
            ending = f"ended with {code}" if code else ""
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if ending:
            output.seek(0)
            said = plain(output.read(4096).decode("utf-8", "replace")) or "nothing"
            raise AcmeTrouble(f"acme.dns_hook: {program} {what} {proof.record} {ending}; it said: {said}")
