"""Runs the firewalls' own programs.

Must never: use a shell, or wait without end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from pillarbox.firewall.trouble import ProgramFailed, ProgramMissing

_SEARCH_PATH: Final = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
"""Firewall programs lie in folders that are not on everybody's PATH."""

_TIMEOUT_SECONDS: Final = 60
"""A reload of firewalld with thousands of rules takes some ten seconds."""

PACKAGES: Final = {
    "ufw": "ufw",
    "firewall-cmd": "firewalld",
    "nft": "nftables",
    "iptables": "iptables",
    "ip6tables": "iptables",
    "iptables-legacy": "iptables",
    "ip6tables-legacy": "iptables",
}
"""Program -> the package that brings it, in Debian as in most others."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program said."""

    code: int
    out: str
    err: str


class Programs(Protocol):
    """The programs of one machine."""

    def is_root(self) -> bool: ...

    def has(self, name: str) -> bool: ...

    def ask(self, *argv: str) -> Answer:
        """Run to the end, whatever the exit code. Raises ProgramMissing, ProgramFailed after too long a time."""
        ...

    def file_text(self, path: Path) -> str:
        """A file's text; empty when it is not there or can't be read."""
        ...


class LocalPrograms:
    """The programs of this machine."""

    def is_root(self) -> bool:
        return os.geteuid() == 0

    def has(self, name: str) -> bool:
        return shutil.which(name, path=_SEARCH_PATH) is not None

    def ask(self, *argv: str) -> Answer:
        program = shutil.which(argv[0], path=_SEARCH_PATH)
        if program is None:
            raise ProgramMissing(f"{argv[0]} is not installed; on Debian: apt-get install {PACKAGES[argv[0]]}")
        try:
            done = subprocess.run(
                [program, *argv[1:]],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT_SECONDS,
                env={"PATH": _SEARCH_PATH, "LC_ALL": "C"},
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ProgramFailed(f"{' '.join(argv)} did not end within {_TIMEOUT_SECONDS} seconds") from error
        except OSError as error:
            raise ProgramFailed(f"{program} can't be run: {error.strerror}") from error
        return Answer(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def file_text(self, path: Path) -> str:
        try:
            return path.read_text(errors="replace")
        except OSError:
            return ""


def said(programs: Programs, *argv: str) -> str:
    """What a program that must succeed printed. Raises ProgramMissing and ProgramFailed."""
    answer = programs.ask(*argv)
    if answer.code != 0:
        lines = [line for line in (answer.err + answer.out).splitlines() if line.strip() and not line.startswith("#")]
        reason = lines[0] if lines else f"exit code {answer.code}"
        raise ProgramFailed(f"`{' '.join(argv)}` failed: {reason}")
    return answer.out
