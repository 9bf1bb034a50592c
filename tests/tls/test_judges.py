"""What testssl.sh and nmap say of a running server."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from tests.tls.doors import PROTOCOLS, Doors

NAME = "judged.example.org"
"""Of a certificate of its own: other tests of this server trust the default one."""
TESTSSL_SECONDS = 280
ABOVE_LOW = {"MEDIUM", "HIGH", "CRITICAL", "FATAL"}
"""testssl.sh's words; WARN and DEBUG are about the judge (no GOST engine), not about the server."""
ASKED = ("--protocols", "--server-defaults", "--vulnerable")
"""The suites are nmap's part, which takes a second for them. docs/tls.md says what the whole run found."""


def install_as_a_public_authority_would(folder: Path) -> Path:
    """A certificate for NAME with all that public authorities put in; returns the authority's file.

    The server's own authority names no place for revocation lists, for there is none; testssl.sh minds that.
    """
    now, day = datetime.now(UTC), timedelta(days=1)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority")])
    begin = x509.CertificateBuilder().not_valid_before(now - day).issuer_name(authority_name)
    authority = (
        begin.subject_name(authority_name)
        .public_key(authority_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_after(now + 1000 * day)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    status = x509.UniformResourceIdentifier("http://ocsp.example.org/")
    certificate = (
        begin.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_after(now + 80 * day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.OCSP, status)]),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    folder.mkdir(parents=True)
    (folder / "key.pem").touch(mode=0o600)
    (folder / "key.pem").write_bytes(private)
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    path = folder.parent.parent / "public-authority.pem"
    path.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    return path


def test_testssl_finds_nothing_above_low(running: Doors, tmp_path: Path) -> None:
    folder = running.server.data / "certificates" / "domains" / NAME
    authority = install_as_a_public_authority_would(folder)
    running.wait_for_workers("certificate.added", path=str(folder / "certificate.pem"))
    report = tmp_path / "report.json"
    done = subprocess.run(
        [
            *("testssl", "--quiet", "--warnings", "off", "--color", "0", "--nodns", "none", "--ip", "127.0.0.1"),
            *("--add-ca", str(authority), "--jsonfile", str(report), *ASKED, f"{NAME}:{running.ports['imap']}"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TESTSSL_SECONDS,
        check=False,
    )
    assert report.exists(), done.stdout
    found = {each["id"]: each for each in json.loads(report.read_text())}
    offered = {name: found[name]["finding"] for name in ("SSLv2", "SSLv3", "TLS1", "TLS1_1")}
    assert offered == dict.fromkeys(offered, "not offered"), done.stdout
    assert (found["cert_chain_of_trust"]["finding"], found["cert_trust"]["severity"]) == ("passed.", "OK"), found
    assert {"heartbleed", "CCS", "ROBOT", "secure_renego", "secure_client_renego", "LUCKY13"} <= found.keys()
    above_low = {name: each for name, each in found.items() if each["severity"] in ABOVE_LOW}
    assert above_low == {}, done.stdout


def test_nmap_rates_every_suite_of_every_door_a(running: Doors) -> None:
    ports = ",".join(str(running.ports[door]) for door in PROTOCOLS)
    done = subprocess.run(
        ["nmap", "-Pn", "-n", "-p", ports, "--script", "+ssl-enum-ciphers", "127.0.0.1"],
        capture_output=True,
        text=True,
        timeout=TESTSSL_SECONDS,
        check=True,
    )
    said = done.stdout
    assert set(re.findall(r"^\|   (\S+): $", said, re.MULTILINE)) == {"TLSv1.2", "TLSv1.3"}, said
    suites = re.findall(r"^\|       (TLS_\S+) .*- ([A-F])$", said, re.MULTILINE)
    assert {rating for _, rating in suites} == {"A"}, said
    assert all(
        re.search(r"_GCM_|_CHACHA20_POLY1305", name) and re.match(r"TLS_(ECDHE|AKE)_", name) for name, _ in suites
    )
    assert said.count("least strength: A") == len(PROTOCOLS), said
    assert "warnings:" not in said
