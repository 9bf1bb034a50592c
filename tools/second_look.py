"""Runs the few tests that failed beside all others once more, alone, and says which of them passed then.

    python -m tools.second_look STATUS       after pytest has ended with that exit status

Real programs under test share a machine with three test processes; a test that passes alone doesn't say that the
project is broken. It is still a bug, of the test or of what it tests, so it is named at the very end of the output.
Must never: look again at more than a few, or more than once; make anything of a run that didn't come to its end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

MOST: Final = 3
"""More failures than this are no accident."""
TESTS_FAILED: Final = 1
"""pytest's exit status when it ran to the end and tests failed."""
FAILED: Final = Path(".pytest_cache/v/cache/lastfailed")


def look_again(status: int, failed: Sequence[str], run: Sequence[str]) -> int:
    """Run the tests of these ids with the command `run`; returns the exit status for the shell."""
    if status != TESTS_FAILED or not 0 < len(failed) <= MOST:
        _say(f"{len(failed)} failed, pytest ended with {status}: looked at again are {MOST} at most, after a whole run")
        return status or TESTS_FAILED
    _say(f"{len(failed)} failed beside the others; alone now")
    done = subprocess.run([*run, *failed], check=False)
    if done.returncode:
        return done.returncode
    for test in failed:
        _say(f"FAILED AT FIRST, PASSED ALONE: {test}")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"second look: {text}\n")
    sys.stdout.flush()


def main() -> int:
    """Status as the shell gave it."""
    failed = sorted(json.loads(FAILED.read_text())) if FAILED.exists() else []
    return look_again(int(sys.argv[1]), failed, [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"])


if __name__ == "__main__":
    sys.exit(main())
