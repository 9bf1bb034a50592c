"""Several processes that serve the same port: forks them, restarts those that die, stops them all together, and puts
successors in their places when what they serve with has changed.

The supervisor runs no event loop and no thread, so that forking stays safe at any time. Each worker holds the read
end of one pipe, the lifeline; only the supervisor holds its write end, so its death, however sudden, is the end of
file for every worker.

Must never: serve anything itself; leave a worker behind.
"""

from __future__ import annotations

import contextlib
import enum
import gc
import os
import select
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.net.settings import NetSettings
from pillarbox.net.tally import Tally

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


DRAIN_SIGNAL = signal.SIGUSR1
"""Tells a worker that its successor is there: accept no more, end when everybody has left."""


class Reload(enum.Enum):
    """What the workers have to do with a reload."""

    REFRESH = "refresh"
    """They go on, and look at their files again."""
    REPLACE = "replace"
    """Successors take over; those who are there serve their clients to the end."""


class WorkerFailed(Exception):
    """A worker ended before the server was ready; what it said is in the log. The text is for the operator."""


@dataclass(frozen=True, slots=True)
class WorkerChannel:
    """What a worker has of its supervisor."""

    number: int
    """0 and up; the successor of a dead worker has its number."""
    lifeline: int
    """A file descriptor that becomes readable when the supervisor is gone."""
    _status: int
    row: int = 0
    """Of this process in the tally."""

    def ready(self) -> None:
        """Tell that this worker accepts connections."""
        os.write(self._status, bytes([self.number]))


@dataclass(frozen=True, slots=True)
class Beat:
    """What the supervisor does again and again while all is well with it."""

    seconds: float
    do: Callable[[], None]


@dataclass(slots=True)
class _Seat:
    """One worker's place, whoever sits in it."""

    number: int
    pid: int = 0
    started_seconds: float = 0.0
    deaths: int = 0
    start_at_seconds: float | None = 0.0
    """None while it runs."""
    row: int = 0
    """Of the tally."""
    draining: dict[int, int] = field(default_factory=dict)
    """Process ids of those that sat here before and still have clients, with their rows of the tally."""

    def pids(self) -> list[int]:
        """All processes of this seat."""
        return [*([self.pid] if self.pid else []), *self.draining]


