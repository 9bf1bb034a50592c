"""Runs `pillarbox` as people do: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHEAP_HASHES = "[auth]\nargon2_memory_kib = 8192\nargon2_passes = 1\nargon2_lanes = 1\n"
"""So that a test does not wait for Argon2."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # whatever the command says
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The command line with one data folder."""

    data: Path

    def __call__(self, *words: str, stdin: str = "") -> Said:
        return run(*words, "--data", str(self.data), stdin=stdin)

    def done(self, *words: str, stdin: str = "") -> Said:
        """A command that must succeed."""
        said = self(*words, stdin=stdin)
        assert (said.code, said.err) == (0, "")
        return said


def run(*words: str, stdin: str = "", home: Path | None = None) -> Said:
    environment = os.environ | {"COLUMNS": "80", "NO_COLOR": "1"}
    environment.pop("XDG_DATA_HOME", None)
    if home is not None:
        environment["HOME"] = str(home)
    done = subprocess.run(
        [sys.executable, "-m", "pillarbox", *words],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)
