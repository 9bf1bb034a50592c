"""Brings audited events into the log without holding anybody up: a queue and a thread in processes that serve,
at once in those that don't.

What a kill -9 loses: what is in the queue, which is what happened while the batch before it was being synced.

Must never: raise because the log can't be written; wait for a disk on the loop's thread once it is started.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from typing import Final

from pillarbox.audit.entry import Happening
from pillarbox.audit.names import is_audited
from pillarbox.audit.settings import AuditSettings
from pillarbox.audit.thinning import Thinner
from pillarbox.audit.trail import AuditTrail, Head
from pillarbox.clock import Clock
from pillarbox.events import EventLog, Field

NOT_RECORDED: Final = "audit.not_recorded"
"""Events that could not be written: in the operational log, and as an entry when writing works again."""
CHECKPOINT: Final = "audit.checkpoint"
"""The newest entry, told to the operational log: that one is kept elsewhere (journald, a log server)."""

_BATCH: Final = 500
"""Entries synced together at most."""
_WAITING: Final = 20_000
"""Entries in memory at most while the disk does not answer."""
_CHECKPOINT_EACH: Final = 1000
"""Entries between two checkpoints."""


class AuditRecorder:
    """Takes happenings from any thread."""

    def __init__(self, trail: AuditTrail, settings: AuditSettings, by: str, clock: Clock, events: EventLog) -> None:
        """`by` is who acts: `server`, or the person at the command line. `events` hears of trouble and checkpoints."""
        self._trail = trail
        self._thinner = Thinner(settings)
        self._by = by
        self._clock = clock
        self._events = events
        self._queue: queue.SimpleQueue[Happening | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._lost = 0
        self._told = 0

    def record(self, event: str, fields: dict[str, Field]) -> None:
        """Write an event, or leave it to the thread; what is not audited is passed over."""
        if not is_audited(event):
            return
        happening = Happening(self._clock.now_seconds(), event, self._by, os.getpid(), fields)
        if self._thread is None:
            self._write([happening])
        elif self._queue.qsize() < _WAITING:
            self._queue.put(happening)
        else:
            with self._lock:
                self._lost += 1

    def start(self) -> None:
        """From now on a thread writes. Call it after the last fork."""
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Return when all that was recorded is on disk; then `record` writes at once again."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join()
        self._write(self._summary())

    def _run(self) -> None:
        go_on = True
        while go_on:
            batch, go_on = self._next_batch()
            self._write(self._thinned(batch))

    def _next_batch(self) -> tuple[list[Happening], bool]:
        """What waits; False with the last of it."""
        batch = []
        try:
            first = self._queue.get(timeout=1.0 if self._thinner.counts else None)
            while first is not None:
                batch.append(first)
                if len(batch) == _BATCH:
                    return batch, True
                first = self._queue.get_nowait()
        except queue.Empty:
            return batch, True
        return batch, False

    def _thinned(self, batch: list[Happening]) -> list[Happening]:
        """Without what is beyond what one may fill; that is counted."""
        now = self._clock.now_seconds()
        told = [self._own(event, fields) for event, fields in self._thinner.due(now)]
        return told + [each for each in batch if self._thinner.keeps(each, now)]

    def _summary(self) -> list[Happening]:
        return [self._own(event, fields) for event, fields in self._thinner.rest()]

    def _write(self, happenings: list[Happening]) -> None:
        with self._lock:
            lost, self._lost = self._lost, 0
        if lost:
            happenings = [self._own(NOT_RECORDED, {"count": lost}), *happenings]
        if not happenings:
            return
        try:
            head = self._trail.append(happenings)
        except OSError as error:
            with self._lock:
                self._lost += lost + len(happenings) - bool(lost)
            self._events.error(NOT_RECORDED, count=len(happenings), error=str(error.strerror or error))
            return
        self._tell(head)

    def _tell(self, head: Head) -> None:
        if head.number // _CHECKPOINT_EACH != self._told // _CHECKPOINT_EACH or not self._told:
            self._events.info(CHECKPOINT, head=str(head))
        self._told = head.number

    def _own(self, event: str, fields: dict[str, Field]) -> Happening:
        return Happening(self._clock.now_seconds(), event, "log", os.getpid(), fields)


class AuditedLog:
    """An EventLog that passes everything on to another one, and what is audited to the recorder too."""

    def __init__(self, inner: EventLog, record: Callable[[str, dict[str, Field]], None]) -> None:
        self._inner = inner
        self._record = record

    def debug(self, event: str, **fields: Field) -> None:
        self._record(event, fields)
        self._inner.debug(event, **fields)

    def info(self, event: str, **fields: Field) -> None:
        self._record(event, fields)
        self._inner.info(event, **fields)

    def warning(self, event: str, **fields: Field) -> None:
        self._record(event, fields)
        self._inner.warning(event, **fields)

    def error(self, event: str, **fields: Field) -> None:
        self._record(event, fields)
        self._inner.error(event, **fields)

    def bug(self, event: str, error: BaseException, **fields: Field) -> None:
        """An error of ours; the traceback is for the operational log alone."""
        self._record(event, fields)
        self._inner.bug(event, error, **fields)