class Supervisor:
    """Keeps `count` workers running until it is told to stop."""

    def __init__(
        self,
        count: int,
        work: Callable[[WorkerChannel], None],
        settings: NetSettings,
        clock: Clock,
        events: EventLog,
        tally: Tally | None = None,
        beat: Beat | None = None,
    ) -> None:
        """`work` runs in each worker process until that is told to stop by SIGTERM or the lifeline; each has a row of
        `tally` for as long as it lives."""
        self._beat = beat
        self._beaten_seconds = 0.0
        self._work = work
        self._settings = settings
        self._clock = clock
        self._events = events
        self._tally = tally or Tally()
        self._seats = [_Seat(number) for number in range(count)]
        self._not_ready = set(range(count))
        self._was_ready = False
        self._stopping = False

    def run(self, on_ready: Callable[[], None], on_reload: Callable[[], Reload], on_stop: Callable[[], None]) -> None:
        """Start the workers and return when all have ended after SIGTERM or SIGINT.

        `on_ready` is called once, when every worker accepts; `on_reload` at SIGHUP, before the workers hear of it;
        `on_stop` before they are stopped. Raises WorkerFailed when one ends before that.
        """
        self._lifeline, self._lifeline_end = os.pipe()
        self._status_in, self._status = os.pipe()
        self._wake_in, self._wake = os.pipe()
        for descriptor in (self._status_in, self._wake_in, self._wake):
            os.set_blocking(descriptor, False)
        before = {number: signal.signal(number, _noted) for number in _SIGNALS}
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        gc.collect()
        gc.freeze()  # else the first full collection of a worker writes to every page that it shares with us
        try:
            self._tend(on_ready, on_reload, on_stop)
        finally:
            gc.unfreeze()
            self._end_all()
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
            for descriptor in (self._lifeline, self._lifeline_end, self._status_in, self._status):
                os.close(descriptor)
            os.close(self._wake_in)
            os.close(self._wake)

    # --- the supervisor's loop --------------------------------------------------------------------

    def _tend(self, on_ready: Callable[[], None], on_reload: Callable[[], Reload], on_stop: Callable[[], None]) -> None:
        while not self._stopping:
            self._start_due()
            self._beat_due()
            select.select([self._wake_in, self._status_in], [], [], self._pause_seconds())
            signals = set(_read_all(self._wake_in))
            self._welcome(_read_all(self._status_in))
            if not self._was_ready and not self._not_ready:
                self._was_ready = True
                on_ready()
            if signals & {signal.SIGTERM, signal.SIGINT}:
                self._stopping = True
            self._reap()
            if signal.SIGHUP in signals and not self._stopping:
                if on_reload() is Reload.REPLACE:
                    self._replace_all()
                else:
                    self._tell_all(signal.SIGHUP)
        on_stop()

    def _welcome(self, numbers: bytes) -> None:
        """These seats' workers accept now: whoever sat there before lets go."""
        self._not_ready -= set(numbers)
        for seat in self._seats:
            if seat.number in numbers:
                for pid in seat.draining:
                    os.kill(pid, DRAIN_SIGNAL)

    def _replace_all(self) -> None:
        now = self._clock.monotonic_seconds()
        for seat in self._seats:
            if seat.pid:
                seat.draining[seat.pid] = seat.row
                self._start(seat, now)

    def _pause_seconds(self) -> float | None:
        due = [seat.start_at_seconds for seat in self._seats if seat.start_at_seconds is not None]
        if self._beat is not None:
            due.append(self._beaten_seconds + self._beat.seconds)
        return max(0.0, min(due) - self._clock.monotonic_seconds()) if due else None

    def _beat_due(self) -> None:
        now = self._clock.monotonic_seconds()
        if self._beat is not None and now >= self._beaten_seconds + self._beat.seconds:
            self._beaten_seconds = now
            self._beat.do()

    def _start_due(self) -> None:
        now = self._clock.monotonic_seconds()
        for seat in self._seats:
            if seat.start_at_seconds is not None and seat.start_at_seconds <= now:
                self._start(seat, now)

    def _reap(self) -> None:
        """Take note of workers that ended, and plan their successors."""
        for seat in self._seats:
            for pid in tuple(seat.draining):
                if os.waitpid(pid, os.WNOHANG)[0]:
                    self._tally.wipe(seat.draining.pop(pid))
                    self._events.info("worker.drained", worker=seat.number)
            if not seat.pid:
                continue
            ended, status = os.waitpid(seat.pid, os.WNOHANG)
            if not ended:
                continue
            self._tally.wipe(seat.row)
            now = self._clock.monotonic_seconds()
            lived = now - seat.started_seconds
            seat.deaths = 0 if lived > self._settings.restart_most_seconds else seat.deaths
            pause = min(self._settings.restart_seconds * 2**seat.deaths, self._settings.restart_most_seconds)
            seat.pid, seat.deaths, seat.start_at_seconds = 0, seat.deaths + 1, now + pause
            if self._stopping:
                continue
            code = os.waitstatus_to_exitcode(status)
            if not self._was_ready:
                raise WorkerFailed(f"a worker process ended at its start (exit code {code})")
            self._events.error("worker.died", worker=seat.number, exit_code=code, restart_seconds=round(pause, 3))

    def _tell_all(self, number: signal.Signals) -> None:
        for seat in self._seats:
            for pid in seat.pids():
                os.kill(pid, number)

    def _end_all(self) -> None:
        """SIGTERM, the time that a graceful stop takes at most, SIGKILL."""
        self._stopping = True
        settings = self._settings
        self._tell_all(signal.SIGTERM)
        give_up = self._clock.monotonic_seconds() + settings.stop_grace_seconds + settings.farewell_seconds + 5.0
        self._reap()  # the signal of a worker that ended together with the one that failed is read already
        while any(seat.pids() for seat in self._seats):
            left = give_up - self._clock.monotonic_seconds()
            if left <= 0:
                self._events.error("worker.killed", reason="took too long to stop")
                self._tell_all(signal.SIGKILL)
                left = 1.0
            select.select([self._wake_in], [], [], left)
            _read_all(self._wake_in)
            self._reap()

    # --- becoming a worker ------------------------------------------------------------------------

    def _start(self, seat: _Seat, now_seconds: float) -> None:
        seat.started_seconds, seat.start_at_seconds, seat.row = now_seconds, None, self._tally.claim()
        sys.stdout.flush()
        sys.stderr.flush()
        # No signal between fork and the worker's own handlers: it would be written to the supervisor's wake-up pipe.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            seat.pid = os.fork()
            if not seat.pid:
                self._become_worker(seat)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _become_worker(self, seat: _Seat) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            for of_default in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, DRAIN_SIGNAL):
                signal.signal(of_default, signal.SIG_DFL)
            for descriptor in (self._lifeline_end, self._status_in, self._wake_in, self._wake):
                os.close(descriptor)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            self._work(WorkerChannel(seat.number, self._lifeline, self._status, seat.row))
            code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except BaseException as error:
            self._events.bug("worker.failed", error, worker=seat.number)
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)  # never back into the supervisor's frames


def _noted(_number: int, _frame: object) -> None:
    """Signals come through the wake-up pipe."""


def _read_all(descriptor: int) -> bytes:
    """What waits in a non-blocking pipe, as much as one look shows."""
    try:
        return os.read(descriptor, 4096)
    except BlockingIOError:
        return b""
