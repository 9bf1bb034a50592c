"""DNS: addresses, MX, SRV, TLSA and CAA, from a resolver on loopback."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import time
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization

from pillarbox.check.findings import Monitoring, Report, Verdict, exit_code
from pillarbox.check.names import mail_domain
from pillarbox.check.settings import CheckSettings, Resolver
from tests.check import hosts
from tests.check.authority import Authority, Issued
from tests.check.dns_server import dns_server
from tests.check.looking import finding, look, settings, verdicts

HOST = "imap.example.test"
Zone = dict[tuple[str, str], list[str]]


@pytest.fixture(scope="session")
def issued(authority: Authority) -> Issued:
    return authority.issue(HOST, "autoconfig.example.test", "example.test")


async def asked(authority: Authority, issued: Issued, zone: Zone, *, validates: bool = False) -> tuple[Report, int]:
    async with hosts.host(hosts.Imap(), hosts.tls(issued.file)) as port:
        whole = {(name.replace("PORT", str(port)), kind): [text.replace("PORT", str(port)) for text in texts]
                 for (name, kind), texts in zone.items()}  # fmt: skip
        async with dns_server({(HOST, "A"): ["127.0.0.1"]} | whole, validates=validates) as resolver:
            report = await look(replace(settings(port, host=HOST, ca_file=authority.file), resolver=resolver))
    return report, port


async def test_every_record_that_is_there_is_good(authority: Authority, issued: Issued) -> None:
    key = issued.certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    zone = {
        ("example.test", "MX"): ["10 mx.example.test."],
        ("_imaps._tcp.example.test", "SRV"): [f"0 1 PORT {HOST}."],
        (f"_PORT._tcp.{HOST}", "TLSA"): [f"3 1 1 {hashlib.sha256(key).hexdigest()}"],
        ("example.test", "CAA"): ['0 issue "ca.example"'],
    }
    report, _ = await asked(authority, issued, zone, validates=True)
    found = {name: verdict for name, verdict in verdicts(report).items() if name.startswith("dns.")}
    assert found == dict.fromkeys(("dns.addresses", "dns.mx", "dns.srv", "dns.tlsa", "dns.caa"), Verdict.GOOD)
    assert finding(report, "certificate.tlsa").verdict is Verdict.GOOD
    assert finding(report, "dns.mx").facts["records"] == ["10 mx.example.test."]
    assert exit_code(report.findings) is Monitoring.OK


async def test_every_record_that_is_missing_is_a_note_with_what_to_publish(
    authority: Authority, issued: Issued
) -> None:
    report, port = await asked(authority, issued, {})
    found = {name: verdict for name, verdict in verdicts(report).items() if name in ("dns.mx", "dns.srv", "dns.tlsa")}
    assert found == dict.fromkeys(("dns.mx", "dns.srv", "dns.tlsa"), Verdict.NOTE)
    assert finding(report, "dns.srv").remedy == f"Publish: _imaps._tcp.example.test. SRV 0 1 {port} {HOST}."
    assert exit_code(report.findings) is Monitoring.OK


async def test_records_that_lead_elsewhere_are_a_warning(authority: Authority, issued: Issued) -> None:
    zone = {("_imaps._tcp.example.test", "SRV"): ["0 1 993 other.example.test."]}
    report, _ = await asked(authority, issued, zone)
    assert finding(report, "dns.srv").verdict is Verdict.WARNING
    assert "leads to other.example.test:993, not here" in finding(report, "dns.srv").text


@pytest.mark.parametrize(("validates", "verdict"), [(True, Verdict.FAILURE), (False, Verdict.WARNING)])
async def test_a_tlsa_record_of_another_certificate_locks_servers_out(
    authority: Authority, issued: Issued, validates: bool, verdict: Verdict
) -> None:
    report, _ = await asked(
        authority, issued, {(f"_PORT._tcp.{HOST}", "TLSA"): [f"3 1 1 {'00' * 32}"]}, validates=validates
    )
    assert finding(report, "certificate.tlsa").verdict is verdict


def on_this_resolver(host: str, resolver: Resolver) -> CheckSettings:
    return replace(settings(993, host=host), resolver=resolver)


async def test_a_name_that_is_not_there_is_a_failure() -> None:
    async with dns_server({}) as resolver:
        report = await look(on_this_resolver("nowhere.example.test", resolver))
    assert verdicts(report) == {"dns.addresses": Verdict.FAILURE}
    assert exit_code(report.findings) is Monitoring.CRITICAL


async def test_a_resolver_that_is_silent_leaves_it_unknown_in_time() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        start = time.monotonic()
        report = await look(on_this_resolver(HOST, Resolver("127.0.0.1", deaf.getsockname()[1])))
    assert time.monotonic() - start < 5
    assert verdicts(report) == {"dns.addresses": Verdict.UNKNOWN}
    assert exit_code(report.findings) is Monitoring.UNKNOWN


async def test_a_system_resolver_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    released = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(*words: object, **more: object) -> list[object]:
        asyncio.run_coroutine_threadsafe(released.wait(), loop).result(20)
        return []

    monkeypatch.setattr("socket.getaddrinfo", hang)
    start = time.monotonic()
    report = await look(settings(993, host="imap.example.test"))
    assert time.monotonic() - start < 5
    assert verdicts(report) == {"dns.addresses": Verdict.UNKNOWN}
    released.set()


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("imap.example.org", "example.org"),
        ("mx1.example.org", "example.org"),
        ("example.org", "example.org"),
        ("mail.org", "mail.org"),
        ("host7.example.org", "host7.example.org"),
        ("localhost", None),
        ("192.0.2.1", None),
        ("2001:db8::1", None),
    ],
)
def test_the_mail_domain_is_guessed_from_the_host(host: str, domain: str | None) -> None:
    assert mail_domain(host) == domain


# --- autoconfiguration ---------------------------------------------------------------------------------------

DOCUMENT = """<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="example.test">
<incomingServer type="imap"><hostname>{host}</hostname><port>{port}</port><socketType>{kind}</socketType>
</incomingServer><outgoingServer type="smtp"><hostname>smtp.example.test</hostname><port>465</port>
<socketType>SSL</socketType>
</outgoingServer></emailProvider></clientConfig>"""


async def configured(authority: Authority, issued: Issued, document: str, status: str = "200 OK") -> Report:
    """`document` at both places; PORT in it stands for the port that is checked."""

    async with hosts.host(hosts.Imap(), hosts.tls(issued.file)) as port:

        async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.0 {status}\r\n\r\n{document}".replace("PORT", str(port)).encode())
            await writer.drain()

        names = (HOST, "example.test", "autoconfig.example.test")
        async with (
            hosts.host(web, hosts.tls(issued.file)) as https_port,
            dns_server({(name, "A"): ["127.0.0.1"] for name in names}) as resolver,
        ):
            plain = settings(port, host=HOST, ca_file=authority.file)
            return await look(replace(plain, domain="example.test", resolver=resolver, https_port=https_port))


async def test_autoconfig_that_leads_here_is_good(authority: Authority, issued: Issued) -> None:
    report = await configured(authority, issued, DOCUMENT.format(host=HOST, port="PORT", kind="SSL"))
    assert finding(report, "setup.autoconfig").verdict is Verdict.GOOD
    assert finding(report, "setup.well_known").verdict is Verdict.GOOD


@pytest.mark.parametrize(
    ("host", "port", "kind", "said"),
    [
        ("other.example.test", "PORT", "SSL", "leads to imap other.example.test:"),
        (HOST, "1", "SSL", "not here"),
        (HOST, "PORT", "STARTTLS", "says socketType STARTTLS"),
        (HOST, "PORT", "plain", "says socketType plain"),
    ],
)
async def test_autoconfig_that_disagrees_is_a_warning(
    authority: Authority, issued: Issued, host: str, port: str, kind: str, said: str
) -> None:
    report = await configured(authority, issued, DOCUMENT.format(host=host, port=port, kind=kind))
    assert finding(report, "setup.autoconfig").verdict is Verdict.WARNING
    assert said in finding(report, "setup.autoconfig").text


@pytest.mark.parametrize(
    ("document", "status", "said"),
    [
        ("", "404 Not Found", "HTTP status 404"),
        ("<html>", "200 OK", "is no well-formed XML"),
        ("<html/>", "200 OK", "is no autoconfig document"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><clientConfig/>', "200 OK", "is no autoconfig document (it has a DOCTYPE)"),
        ("x" * 400_000, "200 OK", "more than 256 KB on one connection"),
        ("", "302 Found\r\nLocation: http://example.test/", "leads away from HTTPS"),
        ("", "302 Found\r\nLocation: /again", "leads round in circles"),
    ],
)  # fmt: skip
async def test_documents_that_are_none_are_told(
    authority: Authority, issued: Issued, document: str, status: str, said: str
) -> None:
    report = await configured(authority, issued, document, status)
    assert finding(report, "setup.autoconfig").text == said
    assert finding(report, "setup.published").verdict is Verdict.NOTE
