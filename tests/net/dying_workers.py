"""A supervisor whose workers die at once, over and over; prints what it does. Run as `python -m`."""

from __future__ import annotations

import os
import signal

from pillarbox.clock import SystemClock
from pillarbox.events import Field, NoEvents
from pillarbox.net.settings import NetSettings
from pillarbox.net.workers import Supervisor, WorkerChannel


class Printed(NoEvents):
    """Shows the pauses, and ends the play after six deaths."""

    def __init__(self) -> None:
        self.deaths = 0

    def error(self, event: str, **fields: Field) -> None:
        self.deaths += 1
        print(event, fields["exit_code"], fields["restart_seconds"], flush=True)
        if self.deaths == 6:
            os.kill(os.getpid(), signal.SIGTERM)


def die(channel: WorkerChannel) -> None:
    channel.ready()
    raise SystemExit(7)


def main() -> None:
    settings = NetSettings(restart_seconds=0.01, restart_most_seconds=0.1, stop_grace_seconds=1.0)
    supervisor = Supervisor(1, die, settings, SystemClock(), Printed())
    supervisor.run(
        on_ready=lambda: print("ready", flush=True),
        on_reload=lambda: None,
        on_stop=lambda: print("stopping", flush=True),
    )
    print("stopped")


main()
