"""The records: read by a DNS library, the TLSA value compared with what OpenSSL says."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import dns.zone
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pillarbox.app.client_setup import more_ports
from pillarbox.app.settings import ServerSettings
from pillarbox.clock import SystemClock
from pillarbox.net.certificates import ensure_certificates
from pillarbox.net.lmtp_settings import LmtpSettings
from pillarbox.net.managesieve_settings import ManageSieveSettings
from pillarbox.net.settings import ListenAddress
from pillarbox.web.client_settings import Endpoint, Site
from pillarbox.web.dns_records import MorePorts, Record, State, records, spki_sha256, zone_text
from pillarbox.web.settings import Security
from tests.web.sites import RECEIVING_ONLY, SITE, STARTTLS, make_files


def by_name(found: list[Record]) -> dict[tuple[str, str], str]:
    return {(record.name, record.type): record.value for record in found}


def certificate_by(organization: str) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    from datetime import UTC, datetime, timedelta

    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )


@pytest.mark.parametrize("site", [SITE, STARTTLS, RECEIVING_ONLY], ids=["tls", "starttls", "receiving only"])
def test_the_lines_can_be_pasted_into_a_zone_file(site: Site, tmp_path: Path) -> None:
    certificate = x509.load_pem_x509_certificate(make_files(tmp_path).certificate_path.read_bytes())
    found = records(site, ["example.org"], ["192.0.2.1", "2001:db8::1"], {"mail.example.org": [certificate]})
    text = "@ 3600 IN SOA ns hostmaster 1 1 1 1 1\n@ 3600 IN NS ns\n" + zone_text(found)
    zone = dns.zone.from_text(text, "example.org.", check_origin=False)
    read = {
        (name.derelativize(zone.origin).to_text(), dns.rdatatype.to_text(kind.rdtype))
        for name, kind in ((name, each) for name, node in zone.items() for each in node)
    }
    assert read - {("example.org.", "SOA"), ("example.org.", "NS")} == {
        (record.name, record.type) for record in found if record.state is State.READY
    }


def test_imaps_is_named_and_plain_services_are_denied() -> None:
    found = by_name(records(SITE, ["example.org"], [], {}))
    assert found["_imaps._tcp.example.org.", "SRV"] == "0 1 993 mail.example.org."
    assert found["_submissions._tcp.example.org.", "SRV"] == "0 1 465 smtp.example.org."
    for service in ("_imap", "_pop3", "_pop3s", "_submission"):
        assert found[f"{service}._tcp.example.org.", "SRV"] == "0 0 0 ."
    assert found["autoconfig.example.org.", "CNAME"] == "mail.example.org."
    assert found["_autodiscover._tcp.example.org.", "SRV"] == "0 1 443 mail.example.org."


def test_what_is_not_known_is_left_to_complete() -> None:
    found = records(RECEIVING_ONLY, ["example.org"], ["192.0.2.1"], {})
    waiting = {(record.name, record.type) for record in found if record.state is State.COMPLETE}
    assert waiting == {("mail.example.org.", "AAAA"), ("_submissions._tcp.example.org.", "SRV")}
    assert all(str(record).startswith("; ") == (record.state is not State.READY) for record in found)
    assert not any("autoconfig" in record.name for record in found)


def test_tlsa_is_what_openssl_computes(tmp_path: Path) -> None:
    path = make_files(tmp_path).certificate_path
    pipeline = f"openssl x509 -in {path} -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r"
    said = subprocess.run(["bash", "-c", pipeline], capture_output=True, text=True, check=True).stdout.split()[0]
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    assert spki_sha256(certificate) == said
    found = by_name(records(SITE, ["example.org"], [], {"mail.example.org": [certificate]}))
    assert found["_993._tcp.mail.example.org.", "TLSA"] == f"3 1 1 {said}"
    assert found["_443._tcp.mail.example.org.", "TLSA"] == f"3 1 1 {said}"


def test_further_ports_have_services_and_keys_and_an_authority_that_is_sent_along_is_pinned_too(tmp_path: Path) -> None:
    made = ensure_certificates(tmp_path, ["mail.example.org"], 30, SystemClock())
    chain = x509.load_pem_x509_certificates(made.files.certificate_path.read_bytes())
    more = MorePorts(imap=143, sieve=4190, others=(24,))
    found = records(SITE, ["example.org"], [], {"mail.example.org": chain}, more)
    services = {(record.name, record.value) for record in found if record.type == "SRV"}
    assert ("_imap._tcp.example.org.", "10 1 143 mail.example.org.") in services
    assert ("_imaps._tcp.example.org.", "0 1 993 mail.example.org.") in services
    assert ("_sieve._tcp.example.org.", "0 1 4190 mail.example.org.") in services
    pipeline = "openssl x509 -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r"
    digests = [
        subprocess.run(["bash", "-c", pipeline], stdin=path.open(), capture_output=True, text=True, check=True)
        for path in (made.files.certificate_path, made.authority_path)
    ]
    leaf, authority = (done.stdout.split()[0] for done in digests)
    assert {(record.name, record.value) for record in found if record.type == "TLSA"} == {
        (f"_{port}._tcp.mail.example.org.", value)
        for port in (993, 143, 4190, 24, 443)
        for value in (f"3 1 1 {leaf}", f"2 1 1 {authority}")
    }


@pytest.mark.parametrize(
    ("organization", "value", "state"),
    [
        ("Let's Encrypt", '0 issue "letsencrypt.org"', State.READY),
        ("Pillarbox", '0 issue ";"', State.OPTIONAL),
        ("Somebody Else", '0 issue "<domain of your authority>"', State.COMPLETE),
    ],
)
def test_caa_follows_the_issuer(organization: str, value: str, state: State) -> None:
    chains = {"mail.example.org": [certificate_by(organization)]}
    (caa,) = (each for each in records(SITE, [], [], chains) if each.type == "CAA")
    assert (caa.name, caa.value, caa.state) == ("mail.example.org.", value, state)


def test_a_server_without_a_name_gets_nothing_that_needs_one() -> None:
    site = dataclasses.replace(SITE, imap=Endpoint("192.0.2.1", 993, Security.TLS), web_host="192.0.2.1")
    found = records(site, ["example.org"], ["192.0.2.1"], {"192.0.2.1": [certificate_by("Let's Encrypt")]})
    assert {record.type for record in found} == {"SRV"}
    assert [record.state for record in found if record.name.startswith("_imaps")] == [State.COMPLETE]


def test_the_ports_of_the_settings_are_those_of_the_records() -> None:
    def at(*ports: int) -> tuple[ListenAddress, ...]:
        return tuple(ListenAddress("*", port) for port in ports)

    settings = ServerSettings(
        Path("data"),
        listen_starttls=at(0, 143),
        managesieve=ManageSieveSettings(listen=at(4190), listen_tls=at(5190)),
        lmtp=LmtpSettings(listen=at(24, 0)),
    )
    assert more_ports(settings) == MorePorts(143, 4190, (5190, 24))
    assert more_ports(ServerSettings(Path("data"))).all() == []
