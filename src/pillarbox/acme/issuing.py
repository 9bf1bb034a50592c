"""One certificate, from the order to the folder that is served.

Must never: install a certificate that does not fit its key, lacks a name or is out of date.

RFC 8555 section 7.4.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from acme import messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pillarbox.acme.authority import Authority, certificate_identifier
from pillarbox.acme.folder import AcmeFolder, Issued
from pillarbox.acme.names import Wanted
from pillarbox.acme.proofs import Proof, shown
from pillarbox.acme.responder import answering
from pillarbox.acme.settings import LETS_ENCRYPT, LETS_ENCRYPT_STAGING, AcmeSettings
from pillarbox.acme.trouble import AcmeTrouble, plain
from pillarbox.clock import Clock
from pillarbox.events import EventLog

_CLOCKS_DISAGREE_SECONDS: Final = 86_400.0


class Reason(enum.Enum):
    """Why a certificate is revoked (RFC 5280 section 5.3.1; those that authorities take from its owner)."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key-compromise"
    SUPERSEDED = "superseded"
    CESSATION = "cessation"


_REASON_CODES: Final = {
    Reason.UNSPECIFIED: 0,
    Reason.KEY_COMPROMISE: 1,
    Reason.SUPERSEDED: 4,
    Reason.CESSATION: 5,
}


@dataclass(frozen=True, slots=True)
class Office:
    """Who asks for certificates, and where they go."""

    settings: AcmeSettings
    folder: AcmeFolder
    clock: Clock
    events: EventLog
    sockets: Sequence[socket.socket] = ()
    """Bound already, to answer at; none: they are bound when needed."""

    def authority(self) -> Authority:
        """The one that is set. Raises AcmeTrouble, OSError."""
        return Authority(self.settings, self.folder.accounts_path, self.clock)


def issue(office: Office, wanted: Wanted) -> Issued:
    """Get a certificate and have it served. Call with the folder locked. Raises AcmeTrouble, OSError."""
    authority = office.authority()
    authority.sign_in()
    key = ec.generate_private_key(ec.SECP256R1())
    before = office.folder.find(wanted.name)
    replaced = certificate_identifier(before.certificate) if before and authority.tells_when_to_renew else ""
    order = _proved(office, authority, wanted, authority.order(_request(key, wanted), wanted.names, replaced))
    chain = authority.certificate(order)
    _check(chain, key, wanted, office.clock.now_seconds())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    office.folder.install(wanted.name, chain, secret, office.clock.now_seconds())
    issued = office.folder.find(wanted.name)
    assert issued is not None
    return issued


def rehearse(office: Office, wanted: Wanted) -> str:
    """Prove the names and stop there: nothing is issued, nothing changes. Returns the directory that was asked: of
    Let's Encrypt the one for trying out. Raises AcmeTrouble, OSError."""
    settings = office.settings
    if settings.directory_url == LETS_ENCRYPT:
        settings = replace(settings, directory_url=LETS_ENCRYPT_STAGING)
    office = replace(office, settings=settings)
    authority = office.authority()
    authority.sign_in()
    key = ec.generate_private_key(ec.SECP256R1())
    _proved(office, authority, wanted, authority.order(_request(key, wanted), wanted.names, ""))
    return settings.directory_url


def revoke(office: Office, issued: Issued, reason: Reason) -> None:
    """Tell the world that a certificate counts no longer, and serve it no longer. Call with the folder locked.

    Raises AcmeTrouble, OSError; then all is as it was.
    """
    authority = office.authority()
    authority.sign_in()
    authority.revoke(issued.certificate, _REASON_CODES[reason])
    office.folder.remove(issued.name)


def _proved(
    office: Office, authority: Authority, wanted: Wanted, order: messages.OrderResource
) -> messages.OrderResource:
    """The order, when the authority has seen that the names are this server's."""
    pending = [each for each in order.authorizations if each.body.status == messages.STATUS_PENDING]
    challenges = [(each, _challenge(office.settings, each)) for each in pending]
    asked = {name.removeprefix("*.") for name in wanted.names}
    if strange := {str(each.body.identifier.value) for each in pending} - asked:
        raise AcmeTrouble(f"the authority wants other names proved: {plain(', '.join(sorted(strange)))}")
    proofs = [_proof(authority, each, challenge) for each, challenge in challenges]
    if not proofs:
        return authority.wait_for_proofs(order)
    settings, folder = office.settings, office.folder.challenges
    with shown(proofs, settings, folder, office.clock, office.events), answering(settings, office.sockets, folder):
        for _, challenge in challenges:
            authority.answer(challenge)
        return authority.wait_for_proofs(order)


def _challenge(settings: AcmeSettings, authorization: messages.AuthorizationResource) -> messages.ChallengeBody:
    for each in authorization.body.challenges:
        if each.chall.typ == settings.challenge.value:
            return each
    types = (getattr(each.chall, "jobj", {}).get("type", each.chall.typ) for each in authorization.body.challenges)
    offered = plain(", ".join(sorted(str(each) for each in types)))
    raise AcmeTrouble(
        f"the authority does not take {settings.challenge.value} for {authorization.body.identifier.value}, only "
        f"{offered}; set acme.challenge"
    )


def _proof(
    authority: Authority, authorization: messages.AuthorizationResource, challenge: messages.ChallengeBody
) -> Proof:
    name = str(authorization.body.identifier.value)
    chall = challenge.chall
    key_authorization = str(chall.key_authorization(authority.key))
    digest = hashlib.sha256(key_authorization.encode()).digest()
    text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return Proof(name, str(chall.encode("token")), key_authorization, f"_acme-challenge.{name}", text)


def _request(key: ec.EllipticCurvePrivateKey, wanted: Wanted) -> bytes:
    """A certificate signing request: the names are in subjectAltName only (RFC 9525)."""
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in wanted.names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _check(chain_pem: bytes, key: ec.EllipticCurvePrivateKey, wanted: Wanted, now_seconds: float) -> None:
    """Whether this is what was ordered. Raises AcmeTrouble."""
    try:
        certificate = x509.load_pem_x509_certificates(chain_pem)[0]
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, IndexError, x509.ExtensionNotFound) as error:
        raise AcmeTrouble("the authority sent something that is no certificate") from error
    lacking = set(wanted.names) - {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    if certificate.public_key() != key.public_key():
        raise AcmeTrouble("the authority sent a certificate for another key")
    if lacking:
        raise AcmeTrouble(f"the authority sent a certificate without {', '.join(sorted(lacking))}")
    if certificate.not_valid_after_utc.timestamp() <= now_seconds:
        raise AcmeTrouble("the authority sent a certificate that is over already; look at this machine's clock")
    if certificate.not_valid_before_utc.timestamp() > now_seconds + _CLOCKS_DISAGREE_SECONDS:
        raise AcmeTrouble("the authority sent a certificate that does not begin yet; look at this machine's clock")
