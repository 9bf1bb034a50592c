"""check, nmap, testssl.sh and openssl look at the same servers and agree: Pillarbox, Dovecot, Courier; good and bad."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from pillarbox.check.findings import Report, Verdict, grade
from pillarbox.check.settings import Depth, Limits
from tests.check import hosts, scanners
from tests.check.authority import DAY, NOW, Authority, Issued, rsa_key
from tests.check.courier import courier
from tests.check.looking import finding, look, settings
from tests.servers.dovecot import DovecotServer
from tests.servers.pillarbox_server import PillarboxServer

LIMITS = Limits(step_seconds=5, listen_seconds=0.3, total_seconds=40)
MODERN = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
OLD = "NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.1:+VERS-TLS1.0:%VERIFY_ALLOW_BROKEN"


class ConfiguredDovecot(DovecotServer):
    """Dovecot with a certificate of the tests', and old TLS where asked."""

    def __init__(self, issued: Issued, *, old_tls: str) -> None:
        super().__init__()
        self._issued = issued
        self._old_tls = old_tls

    def _make_certificate(self) -> None:
        for name in ("server.pem", "server.key"):
            (self.folder / name).write_bytes(self._issued.file.read_bytes())

    def _configuration(self) -> str:
        return super()._configuration().replace("ssl_min_protocol = TLSv1.2", self._old_tls)


@dataclass(frozen=True, slots=True)
class Peer:
    """A server to look at, with our report of it."""

    port: int
    ca_file: Path
    report: Report
    testssl: scanners.Testssl | None


@pytest.fixture(scope="module")
def peers(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Peer]]:
    """All servers at once; testssl.sh is slow and runs beside the other tests."""
    folder = tmp_path_factory.mktemp("peers")
    expired = authority.issue("localhost", key=rsa_key(2048), begins=NOW - 30 * DAY, ends=NOW - 2 * DAY)
    wrong_name = authority.issue("mail.example.org", key=rsa_key(2048))
    fine = authority.issue("localhost", key=rsa_key(2048))
    minimum = "ssl_min_protocol = TLSv1.2"
    parameters = folder / "dh.pem"
    words = ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", parameters]
    subprocess.run(words, check=True, capture_output=True)
    old = f"ssl_min_protocol = TLSv1\nssl_cipher_list = ALL:@SECLEVEL=0\nssl_dh = <{parameters}"
    with ExitStack() as stack:
        pillarbox = stack.enter_context(PillarboxServer())
        found = {"pillarbox": (pillarbox.port, pillarbox.ca_file)}
        for name, issued, words in (("dovecot", fine, minimum), ("dovecot, bad", expired, old)):
            found[name] = (stack.enter_context(ConfiguredDovecot(issued, old_tls=words)).port, authority.file)
        for name, issued, priority in (("courier", fine, MODERN), ("courier, bad", wrong_name, OLD)):
            found[name] = (stack.enter_context(courier(issued.file, priority=priority)), authority.file)
        slow = {
            "pillarbox": ("--protocols", "--cipher-per-proto"),
            "dovecot, bad": ("--protocols", "--server-defaults"),
            "courier, bad": ("--protocols",),
        }
        running = {name: scanners.start_testssl(found[name][0], folder, *what) for name, what in slow.items()}
        for each in running.values():
            stack.callback(each.process.wait)
            stack.callback(each.process.terminate)
        yield {
            name: Peer(port, ca_file, asyncio.run(reported(port, ca_file)), running.get(name))
            for name, (port, ca_file) in found.items()
        }


async def reported(port: int, ca_file: Path) -> Report:
    given = settings(port, host="localhost", ca_file=ca_file, depth=Depth.FULL, limits=LIMITS)
    return await look(given)


def our_suites(report: Report) -> dict[str, set[str]]:
    found = {}
    for each in report.findings:
        names = each.facts.get("suites")
        if each.facts.get("accepted") and isinstance(names, list):
            found[each.label] = set(names)
    return found


NAMES = ["pillarbox", "dovecot", "dovecot, bad", "courier", "courier, bad"]


