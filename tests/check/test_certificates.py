"""Certificates good and bad: each question about them is answered apart."""

from __future__ import annotations

import base64
import datetime
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from pillarbox.check.findings import Monitoring, Verdict, exit_code, grade
from pillarbox.check.matching import vouches_for
from pillarbox.check.steps.certificate import _tlsa_matches
from tests.check import hosts
from tests.check.authority import DAY, NOW, Authority, Issued, rsa_key, self_signed, timestamp_list
from tests.check.looking import finding, look, settings, verdicts
from tests.check.old_tls import openssl_server

QUESTIONS = ("trust", "name", "expiry", "key", "signature")


async def failures(issued: Issued, authority: Authority) -> dict[str, str]:
    """Which questions were answered badly, and how."""
    async with hosts.host(hosts.Imap(), hosts.tls(issued.file)) as port:
        report = await look(settings(port, ca_file=authority.file, password=hosts.PASSWORD))
    found = {name: finding(report, f"certificate.{name}") for name in QUESTIONS}
    bad = {name: each.text for name, each in found.items() if each.verdict is not Verdict.GOOD}
    assert (finding(report, "talk.login").verdict is Verdict.GOOD) == (not bad)
    return bad


async def test_a_good_certificate_is_good(authority: Authority, good: Issued) -> None:
    assert await failures(good, authority) == {}


async def test_an_expired_one_is_expired_and_nothing_else(authority: Authority) -> None:
    issued = authority.issue("127.0.0.1", begins=NOW - 30 * DAY, ends=NOW - 10 * DAY)
    day = (NOW - 10 * DAY).date().isoformat()
    assert await failures(issued, authority) == {"expiry": f"expired on {day}, 10 days ago"}


async def test_one_from_the_future_is_too_early(authority: Authority) -> None:
    bad = await failures(authority.issue("127.0.0.1", begins=NOW + DAY), authority)
    assert list(bad) == ["expiry"]
    assert bad["expiry"].endswith("too early")


async def test_a_self_signed_one_is_not_trusted_and_nothing_else(authority: Authority, folder: Path) -> None:
    bad = await failures(self_signed(folder, "127.0.0.1"), authority)
    assert bad == {"trust": "it is self-signed: nobody vouches for it"}


async def test_another_name_is_another_name(authority: Authority) -> None:
    bad = await failures(authority.issue("mail.example.org", "example.org"), authority)
    assert bad == {"name": "is for mail.example.org, example.org, not for 127.0.0.1"}


async def test_one_without_names_is_refused(authority: Authority) -> None:
    assert list(await failures(authority.issue(), authority)) == ["name"]


async def test_a_key_of_1024_bits_is_weak(authority: Authority) -> None:
    bad = await failures(authority.issue("127.0.0.1", key=rsa_key(1024)), authority)
    assert bad == {"key": "RSA with 1024 bits is too weak: current programs refuse it"}


async def test_everything_wrong_is_told_at_once(authority: Authority, folder: Path) -> None:
    other = Authority(folder, "Somebody else")
    issued = other.issue("example.org", key=rsa_key(1024), begins=NOW - 30 * DAY, ends=NOW - DAY)
    bad = await failures(issued, authority)
    assert list(bad) == ["trust", "name", "expiry", "key"]


async def test_a_missing_intermediate_is_told_and_a_sent_one_is_fine(authority: Authority, folder: Path) -> None:
    between = authority.intermediate(folder)
    alone = between.issue("127.0.0.1")
    assert list(await failures(alone, authority)) == ["trust"]
    whole = between.issue("127.0.0.1", chain=(between.certificate,))
    assert await failures(whole, authority) == {}


async def test_one_that_ends_soon_is_a_warning_and_still_lets_people_log_in(authority: Authority) -> None:
    issued = authority.issue("127.0.0.1", ends=NOW + 5 * DAY + datetime.timedelta(hours=1))
    async with hosts.host(hosts.Imap(), hosts.tls(issued.file)) as port:
        report = await look(settings(port, ca_file=authority.file, password=hosts.PASSWORD))
    assert finding(report, "certificate.expiry").verdict is Verdict.WARNING
    assert finding(report, "certificate.expiry").facts["days"] == 5
    assert (grade(report.findings), exit_code(report.findings)) == ("B", Monitoring.WARNING)
    assert finding(report, "talk.login").verdict is Verdict.GOOD


