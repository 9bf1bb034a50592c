"""A supervisor whose two workers end at their start, and of whose ends it hears in one go. Run as `python -m`."""

from __future__ import annotations

import os
import signal
import sys

import psutil

from pillarbox.clock import SystemClock
from pillarbox.events import NoEvents
from pillarbox.net.settings import NetSettings
from pillarbox.net.workers import Supervisor, WorkerChannel, WorkerFailed


def end(channel: WorkerChannel) -> None:
    supervisor = psutil.Process(os.getppid())
    if channel.number == 1:
        supervisor.send_signal(signal.SIGSTOP)  # the test lets it go on when both have ended
    while supervisor.status() != psutil.STATUS_STOPPED:
        os.sched_yield()
    raise SystemExit(7)


def main() -> None:
    supervisor = Supervisor(2, end, NetSettings(stop_grace_seconds=600.0), SystemClock(), NoEvents())
    try:
        supervisor.run(on_ready=lambda: None, on_reload=lambda: None, on_stop=lambda: None)
    except WorkerFailed as error:
        sys.exit(str(error))


main()
