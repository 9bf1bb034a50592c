"""The supervisor alone; the whole with a server is in tests/app."""

from __future__ import annotations

import subprocess
import sys


def test_a_worker_that_dies_young_is_restarted_after_longer_and_longer_pauses() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.net.dying_workers"], capture_output=True, text=True, timeout=60, check=False
    )
    died = "worker.died 7 "
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert [line for line in said if line.startswith(died)] == [
        died + pause for pause in ("0.01", "0.02", "0.04", "0.08", "0.1", "0.1")
    ]
    assert said[-2:] == ["stopping", "stopped"]
