"""One mailbox that is watched: takes in what comes, hands it over, and puts it away; through every trouble.

Must never: hand over without having written down that it will; forget what it did not finish.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pillarbox.automation.checkpoint import Checkpoint, Point, State, Taken
from pillarbox.automation.connection import Connection, Lost, Refused
from pillarbox.automation.handlers import HandlerFailed, run
from pillarbox.automation.message import Message
from pillarbox.automation.metrics import Metrics
from pillarbox.automation.plan import First, Job
from pillarbox.clock import Clock

T = TypeVar("T")


class _Stopped(Exception):
    """Somebody wants us to stop."""


class WatchedMailbox:
    """See the module."""

    def __init__(
        self,
        job: Job,
        mailbox: str,
        checkpoint: Checkpoint,
        metrics: Metrics,
        note: Callable[[str], None],
        clock: Clock,
        stop: asyncio.Event,
    ) -> None:
        self._job = job
        self._mailbox = mailbox
        self._checkpoint = checkpoint
        self._metrics = metrics
        self._note = note
        self._clock = clock
        self._stop = stop
        self._openings = 0

    async def run(self) -> None:
        """Until the stop. Raises Refused when the mailbox could never be opened."""
        patience = self._job.patience
        pause = patience.reconnect_seconds
        try:
            while True:
                before = self._openings
                try:
                    await self._watch()
                except Lost as error:
                    self._tell(f"connection lost, trying again: {error}")
                except Refused as error:
                    self._tell(f"refused: {error}")
                    if not self._openings:
                        raise
                self._count("lost")
                pause = patience.reconnect_seconds if self._openings > before else pause * 2
                pause = min(pause, patience.most_reconnect_seconds)
                await self._unless_stopped(asyncio.sleep(pause))
        except _Stopped:
            return

    async def _watch(self) -> None:
        job = self._job
        opening = Connection.open(job.address, job.password, job.patience.answer_seconds)
        connection = await self._unless_stopped(opening)
        try:
            changes_nothing = job.then.deed.value == job.dead_letter.deed.value == "keep"
            opened = await self._unless_stopped(connection.select(self._mailbox, read_only=changes_nothing))
            point = self._point(opened.uidvalidity, opened.uidnext)
            self._count("connected")
            self._gauge("up", 1)
            self._openings += 1
            self._tell("watching")
            while True:
                await self._take_in(connection, point)
                while (taken := self._checkpoint.due(point, self._clock.now_seconds())) is not None:
                    self._check_stop()
                    await self._advance(connection, point, taken)
                    self._gauge("waiting", self._checkpoint.waiting(point))
                    await self._take_in(connection, point)
                await self._unless_stopped(self._wait(connection, point))
        finally:
            self._gauge("up", 0)
            connection.abort()

    def _point(self, uidvalidity: int, uidnext: int) -> Point:
        """Where to go on from; from now on the first time, and when the server gave all messages new UIDs."""
        job, name = self._job, self._mailbox
        point = self._checkpoint.point(job.key, name)
        if point is not None and point.uidvalidity == uidvalidity:
            return point
        from_start = job.first is First.HAND_OVER
        if point is not None:
            self._count("renumbered")
            self._tell(
                f"the server numbers this mailbox anew (UIDVALIDITY {point.uidvalidity} is {uidvalidity} now): "
                f"{self._checkpoint.waiting(point)} messages that waited are not known by number any more; "
                + (
                    "all that is there is handed over, but for what was handled already"
                    if from_start
                    else f"going on with what comes from now on; older ones, up to UID {uidnext - 1}, are left alone"
                )
            )
        return self._checkpoint.begin(job.key, name, uidvalidity, 0 if from_start else uidnext - 1)

    async def _take_in(self, connection: Connection, point: Point) -> None:
        uids = await self._unless_stopped(connection.uids(point.seen_uid + 1))
        if uids:
            self._checkpoint.take(point, uids, self._clock.now_seconds())
            self._gauge("waiting", self._checkpoint.waiting(point))

    async def _wait(self, connection: Connection, point: Point) -> None:
        """Until something may have come, or a message's time has."""
        patience = self._job.patience
        seconds = patience.idle_seconds if connection.can_idle else patience.poll_seconds
        following = self._checkpoint.next_due(point)
        if following is not None:
            seconds = min(seconds, max(0.0, following.due_seconds - self._clock.now_seconds()))
        if connection.can_idle:
            await connection.wait(seconds)
        else:
            await asyncio.sleep(seconds)
            await connection.ask()

    # --- one message -------------------------------------------------------------------------------

    async def _advance(self, connection: Connection, point: Point, taken: Taken) -> None:
        """The next step with it."""
        if taken.state is State.WAITING and taken.attempts >= self._job.patience.attempts:
            self._checkpoint.become(point, taken.uid, State.DEAD, self._clock.now_seconds())
            self._count("dead")
            await self._put_away(connection, point, Taken(taken.uid, State.DEAD, taken.attempts, 0.0))
            self._tell(f"UID {taken.uid} is given up after {taken.attempts} attempts")
        elif taken.state is State.WAITING:
            await self._hand_over(connection, point, taken)
        else:
            await self._put_away(connection, point, taken)

    async def _hand_over(self, connection: Connection, point: Point, taken: Taken) -> None:
        job, uid = self._job, taken.uid
        fetched = await self._unless_stopped(connection.fetch(uid))
        if fetched is None:
            self._tell(f"UID {uid} is gone, nothing was done with it")
            self._checkpoint.done(point, uid)
            return
        message_hash = hashlib.sha256(fetched.raw).digest()
        if not taken.attempts and self._is_old(point, uid, message_hash):
            return
        attempt = self._checkpoint.attempt(point, uid)
        message = Message(
            str(job.address),
            self._mailbox,
            uid,
            point.uidvalidity,
            fetched.flags,
            fetched.internal_date,
            fetched.raw,
            attempt,
        )
        try:
            await run(job.handler, message, job.patience.timeout_seconds)
        except HandlerFailed as failure:
            self._count("failed")
            pause = 0.0 if attempt >= job.patience.attempts else job.patience.pause(attempt)
            self._tell(f"UID {uid}, attempt {attempt} of {job.patience.attempts} failed: {failure}")
            self._checkpoint.become(point, uid, State.WAITING, self._clock.now_seconds() + pause)
        else:
            self._checkpoint.handled(point, uid, message_hash, self._clock.now_seconds())
            self._count("handled")
            await self._put_away(connection, point, Taken(uid, State.HANDLED, attempt, 0.0))

    def _is_old(self, point: Point, uid: int, message_hash: bytes) -> bool:
        """After the server numbered anew: a message that was handled under its old number is only put away."""
        if not self._checkpoint.was_handled(point, message_hash):
            return False
        self._checkpoint.become(point, uid, State.HANDLED, self._clock.now_seconds())
        return True

    async def _put_away(self, connection: Connection, point: Point, taken: Taken) -> None:
        """Move, flag or delete; when the server refuses, again later. The handler is not called for that."""
        action = self._job.then if taken.state is State.HANDLED else self._job.dead_letter
        try:
            await connection.act(action, taken.uid)
        except Refused as refusal:
            again = self._clock.now_seconds() + self._job.patience.pause(max(1, taken.attempts))
            self._checkpoint.become(point, taken.uid, taken.state, again)
            self._tell(f"UID {taken.uid}: {action} was refused, tried again later: {refusal}")
            return
        self._checkpoint.done(point, taken.uid)
        if taken.state is State.HANDLED:
            self._count("done")

    # --- within ------------------------------------------------------------------------------------

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise _Stopped

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:  # Any: the loop's business
        """What may be broken off at any time. Raises _Stopped."""
        task = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise _Stopped
        finally:
            stopping.cancel()
            task.cancel()

    def _tell(self, text: str) -> None:
        self._note(f"{self._job.address} {self._mailbox}: {text}")

    def _count(self, name: str) -> None:
        self._metrics.count(name, str(self._job.address), self._mailbox)

    def _gauge(self, name: str, value: int) -> None:
        self._metrics.set(name, str(self._job.address), self._mailbox, value)
