"""Honest servers of every protocol: STARTTLS, login, IDLE, ALPN and SNI."""

from __future__ import annotations

import ssl

import pytest

from pillarbox.check.findings import Finding, Monitoring, Report, Verdict, exit_code, grade
from pillarbox.check.services import SERVICES, Tls, service_on
from tests.check import hosts
from tests.check.authority import Authority, Issued
from tests.check.looking import finding, look, settings, verdicts


def complaints(report: Report) -> list[Finding]:
    return [each for each in report.findings if each.verdict in (Verdict.FAILURE, Verdict.WARNING, Verdict.UNKNOWN)]


async def test_login_and_idle_over_tls(authority: Authority, good: Issued) -> None:
    imap = hosts.Imap()
    async with hosts.host(imap, hosts.tls(good.file, alpn=("imap",))) as port:
        report = await look(settings(port, ca_file=authority.file, password=hosts.PASSWORD))
    assert complaints(report) == []
    assert exit_code(report.findings) is Monitoring.OK
    assert finding(report, "tls.handshake").facts["version"] == "TLSv1.3"
    assert finding(report, "tls.alpn").facts == {"offered": "imap", "chosen": "imap", "refuses_others": False}
    assert finding(report, "talk.capability_after").facts["capabilities"] == ["IMAP4rev1", "AUTH=PLAIN", "IDLE"]
    assert isinstance(finding(report, "talk.idle").facts["milliseconds"], float)
    assert b"DONE" not in b"".join(imap.lines)  # it was read as the end of IDLE
    assert not [line for line in imap.lines if b"SELECT" in line]


async def test_a_wrong_password_is_told_once(authority: Authority, good: Issued) -> None:
    imap = hosts.Imap()
    async with hosts.host(imap, hosts.tls(good.file)) as port:
        report = await look(settings(port, ca_file=authority.file, password="rabbit"))
    assert finding(report, "talk.login").text == "refused: NO [AUTHENTICATIONFAILED] no"
    assert sum(b"AUTHENTICATE" in line for line in imap.lines) == 1
    assert "rabbit" not in repr(report)


async def test_login_without_sasl_quotes_the_password(authority: Authority, good: Issued) -> None:
    imap = hosts.Imap("IMAP4rev1")
    async with hosts.host(imap, hosts.tls(good.file)) as port:
        report = await look(settings(port, ca_file=authority.file, password='won"der\\'))
    assert finding(report, "talk.login").text == "refused: NO no"
    assert any(rb'LOGIN "alice" "won\"der\\"' in line for line in imap.lines)


async def test_without_idle_new_mail_waits(authority: Authority, good: Issued) -> None:
    async with hosts.host(hosts.Imap("IMAP4rev1 AUTH=PLAIN"), hosts.tls(good.file)) as port:
        report = await look(settings(port, ca_file=authority.file, password=hosts.PASSWORD))
    assert finding(report, "talk.idle").verdict is Verdict.WARNING


async def test_login_disabled_under_tls_is_told(authority: Authority, good: Issued) -> None:
    async with hosts.host(hosts.Imap("IMAP4rev1 LOGINDISABLED"), hosts.tls(good.file)) as port:
        report = await look(settings(port, ca_file=authority.file))
    assert finding(report, "talk.offer").verdict is Verdict.FAILURE


async def test_imap_with_starttls(authority: Authority, good: Issued) -> None:
    imap = hosts.Imap("IMAP4rev1 STARTTLS LOGINDISABLED", "IMAP4rev1 AUTH=PLAIN IDLE", hosts.tls(good.file))
    async with hosts.host(imap) as port:
        report = await look(settings(port, service="imap", ca_file=authority.file, password=hosts.PASSWORD))
    assert complaints(report) == []
    assert verdicts(report)["talk.login"] is Verdict.GOOD


async def test_starttls_that_lets_people_in_before_it_is_a_warning(authority: Authority, good: Issued) -> None:
    imap = hosts.Imap("IMAP4rev1 STARTTLS AUTH=PLAIN", start=hosts.tls(good.file))
    async with hosts.host(imap) as port:
        report = await look(settings(port, service="imap", ca_file=authority.file))
    assert [each.name for each in complaints(report)] == ["tls.starttls"]
    assert grade(report.findings) == "C"