@pytest.mark.parametrize("name", NAMES)
def test_nmap_finds_the_same_versions_and_suites(peers: dict[str, Peer], name: str) -> None:
    ours = our_suites(peers[name].report)
    assert ours == scanners.nmap_suites(peers[name].port)
    assert len(ours) == (4 if name == "dovecot, bad" else 3 if name == "courier, bad" else 2)


@pytest.mark.parametrize("name", NAMES)
def test_openssl_trusts_the_same_certificates(peers: dict[str, Peer], name: str) -> None:
    peer = peers[name]
    bad = {
        each.name.removeprefix("certificate.")
        for each in peer.report.findings
        if each.name.startswith("certificate.") and each.verdict is Verdict.FAILURE
    }
    codes = {"dovecot, bad": ({"expiry"}, 10), "courier, bad": ({"name"}, 62)}
    assert (bad, scanners.openssl_verify(peer.port, peer.ca_file)) == codes.get(name, (set(), 0))


@pytest.mark.parametrize("name", NAMES)
def test_openssl_gets_through_with_the_same_versions(peers: dict[str, Peer], name: str) -> None:
    options = {"TLS 1.0": "-tls1", "TLS 1.1": "-tls1_1", "TLS 1.2": "-tls1_2", "TLS 1.3": "-tls1_3"}
    ours = our_suites(peers[name].report)
    theirs = {version for version, option in options.items() if scanners.openssl_accepts(peers[name].port, option)}
    assert set(ours) == theirs


@pytest.mark.parametrize("name", ["pillarbox", "dovecot, bad", "courier, bad"])
def test_testssl_finds_the_same_versions(peers: dict[str, Peer], name: str) -> None:
    testssl = peers[name].testssl
    assert testssl is not None
    said = testssl.findings()
    words = {"SSL 3.0": "SSLv3", "TLS 1.0": "TLS1", "TLS 1.1": "TLS1_1", "TLS 1.2": "TLS1_2", "TLS 1.3": "TLS1_3"}
    theirs = {version for version, word in words.items() if said[word].startswith("offered")}
    assert set(our_suites(peers[name].report)) == theirs


def test_testssl_finds_the_same_suites_of_pillarbox(peers: dict[str, Peer]) -> None:
    testssl = peers["pillarbox"].testssl
    assert testssl is not None
    theirs = {text.split()[-1] for word, text in testssl.findings().items() if word.startswith("cipher-tls")}
    assert {name for names in our_suites(peers["pillarbox"].report).values() for name in names} == theirs


def test_testssl_says_the_same_of_an_expired_certificate(peers: dict[str, Peer]) -> None:
    peer = peers["dovecot, bad"]
    assert peer.testssl is not None
    said = peer.testssl.findings()
    assert said["cert_expirationStatus"] == "expired"
    assert finding(peer.report, "certificate.expiry").verdict is Verdict.FAILURE
    assert said["cert_keySize"] == "RSA 2048 bits"
    assert finding(peer.report, "certificate.key").facts == {"kind": "RSA", "bits": 2048}
    fingerprint = finding(peer.report, "certificate.issuer").facts["fingerprint_sha256"]
    assert said["cert_fingerprintSHA256"] == str(fingerprint).replace(":", "")


@pytest.mark.parametrize(
    ("name", "letter"),
    [("pillarbox", "A+"), ("dovecot", "A+"), ("dovecot, bad", "F"), ("courier", "A+"), ("courier, bad", "F")],
)
def test_grades_tell_good_from_bad(peers: dict[str, Peer], name: str, letter: str) -> None:
    assert grade(peers[name].report.findings) == letter


async def test_plain_text_on_993_is_no_tls_for_everybody(authority: Authority) -> None:
    async with hosts.host(hosts.Imap()) as port:
        report = await look(settings(port, ca_file=authority.file, depth=Depth.FULL))
        openssl = await asyncio.to_thread(scanners.openssl_verify, port, authority.file)
        nmap = await asyncio.to_thread(scanners.nmap_suites, port)
    assert finding(report, "tls.plaintext").facts["leak"] is True
    assert finding(report, "tls.handshake").verdict is Verdict.FAILURE
    assert (openssl, nmap) == (None, {})
