"""The supervisor alone; the whole with a server is in tests/app."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil


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


def test_workers_that_end_together_at_the_start_fail_it_at_once() -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.net.workers_that_end_together"], stderr=subprocess.PIPE, text=True
    )
    supervisor = psutil.Process(started.pid)
    while [child.status() for child in supervisor.children()] != [psutil.STATUS_ZOMBIE] * 2:
        assert started.poll() is None
        os.sched_yield()
    supervisor.send_signal(signal.SIGCONT)
    _, said = started.communicate(timeout=30)
    assert (started.returncode, said) == (1, "a worker process ended at its start (exit code 7)\n")


def test_a_worker_s_collector_leaves_alone_what_it_shares_with_the_others() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.net.frozen_workers"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["frozen", "0"]
