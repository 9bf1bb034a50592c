"""Client programs from packages: found or named in one clear line, run in a home of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

DEBIAN_PACKAGES = {
    "Xvfb": "xvfb",
    "certutil": "libnss3-tools",
    "curl": "curl",
    "fetchmail": "fetchmail",
    "getmail": "getmail6",
    "gsasl": "gsasl",
    "mbsync": "isync",
    "neomutt": "neomutt",
    "node": "nodejs",
    "npm": "npm",
    "offlineimap": "offlineimap3",
    "thunderbird": "thunderbird",
    "tmux": "tmux",
}


def find_program(name: str) -> str:
    """The path of a program; fails the test with one line when it is missing."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is not installed: apt-get install {DEBIAN_PACKAGES[name]}", pytrace=False)
    return path


@dataclass(frozen=True, slots=True)
class ClientHome:
    """A home directory for one client in one test; nothing of the real user's is seen."""

    path: Path

    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.path),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "TMPDIR": str(self.path),
            "TZ": "UTC",
        }

    def write(self, name: str, text: str) -> Path:
        """A file readable by its owner only, as clients insist for passwords."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o600)
        return file

    def attempt(
        self, command: Sequence[str], *, stdin: bytes = b"", timeout_seconds: float = 60
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program to its end, whatever its exit code."""
        return subprocess.run(
            [find_program(command[0]), *command[1:]],
            input=stdin,
            capture_output=True,
            timeout=timeout_seconds,
            env=self.environment(),
            cwd=self.path,
            check=False,
        )

    def run(self, command: Sequence[str], *, stdin: bytes = b"", timeout_seconds: float = 60) -> bytes:
        """Run a program that must succeed; returns stdout."""
        done = self.attempt(command, stdin=stdin, timeout_seconds=timeout_seconds)
        if done.returncode != 0:
            said = (done.stdout + done.stderr).decode(errors="replace")
            pytest.fail(f"{' '.join(command)}: exit code {done.returncode}\n{said}", pytrace=False)
        return done.stdout
