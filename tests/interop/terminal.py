"""A full-screen program in a terminal of its own: tmux holds the screen, the test types and reads."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import pytest

from .programs import ClientHome, find_program

WITHIN_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.05


class Terminal:
    """Runs one program in tmux, in a client's home; leaving the context ends it, whatever it does."""

    def __init__(self, home: ClientHome, command: Sequence[str]) -> None:
        self._home = home
        # A Unix socket has a name of at most 107 bytes, and pytest's folders are deep: never below the home.
        self._sockets = tempfile.TemporaryDirectory(prefix="terminal-")
        self._socket = f"{self._sockets.name}/tmux"
        self._status = home.path / "exit-status"
        self._status.unlink(missing_ok=True)
        quoted = " ".join(f"'{word}'" for word in [find_program(command[0]), *command[1:]])
        script = home.write("run", f"{quoted} 2> stderr\necho $? > status.part\nmv status.part exit-status\n")
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", "140", "-y", "45", f"sh {script}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._tmux("kill-server", checked=False)
        self._sockets.cleanup()

    def type(self, *keys: str) -> None:
        """Type words and named keys (`Enter`) as tmux knows them."""
        for key in keys:
            self._tmux("send-keys", *(("Enter",) if key == "Enter" else ("-l", key)))

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p", checked=False)

    def wait_for(self, text: str) -> str:
        """The screen, as soon as it shows `text`."""
        return self._wait(lambda screen: text in screen, f"never showed {text!r}")

    def wait_until_gone(self, text: str) -> str:
        """The screen, as soon as it shows `text` no longer."""
        return self._wait(lambda screen: text not in screen, f"went on showing {text!r}")

    def _wait(self, is_there: Callable[[str], bool], otherwise: str) -> str:
        deadline = time.monotonic() + WITHIN_SECONDS
        while not is_there(screen := self.screen()):
            if self._status.exists() or time.monotonic() > deadline:
                said = (self._home.path / "stderr").read_text()
                pytest.fail(f"the screen {otherwise}:\n{screen}\n{said}", pytrace=False)
            time.sleep(LOOK_EVERY_SECONDS)
        return screen

    def wait_for_exit(self) -> int:
        """The exit code of the program."""
        deadline = time.monotonic() + WITHIN_SECONDS
        while not self._status.exists():
            if time.monotonic() > deadline:
                pytest.fail(f"the program did not end:\n{self.screen()}", pytrace=False)
            time.sleep(LOOK_EVERY_SECONDS)
        return int(self._status.read_text())

    def _tmux(self, *words: str, checked: bool = True) -> str:
        done = subprocess.run(
            [find_program("tmux"), "-S", self._socket, *words],
            capture_output=True,
            text=True,
            timeout=WITHIN_SECONDS,
            env=self._home.environment(),
            cwd=self._home.path,
            check=False,
        )
        if checked and done.returncode != 0 and not self._status.exists():
            pytest.fail(f"tmux {' '.join(words)}: {done.stderr}", pytrace=False)
        return done.stdout
