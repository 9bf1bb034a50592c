"""A worker that says whether its collector leaves alone what was there before it: one line."""

from __future__ import annotations

import gc
import os
import signal

from pillarbox.clock import SystemClock
from pillarbox.events import NoEvents
from pillarbox.net.settings import NetSettings
from pillarbox.net.workers import Reload, Supervisor, WorkerChannel


def main() -> None:
    def work(channel: WorkerChannel) -> None:
        print("frozen" if gc.get_freeze_count() > 10 * len(gc.get_objects()) else "collected", flush=True)
        channel.ready()
        signal.pause()

    supervisor = Supervisor(1, work, NetSettings(), SystemClock(), NoEvents())
    supervisor.run(lambda: os.kill(os.getpid(), signal.SIGTERM), lambda: Reload.REFRESH, lambda: None)
    print(gc.get_freeze_count())


if __name__ == "__main__":
    main()
