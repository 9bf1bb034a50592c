"""Handing messages to a server that sends mail."""

from __future__ import annotations

import asyncio
import shlex
import sys
from pathlib import Path

import pytest

from pillarbox.delivery.outbox import NotSent
from pillarbox.net.relay import SendmailCommand, SmtpRelay

LETTER = b"Subject: gr\xc3\xbc\xc3\x9fe\r\n\r\n.dot\r\nend\r\n"


async def smtp_sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: list[bytes]) -> None:
    """As little of an SMTP server as a client needs; refuses recipients named nobody."""
    writer.write(b"220 sink\r\n")
    while line := await reader.readline():
        heard.append(line)
        verb = line[:4].upper()
        if verb == b"EHLO":
            writer.write(b"250-sink\r\n250-SMTPUTF8\r\n250 8BITMIME\r\n")
        elif verb == b"DATA":
            writer.write(b"354 go on\r\n")
            heard.append(await reader.readuntil(b"\r\n.\r\n"))
            writer.write(b"250 taken\r\n")
        elif b"nobody" in line:
            writer.write(b"550 no\r\n")
        else:
            writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
    writer.close()


async def test_a_message_is_handed_over_by_smtp_as_it_is() -> None:
    heard: list[bytes] = []
    server = await asyncio.start_server(lambda reader, writer: smtp_sink(reader, writer, heard), "127.0.0.1", 0)
    relay = SmtpRelay("127.0.0.1", server.sockets[0].getsockname()[1])
    await relay.submit("", ["dan@example.net"], LETTER)
    assert b"mail FROM:<> BODY=8BITMIME\r\n" in heard
    assert b"rcpt TO:<dan@example.net>\r\n" in heard
    assert LETTER.replace(b"\r\n.", b"\r\n..") + b".\r\n" in heard
    with pytest.raises(NotSent):
        await relay.submit("", ["nobody@example.net"], LETTER)
    with pytest.raises(NotSent):
        await relay.submit("", ["dan@example.net", "nobody@example.net"], LETTER)
    server.close()
    await server.wait_closed()


async def test_neither_a_message_nor_a_sender_says_anything_for_us() -> None:
    heard: list[bytes] = []
    server = await asyncio.start_server(lambda reader, writer: smtp_sink(reader, writer, heard), "127.0.0.1", 0)
    relay = SmtpRelay("127.0.0.1", server.sockets[0].getsockname()[1])
    await relay.submit("", ["dan@example.net"], b"Subject: x\r\n\r\nx\r.\r\nMAIL FROM:<>\r\r\n")
    assert b"Subject: x\r\n\r\nx\r\n..\r\nMAIL FROM:<>\r\n\r\n.\r\n" in heard
    heard.clear()
    for sender in ("x> AUTH=<>@example.net", "a@example.org,b@example.net", "x\u2028y@example.net"):
        with pytest.raises(NotSent):
            await relay.submit(sender, ["dan@example.net"], LETTER)
    assert heard == []
    server.close()
    await server.wait_closed()


async def test_another_machine_without_tls_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []
    server = await asyncio.start_server(lambda reader, writer: smtp_sink(reader, writer, heard), "127.0.0.1", 0)
    monkeypatch.setattr("pillarbox.net.relay._is_loopback", lambda host: False)
    with pytest.raises(NotSent):
        await SmtpRelay("127.0.0.1", server.sockets[0].getsockname()[1]).submit("", ["dan@example.net"], LETTER)
    assert not [line for line in heard if line[:4].upper() in (b"MAIL", b"DATA")]
    server.close()
    await server.wait_closed()


async def test_a_relay_that_is_not_there_is_told() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(NotSent, match=f"port {port}"):
        await SmtpRelay("127.0.0.1", port).submit("", ["dan@example.net"], LETTER)


async def test_a_command_gets_sender_recipients_and_message(tmp_path: Path) -> None:
    script = tmp_path / "sendmail"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {shlex.quote(str(tmp_path))}/said\ncat >> "${{0%/*}}/said"\n')
    script.chmod(0o755)
    await SendmailCommand([str(script)]).submit("", ["dan@example.net", "-oops@example.net"], LETTER)
    expected = b"-i\n-f\n<>\n--\ndan@example.net\n-oops@example.net\n" + LETTER.replace(b"\r\n", b"\n")
    assert (tmp_path / "said").read_bytes() == expected


@pytest.mark.parametrize("command", [["/no/such/program"], [sys.executable, "-c", "raise SystemExit(75)"]])
async def test_a_command_that_fails_is_told(command: list[str]) -> None:
    with pytest.raises(NotSent):
        await SendmailCommand(command).submit("a@b", ["dan@example.net"], LETTER)
