"""Apple's configuration profile for iPhone, iPad and Mac: one mail account, signed with the server's certificate.

The profile holds no password: the device asks for it while installing.

Must never: write a private key or a password into a document.

Apple Device Management, payload com.apple.mail.managed; RFC 5652 (the signature, as PKCS #7 SignedData).
"""

from __future__ import annotations

import plistlib
import uuid
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from pillarbox.net.tls import CertificateFiles, CertificateUnusable
from pillarbox.web.client_settings import Address, ClientSettings, Endpoint

MEDIA_TYPE: Final = "application/x-apple-aspen-config"
_NAMESPACE: Final = uuid.UUID("6c0f6d0c-3a53-5cf7-9a3e-6f6e8a6d2b11")
"""Ours: the same address gets the same UUIDs, so a newer profile replaces the older one on the device."""


class ProfileImpossible(Exception):
    """Apple's profile can't be made; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class ProfileSigner:
    """Signs with the key that TLS uses, so that devices show the server's name as the author."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...]

    def sign(self, profile: bytes) -> bytes:
        """The profile within a DER SignedData."""
        builder = pkcs7.PKCS7SignatureBuilder().set_data(profile)
        builder = builder.add_signer(self.certificate, self.key, hashes.SHA256())
        for each in self.chain:
            builder = builder.add_certificate(each)
        return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


def read_signer(files: CertificateFiles) -> ProfileSigner | None:
    """The signer of the files that TLS uses; None for a kind of key that PKCS #7 can't use here, such as Ed25519.

    Raises CertificateUnusable.
    """
    try:
        certificate, *chain = x509.load_pem_x509_certificates(files.certificate_path.read_bytes())
        key = serialization.load_pem_private_key(files.key_path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise CertificateUnusable(f"{files.certificate_path} with key {files.key_path}: not PEM") from error
    except OSError as error:
        raise CertificateUnusable(f"{error.filename}: {error.strerror}") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        return None
    return ProfileSigner(certificate, key, tuple(chain))


def mobileconfig(settings: ClientSettings, address: Address) -> bytes:
    """The profile for one address, as an XML property list, not signed. Raises ProfileImpossible without SMTP."""
    if settings.smtp is None:
        raise ProfileImpossible("Apple's profiles need a server for sending: set client_setup.smtp_host")
    person = address.text.casefold()
    name = settings.user_name(address)
    identifier = ".".join(reversed(settings.domain.split("."))) + ".mail." + _uuid(person, "account").lower()
    account = {
        "PayloadType": "com.apple.mail.managed",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{identifier}.account",
        "PayloadUUID": _uuid(person, "account"),
        "PayloadDisplayName": settings.display_name,
        "EmailAccountDescription": settings.display_name,
        "EmailAccountName": address.text,
        "EmailAccountType": "EmailTypeIMAP",
        "EmailAddress": address.text,
        **_server("Incoming", settings.imap, name),
        **_server("Outgoing", settings.smtp, name),
        "OutgoingPasswordSameAsIncomingPassword": True,
    }
    profile = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": identifier,
        "PayloadUUID": _uuid(person, "profile"),
        "PayloadDisplayName": settings.display_name,
        "PayloadDescription": f"Sets up mail for {address.text}. The password is asked for while installing.",
        "PayloadOrganization": settings.domain,
        "PayloadRemovalDisallowed": False,
        "PayloadContent": [account],
    }
    return plistlib.dumps(profile)


def _server(direction: str, endpoint: Endpoint, user_name: str) -> dict[str, str | int | bool]:
    """Apple has one word for implicit TLS and STARTTLS: UseSSL; the device finds out which by the port."""
    return {
        f"{direction}MailServerAuthentication": "EmailAuthPassword",
        f"{direction}MailServerHostName": endpoint.host,
        f"{direction}MailServerPortNumber": endpoint.port,
        f"{direction}MailServerUseSSL": True,
        f"{direction}MailServerUsername": user_name,
    }


def _uuid(person: str, what: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{what} {person}")).upper()
