"""Counts of what was done, as Prometheus reads them: from a port of this machine, or from a file.

Text exposition format 0.0.4. Must never: listen to other machines, or name anything out of a message.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

_COUNTERS: Final = {
    "handled": "Messages whose handler succeeded.",
    "failed": "Attempts that failed.",
    "dead": "Messages given up after too many failures.",
    "done": "Messages moved, flagged, deleted or kept after success.",
    "connected": "Logins to the server.",
    "lost": "Connections that broke or were refused.",
    "renumbered": "Times that the server changed UIDVALIDITY.",
}
_GAUGES: Final = {"waiting": "Messages taken in that are not done with.", "up": "1 while the mailbox is watched."}
_REQUEST_SECONDS: Final = 5.0


class Metrics:
    """For all mailboxes of a process."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._values: defaultdict[tuple[str, str, str], int] = defaultdict(int)

    def count(self, name: str, account: str, mailbox: str) -> None:
        """One more."""
        assert name in _COUNTERS, name
        self._values[name, account, mailbox] += 1
        self._write()

    def set(self, name: str, account: str, mailbox: str, value: int) -> None:
        """How it is now."""
        assert name in _GAUGES, name
        if self._values.get((name, account, mailbox)) != value:
            self._values[name, account, mailbox] = value
            self._write()

    def value(self, name: str, account: str, mailbox: str) -> int:
        return self._values.get((name, account, mailbox), 0)

    def text(self) -> str:
        """All of them."""
        lines = []
        for kind, texts, suffix in (("counter", _COUNTERS, "_total"), ("gauge", _GAUGES, "")):
            for name, said in texts.items():
                full = f"pillarbox_watch_{name}{suffix}"
                lines += [f"# HELP {full} {said}", f"# TYPE {full} {kind}"]
                lines += [
                    f'{full}{{account="{_escaped(account)}",mailbox="{_escaped(mailbox)}"}} {value}'
                    for (each, account, mailbox), value in sorted(self._values.items())
                    if each == name
                ]
        return "\n".join(lines) + "\n"

    @asynccontextmanager
    async def served(self, port: int | None) -> AsyncIterator[int]:
        """At http://127.0.0.1:PORT/metrics meanwhile; 0 takes a free port. Raises OSError."""
        if port is None:
            yield 0
            return
        server = await asyncio.start_server(self._answer, "127.0.0.1", port, limit=8_192)
        async with server:
            yield int(server.sockets[0].getsockname()[1])

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                found = head.split(b" ")[:2] == [b"GET", b"/metrics"]
                body = self.text().encode() if found else b"See /metrics\n"
                status = b"200 OK" if found else b"404 Not Found"
                writer.write(
                    b"HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body)
                )
                await writer.drain()
        writer.close()

    def _write(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # figures that can't be written stop no mail
                beside = self._file.with_name(self._file.name + ".new")
                beside.write_text(self.text())
                os.replace(beside, self._file)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
