"""Starts servers as a person would, and reads what they say."""

from __future__ import annotations

import imaplib
import json
import queue
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

PATIENCE_SECONDS = 30.0
"""A test that waits for longer hangs."""


class ServerProcess:
    """A running server; leave the `with` block to stop it and see that it ends well."""

    def __init__(
        self, folder: Path, workers: int = 1, host: str = "127.0.0.1", port: int = 0, certificate: Path | None = None
    ) -> None:
        self.folder = folder
        self.said: list[str] = []
        self._news: queue.Queue[str] = queue.Queue()
        arguments = [str(folder), str(workers), host, str(port), *([str(certificate)] if certificate else [])]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.app.launch", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._news.put(line)

    def wait_for(self, event: str) -> dict[str, object]:
        """The next event of that name; lines before it are passed over."""
        while True:
            try:
                line = self._news.get(timeout=PATIENCE_SECONDS)
            except queue.Empty:
                raise AssertionError(f"no {event} after {self.said}") from None
            self.said.append(line)
            if line.startswith("{"):
                fields = json.loads(line)
                if fields["event"] == event:
                    return fields

    def ready_line(self) -> str:
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        assert self.line, self.rest()
        return self.line

    @property
    def port(self) -> int:
        return int(self.line.rpartition(":")[2])

    def connect(self) -> imaplib.IMAP4_SSL:
        """A verified connection that has read the greeting."""
        authority = self.folder / "certificates" / "authority.crt"
        return imaplib.IMAP4_SSL("127.0.0.1", self.port, ssl_context=ssl.create_default_context(cafile=str(authority)))

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE_SECONDS)

    def rest(self) -> str:
        """Everything on stderr, once the process has ended."""
        self.process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        while not self._news.empty():
            self.said.append(self._news.get())
        return "".join(self.said)

    def __enter__(self) -> ServerProcess:
        self.ready_line()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ended_already = self.process.poll() is not None
        status = self.stop()
        assert self.process.stdout is not None
        stdout = self.process.stdout.read()
        if error is None:
            assert (ended_already or status == 0, stdout) == (True, ""), self.rest()
