"""The certificates of the first run, judged by OpenSSL, curl and Python."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import multiprocessing
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pillarbox.clock import HeldClock, SystemClock
from pillarbox.net.certificates import LocalCertificates, ensure_certificates
from pillarbox.net.tls import CertificateUnusable
from pillarbox.net.trust import trust_advice
from tests.net.conftest import Serving

NAMES = ("mail.example.org", "192.0.2.7")


def make(folder: Path, names: tuple[str, ...] = NAMES, clock: HeldClock | None = None) -> LocalCertificates:
    return ensure_certificates(folder, names, 30, clock or SystemClock())


def openssl_verify(certificates: LocalCertificates, server: Path, *options: str) -> tuple[int, str]:
    done = subprocess.run(
        [
            *("openssl", "verify", "-x509_strict", "-purpose", "sslserver"),
            *("-CAfile", certificates.authority_path, *options, server),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_openssl_verifies_strictly_for_every_name(tmp_path: Path) -> None:
    made = make(tmp_path)
    for options in (
        ("-verify_hostname", "mail.example.org"),
        ("-verify_hostname", "localhost"),
        ("-verify_ip", "192.0.2.7"),
        ("-verify_ip", "127.0.0.1"),
        ("-verify_ip", "::1"),
    ):
        assert openssl_verify(made, made.files.certificate_path, *options)[0] == 0
    status, said = openssl_verify(made, made.files.certificate_path, "-verify_hostname", "other.example.org")
    assert (status, "hostname mismatch" in said) == (2, True)


@pytest.mark.parametrize("name", [x509.DNSName("bank.example"), x509.IPAddress(ipaddress.ip_address("198.51.100.1"))])
def test_the_authority_can_not_vouch_for_a_foreign_name(tmp_path: Path, name: x509.GeneralName) -> None:
    made = make(tmp_path)
    forged = tmp_path / "forged.pem"
    forged.write_bytes(signed_by_authority(tmp_path, name))
    status, said = openssl_verify(made, forged)
    assert (status, "permitted subtree violation" in said) == (2, True)


def test_what_a_stolen_authority_key_can_sign_for_the_own_name_would_verify(tmp_path: Path) -> None:
    """The counterpart of the test above: it is the name alone that is refused there."""
    made = make(tmp_path)
    signed = tmp_path / "signed.pem"
    signed.write_bytes(signed_by_authority(tmp_path, x509.DNSName("mail.example.org")))
    assert openssl_verify(made, signed)[0] == 0


def signed_by_authority(folder: Path, name: x509.GeneralName) -> bytes:
    authority = x509.load_pem_x509_certificate((folder / "authority.crt").read_bytes())
    authority_key = serialization.load_pem_private_key((folder / "authority.key").read_bytes(), None)
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    signer = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "forged")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(hours=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(x509.SubjectAlternativeName([name]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer), False)
        .sign(authority_key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def test_the_authority_is_limited_as_promised(tmp_path: Path) -> None:
    certificate = x509.load_pem_x509_certificate(make(tmp_path).authority_path.read_bytes())
    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert {str(name.value) for name in constraints.value.permitted_subtrees or ()} == {
        *("mail.example.org", "192.0.2.7/32", "localhost", "127.0.0.1/32", "::1/128")
    }
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    years = (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days / 365.25
    assert 9.9 < years < 10.1


def test_the_server_certificate_is_what_clients_accept(tmp_path: Path) -> None:
    certificate = x509.load_pem_x509_certificate(make(tmp_path).files.certificate_path.read_bytes())
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=397)
    uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [x509.ExtendedKeyUsageOID.SERVER_AUTH]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == [*NAMES, "localhost", "127.0.0.1", "::1"]


def test_keys_and_folder_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    make(folder)
    assert oct(folder.stat().st_mode & 0o777) == "0o700"
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()}
    assert modes == {"authority.crt": "0o644", "authority.key": "0o600", "server.pem": "0o600", ".lock": "0o600"}


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    first = make(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    second = make(tmp_path)
    assert (first.is_new_authority, second.is_new_authority) == (True, False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert second.fingerprint == first.fingerprint


def test_the_server_certificate_is_renewed_in_time_under_the_same_authority(tmp_path: Path) -> None:
    clock = HeldClock()
    first = make(tmp_path, clock=clock)
    server = first.files.certificate_path.read_bytes()
    clock.advance(366 * 86400)
    make(tmp_path, clock=clock)
    assert first.files.certificate_path.read_bytes() == server
    clock.advance(2 * 86400)
    renewed = make(tmp_path, clock=clock)
    assert renewed.fingerprint == first.fingerprint
    assert not renewed.is_new_authority
    assert first.files.certificate_path.read_bytes() != server


def test_fewer_names_need_no_new_authority_and_more_names_do(tmp_path: Path) -> None:
    first = make(tmp_path)
    fewer = make(tmp_path, ("mail.example.org",))
    assert (fewer.is_new_authority, fewer.fingerprint) == (False, first.fingerprint)
    more = make(tmp_path, (*NAMES, "imap.example.org"))
    assert more.is_new_authority
    assert openssl_verify(more, more.files.certificate_path, "-verify_hostname", "imap.example.org")[0] == 0


def test_the_key_of_the_authority_may_be_kept_elsewhere_until_it_is_needed(tmp_path: Path) -> None:
    first = make(tmp_path)
    (tmp_path / "authority.key").unlink()
    second = make(tmp_path)
    assert (second.is_new_authority, second.fingerprint) == (False, first.fingerprint)


def test_a_start_that_was_killed_between_two_files_is_mended(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "authority.crt").unlink()
    mended = make(tmp_path)
    assert mended.is_new_authority
    assert openssl_verify(mended, mended.files.certificate_path)[0] == 0


def test_a_broken_file_is_named_and_not_replaced(tmp_path: Path) -> None:
    made = make(tmp_path)
    made.authority_path.write_bytes(b"broken")
    with pytest.raises(CertificateUnusable, match=r"authority\.crt"):
        make(tmp_path)
    assert made.authority_path.read_bytes() == b"broken"


@pytest.mark.parametrize("name", ["", "two words", "-a..b", "a/b", "*"])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CertificateUnusable, match="no host name"):
        make(tmp_path, (name,))


def race(folder: Path, barrier: object, results: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    made = make(folder)
    results.put((made.fingerprint, made.files.certificate_path.read_bytes(), made.is_new_authority))  # type: ignore[attr-defined]


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    spawning = multiprocessing.get_context("fork")
    barrier, results = spawning.Barrier(6), spawning.Queue()
    processes = [spawning.Process(target=race, args=(tmp_path, barrier, results)) for _ in range(6)]
    for process in processes:
        process.start()
    answers = [results.get(timeout=30) for _ in processes]
    for process in processes:
        process.join()
    assert len({answer[:2] for answer in answers}) == 1
    assert sorted(answer[2] for answer in answers) == [False] * 5 + [True]


def test_the_advice_names_file_and_fingerprint(tmp_path: Path) -> None:
    made = make(tmp_path)
    der = ssl.PEM_cert_to_DER_cert(made.authority_path.read_text())
    text = trust_advice(made, 9993)
    assert hashlib.sha256(der).digest() == bytes.fromhex(made.fingerprint.replace(":", ""))
    assert made.fingerprint in text
    for wanted in (str(made.authority_path), "Debian", "Fedora", "macOS", "Windows", "Thunderbird", "curl --cacert"):
        assert wanted in text
    assert "imaps://mail.example.org:9993/" in text


async def test_curl_and_python_verify_a_running_server(serving: Serving) -> None:
    async with serving() as running:
        _, writer = await running.connect()  # ssl.create_default_context
        writer.close()
        for cacert, status in (
            (str(running.certificates.authority_path), 0),
            ("/etc/ssl/certs/ca-certificates.crt", 60),
        ):
            process = await asyncio.create_subprocess_exec(
                *(
                    "curl",
                    "--silent",
                    "--http0.9",
                    "--cacert",
                    cacert,
                    "--no-alpn",
                    f"https://localhost:{running.port}/",
                ),
                *("--data", "x\nquit\n", "--output", "/dev/null"),
            )
            assert await process.wait() == status