async def test_timestamps_in_the_certificate_are_counted(authority: Authority) -> None:
    issued = authority.issue("127.0.0.1", timestamps=3)
    async with hosts.host(hosts.Imap(), hosts.tls(issued.file)) as port:
        report = await look(settings(port, ca_file=authority.file))
    assert finding(report, "certificate.sct").facts == {"count": 3}


async def test_timestamps_sent_along_in_the_handshake_are_seen(
    authority: Authority, good: Issued, folder: Path
) -> None:
    listed = timestamp_list(1)
    extension = b"\0\x12" + len(listed).to_bytes(2, "big") + listed
    text = base64.encodebytes(extension).decode()
    name = "SERVERINFO FOR signed_certificate_timestamp"
    (folder / "info.pem").write_text(f"-----BEGIN {name}-----\n{text}-----END {name}-----\n")
    with openssl_server(good.file, "-serverinfo", str(folder / "info.pem")) as port:
        report = await look(settings(port, ca_file=authority.file))
    assert finding(report, "certificate.sct").facts == {"count": 0, "in_handshake": True}
    assert finding(report, "certificate.sct").verdict is Verdict.GOOD


async def test_the_systems_authorities_count_when_none_is_given(good: Issued) -> None:
    async with hosts.host(hosts.Imap(), hosts.tls(good.file)) as port:
        report = await look(settings(port))
    assert verdicts(report)["certificate.trust"] is Verdict.FAILURE


async def test_a_password_never_goes_to_a_server_that_cannot_prove_who_it_is(
    folder: Path, authority: Authority
) -> None:
    imap = hosts.Imap()
    async with hosts.host(imap, hosts.tls(self_signed(folder, "127.0.0.1").file)) as port:
        report = await look(settings(port, ca_file=authority.file, password=hosts.PASSWORD))
    assert finding(report, "talk.login").verdict is Verdict.UNKNOWN
    assert imap.lines
    assert not [line for line in imap.lines if b"LOGIN" in line.upper().split() or b"AUTHENTICATE" in line]


@pytest.mark.parametrize(
    ("name", "host", "matches"),
    [
        ("mail.example.org", "MAIL.example.org", True),
        ("*.example.org", "mail.example.org", True),
        ("*.example.org", "a.b.example.org", False),
        ("*.example.org", "example.org", False),
        ("*.org", "example.org", False),
        ("mail.example.org", "mail.example.org.evil.example", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("::1", "0:0:0:0:0:0:0:1", True),
        ("127.0.0.1", "127.0.0.2", False),
    ],
)
def test_names_are_matched_as_rfc_9525_wants(authority: Authority, name: str, host: str, matches: bool) -> None:
    assert vouches_for(authority.issue(name).certificate, host) is matches


def test_tlsa_records_are_matched_in_every_form(authority: Authority, good: Issued) -> None:
    chain = (good.certificate, authority.certificate)
    whole = good.certificate.public_bytes(serialization.Encoding.DER)
    key = good.certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    root = authority.certificate.public_bytes(serialization.Encoding.DER)
    assert _tlsa_matches(f"3 0 0 {whole.hex()}", chain)
    assert _tlsa_matches(f"3 1 1 {hashlib.sha256(key).hexdigest()}", chain)
    assert _tlsa_matches(f"1 1 2 {hashlib.sha512(key).hexdigest()[:64]} {hashlib.sha512(key).hexdigest()[64:]}", chain)
    assert _tlsa_matches(f"2 0 1 {hashlib.sha256(root).hexdigest()}", chain)
    assert not _tlsa_matches(f"3 0 1 {hashlib.sha256(root).hexdigest()}", chain)
    assert not _tlsa_matches("3 1 1 nonsense", chain)
    assert not _tlsa_matches(base64.b64encode(b"x").decode(), chain)