async def test_no_starttls_is_a_failure() -> None:
    async with hosts.host(hosts.Imap("IMAP4rev1")) as port:
        report = await look(settings(port, service="imap"))
    assert "STARTTLS is not offered" in finding(report, "tls.starttls").text
    assert grade(report.findings) == "F"


@pytest.mark.parametrize("remembers", [True, False])
async def test_commands_put_before_tls_must_be_forgotten(remembers: bool, authority: Authority, good: Issued) -> None:
    imap = hosts.Imap("IMAP4rev1 STARTTLS LOGINDISABLED", "IMAP4rev1 AUTH=PLAIN IDLE", hosts.tls(good.file))
    imap.remembers = remembers
    async with hosts.host(imap) as port:
        report = await look(settings(port, service="imap", ca_file=authority.file))
    assert finding(report, "tls.injection").facts == {"injected": remembers}
    assert (grade(report.findings) == "F") is remembers


SMTP = {b"EHLO": b"250-mail\r\n250-STARTTLS\r\n250 SIZE\r\n", b"STARTTLS": b"TLS", b"": b"220 go\r\n"}
SMTP_LOGIN = {b"AUTH": b"235 in\r\n", b"NOOP": b"250 ok\r\n", b"QUIT": b"221 bye\r\n"}
POP3 = {
    b"CAPA": b"+OK\r\nSTLS\r\nUIDL\r\n.\r\n", b"STLS": b"TLS", b"": b"+OK go\r\n", b"USER": b"+OK\r\n",
    b"PASS": b"+OK\r\n", b"NOOP": b"+OK\r\n",
}  # fmt: skip
SIEVE_WORDS = b'"IMPLEMENTATION" "x"\r\n"SIEVE" "fileinto"\r\n"STARTTLS"\r\nOK\r\n'
SIEVE = {
    b"CAPABILITY": SIEVE_WORDS, b"STARTTLS": b"TLS", b"": b"OK\r\n", b"AUTHENTICATE": b"OK\r\n",
    b"LISTSCRIPTS": b"OK\r\n",
}  # fmt: skip


@pytest.mark.parametrize(
    ("service", "greeting", "answers"),
    [
        ("submission", b"220 mail ESMTP\r\n", SMTP | SMTP_LOGIN),
        ("smtp", b"220-mail\r\n220 ESMTP\r\n", SMTP | SMTP_LOGIN),
        ("submissions", b"220 mail ESMTP\r\n", SMTP | SMTP_LOGIN),
        ("pop3", b"+OK hello\r\n", POP3),
        ("pop3s", b"+OK hello\r\n", POP3),
        ("sieve", SIEVE_WORDS, SIEVE),
    ],
)
async def test_the_other_mail_protocols(
    service: str, greeting: bytes, answers: dict[bytes, bytes], authority: Authority, good: Issued
) -> None:
    context = hosts.tls(good.file)
    implicit = service.endswith("s")
    handler = hosts.scripted(greeting, answers, context)
    async with hosts.host(handler, context if implicit else None) as port:
        report = await look(settings(port, service=service, ca_file=authority.file, password=hosts.PASSWORD))
    assert complaints(report) == []
    assert verdicts(report)["talk.login"] is Verdict.GOOD
    assert verdicts(report)["talk.idle"] is Verdict.GOOD


async def test_names_in_sni_lead_to_other_certificates(authority: Authority, good: Issued) -> None:
    other = authority.issue("other.example.org")
    context = hosts.tls(good.file)

    def choose(connection: ssl.SSLObject, name: str | None, first: ssl.SSLContext) -> int | None:
        if name is None:
            connection.context = hosts.tls(other.file)
        elif name.endswith(".invalid"):
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        return None

    context.sni_callback = choose  # type: ignore[assignment]  # typeshed wants Any
    async with hosts.host(hosts.Imap(), context) as port:
        report = await look(settings(port, host="localhost", ca_file=authority.file))
    assert finding(report, "tls.sni").facts == {"without_name": "another certificate", "unknown_name": "refused"}


def test_ports_lead_to_their_services() -> None:
    wanted = {993: "imaps", 143: "imap", 465: "submissions", 587: "submission", 995: "pop3s", 25: "smtp", 4190: "sieve"}
    assert {port: service_on(port).name for port in wanted} == wanted
    assert service_on(12345).name == "imaps"
    assert {each.name for each in SERVICES if each.tls is Tls.IMPLICIT} == {"imaps", "submissions", "pop3s"}
