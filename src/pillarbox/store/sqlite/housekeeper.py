"""What is done behind people's backs after mail came in, a restart or a loss: digests, and the index of texts.

Where several workers serve, this runs in a process of its own (app/server.py). Several processes may try: the write
lock of an account's index says whose turn it is, and a killed one's turn is rolled back. Each turn is a fraction of a
second in a thread; after one at the index the housekeeper rests, so that it never takes more than its share of a
processor. Attachments are read apart from that, in processes of their own.

Must never: hold up a client's command.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import apsw

from pillarbox.events import EventLog
from pillarbox.extract.limits import ExtractLimits
from pillarbox.extract.process import Extractor, can_extract
from pillarbox.store.contract import AccountId
from pillarbox.store.digesting import Digester
from pillarbox.store.sqlite.account_digester import AccountDigester
from pillarbox.store.sqlite.account_indexer import AccountIndexer, BegunReading, MailUnreadable, Turn
from pillarbox.store.sqlite.attachments import Waiting
from pillarbox.store.sqlite.failures import DATABASE_FAILURES
from pillarbox.store.sqlite.index_settings import AttachmentTexts, IndexSettings

_DIGEST_SECONDS: Final = 0.02
"""How long after a change digesting begins, so that what comes in quick succession is one turn."""


def extractor_for(settings: IndexSettings) -> Extractor | None:
    """What reads attachments, when it is wanted and there."""
    if settings.attachments is AttachmentTexts.OFF or not can_extract():
        return None
    return Extractor(
        ExtractLimits(
            file_bytes=settings.attachment_bytes,
            seconds=settings.attachment_seconds,
            processor_seconds=settings.attachment_processor_seconds,
            memory_bytes=settings.attachment_memory_bytes,
        )
    )


class Housekeeper:
    """The background task of one process."""

    def __init__(
        self,
        accounts: Callable[[], Awaitable[Sequence[AccountId]]],
        folder_of: Callable[[AccountId], Path],
        digest: Digester,
        settings: IndexSettings,
        events: EventLog,
        extractor: Extractor | None,
        lock_path: Path,
    ) -> None:
        """Without an extractor, attachments that take one wait. Of the processes that share `lock_path`, one at a time
        has an attachment read."""
        self._accounts = accounts
        self._folder_of = folder_of
        self._digest = digest
        self._settings = settings
        self._events = events
        self._to_digest: dict[AccountId, float] = {}
        """When, on the loop's clock, to digest what an account took in."""
        self._to_index: dict[AccountId, float] = {}
        """The same for the index of its texts."""
        self._round: deque[AccountId] = deque()
        """Those that are still to be visited in this round."""
        self._wake = asyncio.Event()
        self._with_attachments: dict[AccountId, None] = {}
        """In order: those whose attachments are to be looked at."""
        self._attachments_wake = asyncio.Event()
        self._extractor = extractor
        self._lock_path = lock_path
        self._tasks: list[asyncio.Task[None]] = []
        self._pool = ThreadPoolExecutor(1, "pillarbox-index")

    def start(self) -> None:
        """Begin with a look at all accounts."""
        loop = asyncio.get_running_loop()
        self._tasks.append(loop.create_task(self._run()))
        if self._extractor is not None and self._indexes:
            self._tasks.append(loop.create_task(self._read_attachments(self._extractor)))

    async def stop(self) -> None:
        """End after the turn that is under way; an attachment is read anew another time."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)

    def changed(self, account: AccountId) -> None:
        """Somebody changed the account's mail."""
        self._plan(self._to_digest, account, _DIGEST_SECONDS)
        if self._indexes:
            self._plan(self._to_index, account, self._settings.settle_seconds)

    @property
    def _indexes(self) -> bool:
        return self._settings.processor_share > 0

    def _plan(self, plan: dict[AccountId, float], account: AccountId, seconds: float) -> None:
        due = asyncio.get_running_loop().time() + seconds
        if due < plan.get(account, float("inf")):
            plan[account] = due
            self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_round = loop.time()
        while True:
            if loop.time() >= next_round:
                next_round = loop.time() + self._settings.round_seconds
                everybody = await self._everybody()
                random.shuffle(everybody)  # so that processes begin at different ends
                self._round = deque(everybody)
            if (account := _take_due(self._to_digest, loop.time())) is not None:
                await self._digest_turn(account)
            elif (account := _take_due(self._to_index, loop.time())) is not None:
                await self._add_turn(account)
            elif self._round:
                await self._visit(self._round.popleft())
            else:
                await self._rest_until(min([next_round, *self._to_digest.values(), *self._to_index.values()]))

    async def _everybody(self) -> list[AccountId]:
        """Nobody when the folder can't be read now, such as for want of descriptors: the next round comes."""
        try:
            return list(await self._accounts())
        except OSError as error:
            self._events.warning("index.no_round", error=type(error).__name__, text=str(error))
            return []

    async def _rest_until(self, time_seconds: float) -> None:
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(time_seconds):
                await self._wake.wait()

    async def _digest_turn(self, account: AccountId) -> None:
        """Without a rest behind it: clients ask for these first."""
        folder = self._folder_of(account)
        digester = AccountDigester(folder, self._digest, self._settings.turn_seconds)
        try:
            if await asyncio.get_running_loop().run_in_executor(self._pool, digester.turn):
                self._plan(self._to_digest, account, 0)
        except apsw.BusyError:
            self._plan(self._to_digest, account, self._settings.settle_seconds)
        except (*DATABASE_FAILURES, OSError) as error:
            if folder.exists():  # else the account was removed
                self._events.warning("digest.failed", account=account, error=type(error).__name__, text=str(error))
        except Exception as error:  # a bug of ours: one account must not stop the others for good
            self._events.bug("digest.failed", error, account=account)

    async def _add_turn(self, account: AccountId) -> None:
        end = await self._work(account, AccountIndexer.add_turn)
        if end is Turn.MORE:
            self._plan(self._to_index, account, 0)
        elif end is Turn.OTHERS:
            self._plan(self._to_index, account, self._settings.settle_seconds + self._settings.turn_seconds)
        else:
            self._with_attachments[account] = None
            self._attachments_wake.set()

    async def _visit(self, account: AccountId) -> None:
        """What a process that died left to do, and what is to be forgotten."""
        await self._digest_turn(account)
        if not self._indexes:
            return
        await self._add_turn(account)
        if await self._work(account, AccountIndexer.sweep_turn) is Turn.MORE:
            self._round.append(account)

    async def _read_attachments(self, extractor: Extractor) -> None:
        """Apart from the other turns: a file that takes its time must not hold up the index of new mail."""
        while True:
            account = next(iter(self._with_attachments), None)
            if account is None:
                self._attachments_wake.clear()
                await self._attachments_wake.wait()
                continue
            try:
                with _alone(self._lock_path) as is_alone:
                    end = await self._attachment_turn(account, extractor) if is_alone else Turn.OTHERS
            except OSError as error:
                self._events.warning("attachments.no_lock", error=type(error).__name__, text=str(error))
                end = None
            if end is Turn.FINISHED:
                del self._with_attachments[account]
            elif end is Turn.OTHERS:
                await asyncio.sleep(self._settings.settle_seconds)
            elif end is None:
                await asyncio.sleep(self._settings.round_seconds)

    async def _attachment_turn(self, account: AccountId, extractor: Extractor) -> Turn | None:
        """Have one attachment read. None: no process could be had that reads."""
        begun: list[BegunReading] = []
        end = await self._work(account, lambda indexer: indexer.begin_attachment(begun))
        for reading in begun:
            text = None
            if reading.data is not None:
                try:
                    text = await extractor.text_of(reading.waiting.kind, reading.data)
                except OSError as error:
                    self._events.warning("attachments.no_process", error=type(error).__name__, text=str(error))
                    await self._insist(account, partial(_give_back, reading.waiting))
                    return None
            await self._insist(account, partial(_keep, reading.waiting, text))
        return end

    async def _insist(self, account: AccountId, turn: Callable[[AccountIndexer], Turn]) -> None:
        """A turn that must not be left out because somebody else is at work there."""
        end = Turn.OTHERS
        while end is Turn.OTHERS:
            end = await self._work(account, turn)
            await asyncio.sleep(self._settings.turn_seconds if end is Turn.OTHERS else 0)

    async def _work(self, account: AccountId, turn: Callable[[AccountIndexer], Turn]) -> Turn:
        """One turn at an account, and the rest after it."""
        loop = asyncio.get_running_loop()
        folder, begun = self._folder_of(account), loop.time()
        indexer = AccountIndexer(folder, self._digest, self._settings, self._events)
        try:
            end = await loop.run_in_executor(self._pool, turn, indexer)
        except (*DATABASE_FAILURES, MailUnreadable, OSError) as error:
            end = Turn.FINISHED
            if folder.exists():  # else the account was removed
                self._events.warning("index.failed", account=account, error=type(error).__name__, text=str(error))
        except Exception as error:  # as in _digest_turn
            end = Turn.FINISHED
            self._events.bug("index.failed", error, account=account)
        share = min(self._settings.processor_share, 1.0)
        await asyncio.sleep((loop.time() - begun) * (1 / share - 1))
        return end


def _take_due(plan: dict[AccountId, float], now_seconds: float) -> AccountId | None:
    """The account that is due first, off the plan; None when none is due."""
    account = min(plan, key=plan.__getitem__, default=None)
    if account is None or plan[account] > now_seconds:
        return None
    del plan[account]
    return account


def _keep(read: Waiting, text: str | None, indexer: AccountIndexer) -> Turn:
    return indexer.keep_attachment(read, text)


def _give_back(begun: Waiting, indexer: AccountIndexer) -> Turn:
    return indexer.give_back_attachment(begun)


@contextlib.contextmanager
def _alone(lock_path: Path) -> Iterator[bool]:
    """Whether no other process is within; the kernel lets go for one that died."""
    lock = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _is_locked_now(lock)
    finally:
        os.close(lock)


def _is_locked_now(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
