"""Apple's profile: its keys, its signature, and that it holds no secret."""

from __future__ import annotations

import plistlib
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from pillarbox.clock import SystemClock
from pillarbox.net.certificates import ensure_certificates
from pillarbox.net.tls import CertificateFiles
from pillarbox.web.client_settings import parse_address
from pillarbox.web.mobileconfig import ProfileImpossible, mobileconfig, read_signer
from tests.web.sites import NASTY, RECEIVING_ONLY, SITE, PrivateKey, make_files

# From Apple's Device Management documentation: "Mail" (com.apple.mail.managed) and "TopLevel".
REQUIRED = {
    "EmailAccountType": str, "IncomingMailServerAuthentication": str, "IncomingMailServerHostName": str,
    "OutgoingMailServerAuthentication": str, "OutgoingMailServerHostName": str,
    "PayloadType": str, "PayloadVersion": int, "PayloadIdentifier": str, "PayloadUUID": str,
}  # fmt: skip
OPTIONAL = {
    "EmailAccountDescription": str, "EmailAccountName": str, "EmailAddress": str,
    "IncomingMailServerPortNumber": int, "IncomingMailServerUseSSL": bool, "IncomingMailServerUsername": str,
    "OutgoingMailServerPortNumber": int, "OutgoingMailServerUseSSL": bool, "OutgoingMailServerUsername": str,
    "OutgoingPasswordSameAsIncomingPassword": bool, "PayloadDisplayName": str,
}  # fmt: skip
TOP = {
    "PayloadType": str, "PayloadVersion": int, "PayloadIdentifier": str, "PayloadUUID": str, "PayloadContent": list,
    "PayloadDisplayName": str, "PayloadDescription": str, "PayloadOrganization": str, "PayloadRemovalDisallowed": bool,
}  # fmt: skip


def profile(text: str) -> bytes:
    address = parse_address(text)
    settings = SITE.of_address(address)
    assert settings is not None
    return mobileconfig(settings, address)


def verified(signed: bytes, authority: Path) -> subprocess.CompletedProcess[bytes]:
    """As a device does: the signature, and the chain to an authority it trusts."""
    command = ["openssl", "smime", "-verify", "-inform", "DER", "-CAfile", str(authority), "-purpose", "any", "-binary"]
    return subprocess.run(command, input=signed, capture_output=True, check=False)


@pytest.mark.parametrize("text", ["alice@example.org", *NASTY])
def test_the_profile_has_the_keys_that_apple_names(text: str) -> None:
    read: dict[str, Any] = plistlib.loads(profile(text))
    assert {key: type(value) for key, value in read.items()} == TOP
    (account,) = read["PayloadContent"]
    assert {key: type(value) for key, value in account.items()} == REQUIRED | OPTIONAL
    assert (read["PayloadType"], account["PayloadType"]) == ("Configuration", "com.apple.mail.managed")
    assert (account["EmailAccountType"], account["IncomingMailServerAuthentication"]) == (
        "EmailTypeIMAP", "EmailAuthPassword",
    )  # fmt: skip
    assert account["EmailAddress"] == text
    identifiers = {uuid.UUID(read["PayloadUUID"]), uuid.UUID(account["PayloadUUID"])}
    assert len(identifiers) == 2


def test_a_newer_profile_replaces_the_older_one_on_the_device() -> None:
    first, again, other = (plistlib.loads(profile(f"{name}@example.org")) for name in ("alice", "Alice", "bob"))
    assert (first["PayloadIdentifier"], first["PayloadUUID"]) == (again["PayloadIdentifier"], again["PayloadUUID"])
    assert first["PayloadIdentifier"] != other["PayloadIdentifier"]


def test_there_is_no_password_in_it() -> None:
    assert b"Password</key>" not in profile("alice@example.org").replace(b"SameAsIncomingPassword</key>", b"")


def test_without_a_server_for_sending_there_is_no_profile() -> None:
    address = parse_address("alice@example.org")
    settings = RECEIVING_ONLY.of_address(address)
    assert settings is not None
    with pytest.raises(ProfileImpossible, match="smtp_host"):
        mobileconfig(settings, address)


def test_openssl_verifies_the_signature_up_to_the_local_authority(tmp_path: Path) -> None:
    made = ensure_certificates(tmp_path / "c", ["mail.example.org"], 30, SystemClock())
    signer = read_signer(made.files)
    assert signer is not None
    document = profile("Ünïcødé <&>@example.org")
    done = verified(signer.sign(document), made.authority_path)
    assert (done.returncode, done.stdout) == (0, document), done.stderr
    assert b"PRIVATE KEY" not in signer.sign(document)


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)], ids=["P-384", "RSA"]
)
def test_an_operators_own_certificate_signs_as_well(tmp_path: Path, key: PrivateKey) -> None:
    files = make_files(tmp_path, key=key)
    signer = read_signer(files)
    assert signer is not None
    assert verified(signer.sign(profile("alice@example.org")), files.certificate_path).returncode == 0


def test_a_profile_that_was_changed_does_not_verify(tmp_path: Path) -> None:
    files = make_files(tmp_path)
    signer = read_signer(files)
    assert signer is not None
    changed = signer.sign(profile("alice@example.org")).replace(b"mail.example.org", b"evil.example.org", 1)
    assert verified(changed, files.certificate_path).returncode != 0


def test_a_key_that_can_not_sign_profiles_is_no_mistake(tmp_path: Path) -> None:
    files: CertificateFiles = make_files(tmp_path, key=ed25519.Ed25519PrivateKey.generate())
    assert read_signer(files) is None
