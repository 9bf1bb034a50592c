"""EXTERNAL: which account a certificate stands for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pillarbox.auth.claims import VouchedClaim
from pillarbox.auth.external import ExternalMechanism, names_in
from pillarbox.auth.mechanisms import Mechanisms
from pillarbox.auth.sasl import Challenge, Failed, SaslFault
from pillarbox.auth.sasl_settings import CertificateName
from pillarbox.conversation import Peer

EITHER = CertificateName.EMAIL_OR_COMMON_NAME


def certificate(common_name: str, *addresses: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
    )
    if addresses:
        alternative = x509.SubjectAlternativeName([x509.RFC822Name(each) for each in addresses])
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("rule", "names"),
    [(EITHER, ("alice@example.org",)), (CertificateName.EMAIL, ("alice@example.org",)),
     (CertificateName.COMMON_NAME, ("root",))],
)  # fmt: skip
def test_the_rule_says_which_name_counts(rule: CertificateName, names: tuple[str, ...]) -> None:
    assert names_in(certificate("Root", "Alice@Example.org"), rule) == names


def test_the_common_name_counts_where_there_is_no_address() -> None:
    assert names_in(certificate("alice"), EITHER) == ("alice",)
    assert names_in(certificate("alice"), CertificateName.EMAIL) == ()
    assert names_in(certificate("Alice Liddell"), EITHER) == ()
    assert names_in(b"no certificate", EITHER) == ()


def test_an_empty_answer_means_the_name_of_the_certificate() -> None:
    mechanism = ExternalMechanism(certificate("alice"), EITHER)
    assert mechanism.start(None) == Challenge(b"")
    assert mechanism.respond(b"") == VouchedClaim("alice")
    assert ExternalMechanism(certificate("alice"), EITHER).start(b"Alice") == VouchedClaim("alice")


def test_with_several_names_the_client_says_which() -> None:
    shown = certificate("x", "alice@example.org", "postmaster@example.org")
    assert ExternalMechanism(shown, EITHER).start(b"") == Failed(SaslFault.UNCERTAIN)
    assert ExternalMechanism(shown, EITHER).start(b"postmaster@example.org") == VouchedClaim("postmaster@example.org")


@pytest.mark.parametrize(
    ("answer", "fault"),
    [(b"bob", SaslFault.AUTHZID_REFUSED), (b"a b", SaslFault.AUTHZID_REFUSED), (b"\xff", SaslFault.MALFORMED),
     (b"alice\0bob", SaslFault.MALFORMED)],
)  # fmt: skip
def test_nobody_acts_for_somebody_else(answer: bytes, fault: SaslFault) -> None:
    assert ExternalMechanism(certificate("alice"), EITHER).start(answer) == Failed(fault)


def test_it_is_offered_to_those_who_have_shown_a_certificate() -> None:
    offered = Mechanisms(certificates=EITHER)
    assert offered.names(Peer("192.0.2.7", 1, certificate=certificate("alice"))) == ["EXTERNAL", "PLAIN", "LOGIN"]
    assert offered.names(Peer("192.0.2.7", 1)) == ["PLAIN", "LOGIN"]
    assert Mechanisms().names(Peer("192.0.2.7", 1, certificate=certificate("alice"))) == ["PLAIN", "LOGIN"]
