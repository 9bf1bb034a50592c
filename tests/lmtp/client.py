"""A blocking LMTP client that sees every reply, over a Unix socket, TCP or TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE_SECONDS = 60.0


class LmtpClient:
    def __init__(self, where: Path | tuple[str, int], context: ssl.SSLContext | None = None) -> None:
        if isinstance(where, Path):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE_SECONDS)
            self.socket.connect(str(where))
        else:
            self.socket = socket.create_connection(where, PATIENCE_SECONDS)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self._lines = self.socket.makefile("rb")
        self.greeting = self.reply()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._lines.close()
            self.socket.close()

    def reply(self) -> str:
        """One reply, all its lines; empty at the end of the stream."""
        lines = [self._lines.readline()]
        while lines[-1][3:4] == b"-":
            lines.append(self._lines.readline())
        return b"".join(lines).decode().rstrip()

    def ask(self, line: str) -> str:
        self.socket.sendall(line.encode() + b"\r\n")
        return self.reply()

    def deliver(self, recipients: list[str], text: bytes, sender: str = "") -> list[str]:
        """One transaction; the replies behind the dot."""
        assert self.ask(f"MAIL FROM:<{sender}>").startswith("250")
        taken = [self.ask(f"RCPT TO:<{recipient}>").startswith("250") for recipient in recipients]
        assert self.ask("DATA").startswith("354")
        self.socket.sendall(text + b".\r\n")
        return [self.reply() for accepted in taken if accepted]
