"""Old versions and weak suites, by OpenSSL where it still can and by hand where it can't."""

from __future__ import annotations

import asyncio
import re
import subprocess

import pytest

from pillarbox.check.findings import Report, Verdict, grade
from pillarbox.check.settings import Depth
from tests.check import hosts
from tests.check.authority import Authority, Issued, rsa_key
from tests.check.looking import finding, look, settings
from tests.check.old_tls import openssl_server


@pytest.fixture(scope="session")
def rsa(authority: Authority) -> Issued:
    return authority.issue("localhost", "127.0.0.1", key=rsa_key(2048))


async def full(port: int, authority: Authority) -> Report:
    return await look(settings(port, ca_file=authority.file, depth=Depth.FULL))


def accepted(report: Report) -> list[str]:
    return [each.label for each in report.findings if each.facts.get("accepted")]


@pytest.mark.parametrize(
    ("option", "label", "verdict", "least"),
    [
        ("-tls1", "TLS 1.0", Verdict.WARNING, "F"),
        ("-tls1_1", "TLS 1.1", Verdict.WARNING, "F"),
        ("-tls1_2", "TLS 1.2", Verdict.GOOD, "F"),
        ("-tls1_3", "TLS 1.3", Verdict.GOOD, "A+"),
    ],
)
async def test_a_server_of_one_version(
    option: str, label: str, verdict: Verdict, least: str, authority: Authority, rsa: Issued
) -> None:
    with openssl_server(rsa.file, option, "-cipher", "ALL:@SECLEVEL=0") as port:
        report = await full(port, authority)
    assert accepted(report) == [label]
    (found,) = (each for each in report.findings if each.label == label)
    assert found.verdict is verdict
    assert finding(report, "tls.handshake").verdict is Verdict.GOOD
    # s_server never greets, which is a failure of its own.
    assert grade(each for each in report.findings if not each.name.startswith("talk.")) == least
    if option in ("-tls1", "-tls1_1"):
        assert finding(report, "suites.current").verdict is Verdict.FAILURE


async def test_every_suite_of_openssl_is_found_and_no_other(authority: Authority, rsa: Issued) -> None:
    with openssl_server(rsa.file, "-no_tls1_3", "-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0") as port:
        report = await full(port, authority)
    words = ["openssl", "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    lines = [
        line.split() for line in subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    ]
    # name, and what the server has: RSA certificates and no pre-shared keys
    wanted = {
        line[2]
        for line in lines
        if re.search("Au=(RSA|None)", " ".join(line)) and not re.search("PSK|SRP", line[2]) and line[4] != "TLSv1.3"
    }
    found = finding(report, "suites.tls1_2").facts["suites"]
    assert isinstance(found, list)
    assert set(found) == wanted
    assert len(found) > 60
    unprotected = finding(report, "suites.unprotected").facts["suites"]
    assert unprotected == sorted(name for name in wanted if "_NULL_" in name or "_anon_" in name)
    assert grade(report.findings) == "F"


@pytest.mark.parametrize(("options", "server_chooses"), [((), False), (("-serverpref",), True)])
async def test_who_chooses_the_suite(
    options: tuple[str, ...], server_chooses: bool, authority: Authority, rsa: Issued
) -> None:
    ciphers = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256"
    with openssl_server(rsa.file, "-tls1_2", "-cipher", ciphers, *options) as port:
        report = await full(port, authority)
    assert finding(report, "suites.tls1_2").facts["server_chooses"] is server_chooses
    assert finding(report, "suites.strength").verdict is Verdict.GOOD


def ssl_3_server(code: int) -> hosts.Handler:
    """Speaks SSL 3.0 with one suite, as far as the ServerHello: no library of today does."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(5)
        hello = await reader.readexactly(int.from_bytes(head[3:5], "big"))
        session = 38 + 1 + hello[38]
        size = int.from_bytes(hello[session : session + 2], "big")
        offered = hello[session + 2 : session + 2 + size]
        codes = {int.from_bytes(offered[at : at + 2], "big") for at in range(0, size, 2)}
        if hello[4:6] == b"\3\0" and code in codes:
            body = b"\3\0" + bytes(32) + b"\0" + code.to_bytes(2, "big") + b"\0"
            message = b"\2" + len(body).to_bytes(3, "big") + body
            writer.write(b"\x16\3\0" + len(message).to_bytes(2, "big") + message)
        else:
            writer.write(b"\x15\3\0\0\2\2\x28")
        await writer.drain()

    return handler


async def test_ssl_3_with_rc4_is_found_by_hand(authority: Authority) -> None:
    async with hosts.host(ssl_3_server(0x0005)) as port:
        report = await full(port, authority)
    assert accepted(report) == ["SSL 3.0"]
    assert finding(report, "suites.ssl3").verdict is Verdict.FAILURE
    assert finding(report, "suites.ssl3").facts["suites"] == ["TLS_RSA_WITH_RC4_128_SHA"]
    assert finding(report, "suites.weak").facts["suites"] == ["TLS_RSA_WITH_RC4_128_SHA"]
    assert finding(report, "suites.current").verdict is Verdict.FAILURE
    assert finding(report, "tls.handshake").verdict is Verdict.FAILURE
    assert grade(report.findings) == "F"


async def test_a_server_that_picks_what_nobody_offered_does_not_hold_the_check_up(authority: Authority) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(5)
        body = b"\3\3" + bytes(32) + b"\0\xff\xee\0"
        message = b"\2" + len(body).to_bytes(3, "big") + body
        writer.write(b"\x16\3\3" + len(message).to_bytes(2, "big") + message)
        await writer.drain()

    async with hosts.host(handler) as port:
        report = await full(port, authority)
    assert accepted(report) == []
    assert grade(report.findings) == "F"
