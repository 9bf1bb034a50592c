"""Hands messages to a server that sends mail: over SMTP, or through a sendmail-compatible command.

Must never: send to another machine without verified TLS; block the loop.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import smtplib
import ssl
import subprocess  # starts what the operator named in the settings, without a shell
from collections.abc import Sequence
from typing import Final

from pillarbox.delivery.outbox import NotSent

_PATIENCE_SECONDS: Final = 60.0
"""For each answer of the other side; a delivery waits for it."""
_LONE_CR: Final = re.compile(rb"\r(?!\n)")
"""RFC 5321 section 2.3.8 forbids it. Some servers take it for a line end, so that CR "." CR LF would end the message
there, and what a stranger wrote behind it would be commands."""
_NO_PATH: Final = re.compile(r"[\s<>,\"]")
"""In a sender's quoted local part these would end the path, and add parameters; the quotes are gone here."""


class SmtpRelay:
    """delivery.outbox.Outbox. STARTTLS wherever it is offered; on other machines it has to be."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    async def submit(self, sender: str, recipients: Sequence[str], content: bytes) -> None:
        if _NO_PATH.search(sender):
            raise NotSent("a sender's address that needs quotes is not sent on")
        try:
            await asyncio.to_thread(self._send, sender, recipients, _LONE_CR.sub(b"\r\n", content))
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise NotSent(f"{self._host} port {self._port}: {type(error).__name__}") from error

    def _send(self, sender: str, recipients: Sequence[str], content: bytes) -> None:
        with smtplib.SMTP(self._host, self._port, timeout=_PATIENCE_SECONDS) as server:
            server.ehlo()
            is_local = _is_loopback(self._host)
            if not is_local or server.has_extn("starttls"):
                server.starttls(context=_local_context() if is_local else ssl.create_default_context())
                server.ehlo()
            options = ["BODY=8BITMIME"] if server.has_extn("8bitmime") else []
            if not all(address.isascii() for address in (sender, *recipients)):
                options.append("SMTPUTF8")
            if refused := server.sendmail(sender, list(recipients), content, options):
                raise NotSent(f"{self._host} refused {len(refused)} recipients")


class SendmailCommand:
    """delivery.outbox.Outbox through a command."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)

    async def submit(self, sender: str, recipients: Sequence[str], content: bytes) -> None:
        text = content.replace(b"\r\n", b"\n")  # what such commands read
        words = [*self._command, "-i", "-f", sender or "<>", "--", *recipients]
        try:
            await asyncio.to_thread(
                subprocess.run, words, input=text, check=True, capture_output=True, timeout=_PATIENCE_SECONDS
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise NotSent(f"{self._command[0]}: {type(error).__name__}") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _local_context() -> ssl.SSLContext:
    """On loopback there is nobody in between, and certificates are for other names."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
