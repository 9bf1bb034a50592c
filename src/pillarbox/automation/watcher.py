"""Watches many mailboxes at once, until told to stop.

Must never: begin another handler after `stop`, or end one that runs (but for its own time-out).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from pillarbox.automation.checkpoint import Checkpoint
from pillarbox.automation.connection import Refused
from pillarbox.automation.metrics import Metrics
from pillarbox.automation.plan import Job
from pillarbox.automation.watched import WatchedMailbox
from pillarbox.clock import Clock, SystemClock


class Watcher:
    """Several jobs in one process, with one checkpoint file."""

    def __init__(
        self,
        jobs: Sequence[Job],
        checkpoint: Path | str,
        *,
        metrics: Metrics | None = None,
        metrics_port: int | None = None,
        note: Callable[[str], None] = lambda text: None,
        clock: Clock | None = None,
    ) -> None:
        """`note` is told, in a line each, what a person should know. The checkpoint is locked while `run` runs."""
        self._jobs = tuple(jobs)
        places = [(job.key, name) for job in self._jobs for name in job.mailboxes]
        if len(set(places)) < len(places):
            raise ValueError("two jobs watch the same mailbox; give them names of their own")
        self._path = Path(checkpoint)
        self._metrics = metrics or Metrics()
        self._metrics_port = metrics_port
        self._note = note
        self._clock = clock or SystemClock()
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Let handlers that run finish, begin no other, and return from `run`. Call it on the loop's thread."""
        self._stop.set()

    async def run(self) -> None:
        """Until `stop`, or until no mailbox is left that can be watched.

        A mailbox whose server refuses (password, certificate, name) before it was ever opened is given up; then, when
        all the others are stopped, that Refused is raised. Raises OSError, apsw.Error, CheckpointBusy for the file.
        """
        checkpoint = Checkpoint(self._path)
        try:
            mailboxes = [
                WatchedMailbox(job, name, checkpoint, self._metrics, self._note, self._clock, self._stop)
                for job in self._jobs
                for name in job.mailboxes
            ]
            async with self._metrics.served(self._metrics_port) as port:
                if port:
                    self._note(f"metrics at http://127.0.0.1:{port}/metrics")
                ends = await asyncio.gather(*(each.run() for each in mailboxes), return_exceptions=True)
        finally:
            checkpoint.close()
        for end in sorted((end for end in ends if end is not None), key=lambda end: isinstance(end, Refused)):
            raise end
