"""A real Pillarbox, started as users start it: `pillarbox serve` in a process of its own, over TLS.

Must never: reach into the package. All that a test learns about this server comes through its command line,
its data folder and its port.
"""

from __future__ import annotations

import contextlib
import csv
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

READY_WITHIN_SECONDS = 30.0
STOPPED_WITHIN_SECONDS = 20.0
COMMAND_WITHIN_SECONDS = 120.0


class ServerTrouble(AssertionError):
    """The server or its command line did not do what it promises; carries what it wrote to stderr."""


class PillarboxServer:
    """`pillarbox serve` as a subprocess; use it as a context manager, or call start() and stop().

    `host` and `port` are where it listens (the port is known once it started, and kept for restarts), `ca_file`
    is what clients trust. Leaving the context stops it with SIGTERM and insists on exit code 0, unless it was
    killed before or the test is failing anyway.
    """

    def __init__(
        self,
        data: Path | None = None,
        *,
        port: int = 0,
        config: Path | None = None,
        workers: int | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        self._temporary = Path(tempfile.mkdtemp(prefix="pillarbox-server-")) if data is None else None
        self.data = data if data is not None else self._temporary_folder() / "data"
        self.host = "localhost"
        self.port = port
        self.config = config
        self.workers = workers
        self.arguments = tuple(arguments)
        self.stderr_file = self.data.with_name(self.data.name + ".stderr")
        self.process: subprocess.Popen[bytes] | None = None
        self._stdout: list[str] = []
        self._listening = threading.Event()

    # --- its life --------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self.process is None:
                return
            if kind is None:
                self.stop()
            else:
                self.kill()
        finally:
            if self._temporary is not None:
                shutil.rmtree(self._temporary, ignore_errors=True)

    def start(self) -> None:
        """Start it and return when it says that it is ready. Again after stop() or kill(): the same data and port."""
        if self.process is not None:
            raise ServerTrouble("the server runs already")
        self.data.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pillarbox", "serve", "--data", str(self.data)]
        command += ["--listen", f"127.0.0.1:{self.port}"]
        if self.config is not None:
            command += ["--config", str(self.config)]
        if self.workers is not None:
            command += ["--workers", str(self.workers)]
        self._stdout, self._listening = [], threading.Event()
        with self.stderr_file.open("ab") as stderr:
            self.process = subprocess.Popen(
                [*command, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=_environment(),
                start_new_session=True,
            )
        threading.Thread(target=self._read_stdout, args=(self.process, self._listening), daemon=True).start()
        if not self._listening.wait(READY_WITHIN_SECONDS) or not self._take_address():
            self.kill()
            raise self._trouble("the server never said `ready imaps://HOST:PORT` on stdout")

    def stop(self) -> str:
        """SIGTERM; returns all it wrote to stderr. Raises ServerTrouble unless it ends in time with exit code 0."""
        process = self._running()
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOPPED_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self._trouble(f"the server ignored SIGTERM for {STOPPED_WITHIN_SECONDS:.0f} s") from None
        self.process = None
        if code != 0:
            raise self._trouble(f"the server ended with exit code {code} after SIGTERM")
        return self.stderr()

    def reload(self) -> None:
        """SIGHUP: certificates and settings are read again."""
        self._running().send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """kill -9, the workers too, as a power cut would."""
        process = self._running()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.process = None

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same data folder and port."""
        if self.process is not None:
            self.stop()
        self.start()

    # --- what clients need -----------------------------------------------------------------------

    @property
    def ca_file(self) -> Path:
        """The local certificate authority that the first run made, as PEM."""
        return self.data / "certificates" / "authority.crt"

    @property
    def process_id(self) -> int:
        return self._running().pid

    def client_context(self) -> ssl.SSLContext:
        """TLS settings of a careful client: this server's authority and no other, names checked."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    # --- its command line ------------------------------------------------------------------------

    def command(self, *arguments: str, stdin: str = "") -> str:
        """Run `pillarbox ARGUMENTS --data DATA`; returns stdout. Raises ServerTrouble when it does not exit with 0."""
        config = () if self.config is None else ("--config", str(self.config))
        done = subprocess.run(
            [sys.executable, "-m", "pillarbox", *arguments, "--data", str(self.data), *config],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_WITHIN_SECONDS,
            env=_environment(),
            check=False,
        )
        if done.returncode != 0:
            raise ServerTrouble(
                f"pillarbox {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done.stdout

    def add_account(self, name: str, password: str) -> None:
        """`pillarbox user add NAME --password-stdin`; works whether the server runs or not."""
        self.command("user", "add", name, "--password-stdin", stdin=password + "\n")

    def add_accounts(self, accounts: Sequence[tuple[str, str]]) -> None:
        """`pillarbox user import` of (name, password) pairs: many for the price of one start of the command line."""
        with tempfile.NamedTemporaryFile("w", newline="", suffix=".csv", encoding="utf-8") as people:
            csv.writer(people).writerows(accounts)
            people.flush()
            self.command("user", "import", people.name)

    def import_mail(self, source: Path, user: str, mailbox: str | None = None) -> None:
        """`pillarbox import SOURCE --user NAME [--mailbox M]`."""
        self.command("import", str(source), "--user", user, *(() if mailbox is None else ("--mailbox", mailbox)))

    def stderr(self) -> str:
        """All that the server wrote to stderr since the first start."""
        return self.stderr_file.read_text(errors="replace") if self.stderr_file.exists() else ""

    # --- inside ----------------------------------------------------------------------------------

    def _temporary_folder(self) -> Path:
        assert self._temporary is not None
        return self._temporary

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            raise ServerTrouble("the server does not run")
        return self.process

    def _read_stdout(self, process: subprocess.Popen[bytes], listening: threading.Event) -> None:
        """Keep the pipe empty; wake start() at the ready line, or at the end of the process."""
        assert process.stdout is not None
        for raw_line in process.stdout:
            line = raw_line.decode(errors="replace").rstrip()
            self._stdout.append(line)
            if line.startswith("ready imaps://"):
                listening.set()
        listening.set()

    def _take_address(self) -> bool:
        for line in self._stdout:
            if line.startswith("ready "):
                port = urlsplit(line.split()[1]).port
                self.port = port or self.port
                return port is not None
        return False

    def _trouble(self, what: str) -> ServerTrouble:
        stdout = "\n".join(self._stdout)
        return ServerTrouble(f"{what}\n--- stdout\n{stdout}\n--- stderr\n{self.stderr()}")


def _environment() -> dict[str, str]:
    """The caller's environment without what could steer the server, and with unbuffered output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PILLARBOX_", "PYTEST_"))}
    return {**kept, "PYTHONUNBUFFERED": "1"}
