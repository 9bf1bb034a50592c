"""Changes one account: a queue on the loop thread, drained by a thread that commits what waits as one group.

A change whose caller went away (was cancelled) is still done whole. After each group the loop learns what was
touched before any caller wakes up. Must never: let two groups of one account run at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import apsw

from pillarbox.events import EventLog
from pillarbox.mail.errors import MailError, StoreUnavailable
from pillarbox.store.sqlite.contents import remove_blobs
from pillarbox.store.sqlite.failures import DATABASE_FAILURES, mail_error
from pillarbox.store.sqlite.transaction import Transaction

R = TypeVar("R")


class Durability(enum.Enum):
    """When a change is on disk."""

    BEFORE_ANSWER = "FULL"
    IN_TIME = "NORMAL"
    """With the next change that is synced, or at a checkpoint."""


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Change(Generic[R]):
    """One change of an account. All three run in the writing thread."""

    apply: Callable[[Transaction], R]
    """Within the transaction; perhaps a second time, when the group could not be committed as one."""
    prepare: Callable[[], None] = _nothing
    """Before the transaction begins: what takes long."""
    abandon: Callable[[], None] = _nothing
    """When it was not done: clean up."""
    durability: Durability = Durability.BEFORE_ANSWER


@dataclass(slots=True)
class _Waiting:
    change: Change[Any]  # what it returns is known to run() only
    future: asyncio.Future[Any]  # the same
    error: BaseException | None = None
    result: object = None


class Writer:
    """The one writing connection of an account in this process. Opened with the first change."""

    def __init__(
        self,
        open_transaction: Callable[[], Transaction],
        pool: Executor,
        group_changes: int,
        blobs: Path,
        committed: Callable[[set[int]], None],
        events: EventLog,
    ) -> None:
        """`committed` is told on the loop thread which mailboxes a group touched."""
        self._open_transaction = open_transaction
        self._pool = pool
        self._group_changes = group_changes
        self._blobs = blobs
        self._committed = committed
        self._events = events
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Waiting] = deque()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._transaction: Transaction | None = None
        self._durability = Durability.BEFORE_ANSWER

    async def run(self, change: Change[R]) -> R:
        """Do it; returns when it is committed. Raises what its `apply` raises, StoreUnavailable, StoreCorrupt."""
        if self._closed:
            raise StoreUnavailable("The mail was closed")
        waiting = _Waiting(change, self._loop.create_future())
        self._waiting.append(waiting)
        if self._idle.is_set():
            self._idle.clear()
            self._loop.call_soon(self._submit)  # what others ask for in this turn of the loop goes along
        result: R = await asyncio.shield(waiting.future)
        return result

    async def close(self) -> None:
        """Finish what waits, then let go of the connection."""
        self._closed = True
        await self._idle.wait()
        if self._transaction is not None:
            connection, self._transaction = self._transaction.connection, None
            await self._loop.run_in_executor(self._pool, connection.close)

    # --- on the loop thread ----------------------------------------------------------------------

    def _submit(self) -> None:
        group = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._group_changes))]
        self._pool.submit(self._drain, group)

    def _settle(self, group: list[_Waiting], touched: set[int]) -> None:
        if touched:
            try:
                self._committed(touched)
            except Exception as error:  # it is done all the same, and whoever asked must hear so
                self._events.bug("store.not_told", error)
        for waiting in group:
            if waiting.future.done():
                continue
            if waiting.error is not None:
                waiting.future.set_exception(waiting.error)
            else:
                waiting.future.set_result(waiting.result)
        if self._waiting:
            self._submit()
        else:
            self._idle.set()

    # --- in the writing thread -------------------------------------------------------------------

    def _drain(self, group: list[_Waiting]) -> None:
        touched: set[int] = set()
        try:
            self._work_on(group, touched)
        except BaseException as error:  # whatever it is: the queue goes on, and nobody waits for ever
            for waiting in group:
                waiting.error = waiting.error or self._reported(error)
            self._transaction = None
        finally:
            self._loop.call_soon_threadsafe(self._settle, group, touched)

    def _work_on(self, group: list[_Waiting], touched: set[int]) -> None:
        ready: list[_Waiting] = []
        for waiting in group:
            try:
                waiting.change.prepare()
                ready.append(waiting)
            except BaseException as error:  # goes to the caller, as an executor's does
                waiting.error = self._reported(error)
        if ready:
            self._commit(ready, touched)
        for waiting in group:
            if waiting.error is not None:
                with contextlib.suppress(OSError):
                    waiting.change.abandon()

    def _commit(self, group: list[_Waiting], touched: set[int]) -> None:
        """Commit a group, or, when the database fails, each of it alone, so that one can't spoil the others."""
        for waiting in group:
            waiting.error = None
        try:
            touched |= self._commit_once(group)
        except BaseException as error:
            if self._transaction is not None:
                self._transaction.abandon()
            if len(group) > 1:
                for waiting in group:
                    self._commit([waiting], touched)
            else:
                group[0].error = self._reported(error)

    def _commit_once(self, group: list[_Waiting]) -> set[int]:
        if self._transaction is None:
            self._transaction = self._open_transaction()
        transaction = self._transaction
        self._set_durability(transaction, group)
        transaction.begin()
        if len(group) == 1:
            group[0].result = transaction.run_alone(group[0].change.apply)
        else:
            self._apply_each(transaction, group)
        transaction.commit()
        with contextlib.suppress(OSError):
            remove_blobs(self._blobs, transaction.contents.freed_blobs)
        return transaction.touched

    def _apply_each(self, transaction: Transaction, group: list[_Waiting]) -> None:
        for waiting in group:
            try:
                waiting.result = transaction.run(waiting.change.apply)
            except DATABASE_FAILURES:
                raise
            except BaseException as error:  # a refusal, or a bug that must not stop the others
                waiting.error = self._reported(error)
                if not transaction.connection.in_transaction:
                    raise

    def _set_durability(self, transaction: Transaction, group: list[_Waiting]) -> None:
        in_time = all(waiting.change.durability is Durability.IN_TIME for waiting in group)
        wanted = Durability.IN_TIME if in_time else Durability.BEFORE_ANSWER
        if wanted is not self._durability:
            transaction.connection.execute(f"PRAGMA synchronous = {wanted.value}")
            self._durability = wanted

    def _reported(self, error: BaseException) -> BaseException:
        if isinstance(error, MailError):
            return error
        if isinstance(error, (*DATABASE_FAILURES, OSError)):
            self._events.error("store.write_failed", error=type(error).__name__, text=str(error))
            return mail_error(error)
        if isinstance(error, apsw.Error):
            self._events.bug("store.write_bug", error)
        return error
