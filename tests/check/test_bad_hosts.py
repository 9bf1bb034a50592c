"""Hosts that hang, reset, babble or speak something else: the right verdict, and in time."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from dataclasses import replace

import psutil
import pytest

from pillarbox.check.findings import Monitoring, Report, Verdict, exit_code, grade
from pillarbox.check.settings import Depth
from pillarbox.check.wire import Address, connect_trouble
from tests.check import hosts
from tests.check.authority import Authority, Issued
from tests.check.looking import SHORT, finding, look, settings, verdicts


async def bounded(port: int, seconds: float = 8.0, **more: str) -> Report:
    """A full check that must end in time, whatever the host does."""
    start = time.monotonic()
    report = await look(settings(port, depth=Depth.FULL, **more))  # type: ignore[arg-type]
    assert time.monotonic() - start < seconds
    assert exit_code(report.findings) is Monitoring.CRITICAL
    assert grade(report.findings) == "F"
    return report


async def test_a_host_that_hangs_is_told_and_not_waited_for() -> None:
    async with hosts.host(hosts.hangs) as port:
        report = await bounded(port)
    assert verdicts(report)["reach.ipv4"] is Verdict.GOOD
    assert "gets no answer" in finding(report, "tls.handshake").text
    assert "TLS is not switched on" in (finding(report, "tls.handshake").remedy or "")


async def test_a_host_that_resets_is_told() -> None:
    async with hosts.host(hosts.resets) as port:
        report = await bounded(port)
    assert finding(report, "tls.handshake").text in ("it reset the connection", "it closed the connection")


async def test_a_closed_port_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    report = await bounded(port)
    assert finding(report, "reach.ipv4").facts["state"] == "closed"
    assert "ss -ltn" in (finding(report, "reach.ipv4").remedy or "")
    assert not [each for each in report.findings if each.name.startswith("tls.")]


async def test_a_port_that_drops_everything_is_filtered() -> None:
    with hosts.filtered_port() as port:
        report = await bounded(port)
    assert finding(report, "reach.ipv4").facts["state"] == "filtered"
    assert f"pillarbox firewall open --port {port}" in (finding(report, "reach.ipv4").remedy or "")


@pytest.mark.parametrize(
    ("number", "state"),
    [
        (errno.ECONNREFUSED, "Refused"),
        (errno.ECONNRESET, "Refused"),
        (errno.ETIMEDOUT, "TimedOut"),
        (errno.EHOSTUNREACH, "TimedOut"),
        (errno.EACCES, "TimedOut"),
        (errno.ENETUNREACH, "Unreachable"),
        (errno.EADDRNOTAVAIL, "Unreachable"),
    ],
)
def test_the_systems_errors_are_told_apart(number: int, state: str) -> None:
    assert type(connect_trouble(OSError(number, "x"))).__name__ == state


async def test_ipv4_and_ipv6_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, good: Issued
) -> None:
    async with hosts.host(hosts.Imap(), hosts.tls(good.file)) as port:

        async def both(self: object, name: str, asked: int) -> tuple[Address, ...]:
            return Address("::1", asked), Address("127.0.0.1", asked)

        monkeypatch.setattr("pillarbox.check.names.Names.addresses", both)
        report = await look(settings(port, host="localhost", ca_file=authority.file))
    assert finding(report, "reach.ipv6").facts["state"] == "closed"
    assert finding(report, "reach.ipv6").verdict is Verdict.WARNING
    assert finding(report, "reach.ipv4").facts["state"] == "open"
    assert finding(report, "talk.greeting").verdict is Verdict.GOOD


@pytest.mark.parametrize(
    ("handler", "protocol"),
    [
        (hosts.says(b"SSH-2.0-OpenSSH_9.2\r\n"), "SSH"),
        (hosts.http, "HTTP"),
        (hosts.says(b"* OK [CAPABILITY IMAP4rev1] hello\r\n"), "IMAP without TLS"),
        (hosts.says(b"220 mail ESMTP\r\n"), "SMTP or FTP without TLS"),
        (hosts.says(b"+OK POP3\r\n"), "POP3 without TLS"),
        (hosts.says(b"\0\1\2\3"), ""),
    ],
    ids=["ssh", "http", "imap", "smtp", "pop3", "noise"],
)
async def test_another_protocol_is_named(handler: hosts.Handler, protocol: str) -> None:
    async with hosts.host(handler) as port:
        report = await bounded(port)
    said = finding(report, "tls.handshake").text
    assert said == (f"it speaks {protocol}, not TLS" if protocol else "it does not speak TLS")


async def test_imap_in_plain_text_on_the_tls_port_is_a_leak() -> None:
    async with hosts.host(hosts.Imap()) as port:
        report = await bounded(port)
    leak = finding(report, "tls.plaintext")
    assert leak.verdict is Verdict.FAILURE
    assert leak.facts["leak"] is True
    assert "passwords would travel readable" in leak.text


@pytest.mark.parametrize(
    "data", [b"x" * 4096, b"* OK again\r\n" * 300], ids=["a line without end", "lines without end"]
)
@pytest.mark.parametrize("service", ["imaps", "imap"])
async def test_a_banner_without_end_is_cut_off(data: bytes, service: str, authority: Authority, good: Issued) -> None:
    context = hosts.tls(good.file) if service == "imaps" else None
    before = psutil.Process().memory_info().rss
    async with hosts.host(hosts.floods(data), context) as port:
        report = await bounded(port, service=service)
    (said,) = (
        each.text
        for each in report.findings
        if each.name.startswith("talk.") or each.name == "tls.starttls"
        if each.verdict is Verdict.FAILURE
    )
    assert "more than" in said
    assert psutil.Process().memory_info().rss - before < 32 * 1024 * 1024


async def test_a_greeting_that_drips_does_not_hold_the_check_up(good: Issued) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(200):
            writer.write(b"*")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with hosts.host(drip, hosts.tls(good.file)) as port:
        report = await bounded(port)
    assert "no answer in time" in finding(report, "talk.greeting").text


async def test_time_for_the_whole_check_is_bounded_too(good: Issued) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.4)
        writer.write(b"* OK at last\r\n")
        await reader.read()

    async with hosts.host(slow, hosts.tls(good.file)) as port:
        start = time.monotonic()
        limits = replace(SHORT, total_seconds=0.6)
        report = await look(settings(port, limits=limits))
    assert time.monotonic() - start < 3
    assert any("the 0.6 s for the whole check are over" in each.text for each in report.findings)
    assert finding(report, "reach.ipv4").verdict is Verdict.GOOD


async def test_nothing_that_a_host_says_steers_the_terminal(good: Issued) -> None:
    async with hosts.host(hosts.says(b"* OK \x1b]0;gotcha\x07\x1b[31mred\r\n"), hosts.tls(good.file)) as port:
        report = await look(settings(port))
    assert finding(report, "talk.greeting").text.startswith("* OK ?]0;gotcha??[31mred")
