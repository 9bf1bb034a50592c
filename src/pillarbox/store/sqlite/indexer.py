"""Brings the index of texts up to date behind people's backs: after delivery, after a restart, after a loss.

Several processes may try: the write lock of an account's index says whose turn it is, and a killed one's turn is
rolled back. What is to be done is found in the databases, never remembered: contents above `indexed_through`, and
texts whose content is gone. Each turn is a transaction of a fraction of a second in a thread; then the indexer
rests, so that it never takes more than its share of a processor.

Must never: touch mail.db but to read it; hold up a client's command.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import fcntl
import os
import random
import time
from array import array
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import apsw

from pillarbox.events import EventLog
from pillarbox.extract.limits import ExtractLimits
from pillarbox.extract.process import Extractor, can_extract
from pillarbox.mail.errors import StoreCorrupt
from pillarbox.store.contract import AccountId, Content
from pillarbox.store.digesting import Digester
from pillarbox.store.searchable import MessageBody, MessageHeader, index_text, vocabulary_of, vocabulary_read
from pillarbox.store.sqlite.attachments import (
    Waiting,
    attachments_in,
    keep_text,
    next_waiting,
    note_attachments,
    raw_attachment,
)
from pillarbox.store.sqlite.contents import InlineContent, MappedContent
from pillarbox.store.sqlite.failures import DATABASE_FAILURES
from pillarbox.store.sqlite.fuzzy_index import add_terms
from pillarbox.store.sqlite.index import (
    add_text,
    add_unread,
    discard_index,
    indexed_through,
    make_index,
    remove_texts,
)
from pillarbox.store.sqlite.schema import BLOBS_NAME, DATABASE_NAME

_SWEPT_DOCUMENTS: Final = 500
"""Of those that are indexed, looked at in one turn whether their content is still there: about 2 ms."""
_MAIL_BUSY_MILLISECONDS: Final = 1_000


class AttachmentTexts(enum.Enum):
    """Whether the texts of attachments are read."""

    AUTO = "auto"
    """When `pip install pillarbox[attachments]` was done."""
    OFF = "off"
    """Only plain and HTML ones, which takes nothing but decoding."""


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """The index that text searches are answered from. It is built in the background, while clients are served."""

    processor_share: float = 0.5
    """How much of one processor each worker may spend on indexing at most; 0 turns it off, and searches read every
    message. A message of 8 KB takes about a millisecond: one half leaves clients the other half while a mailbox that
    was brought along is indexed."""
    turn_seconds: float = 0.2
    """How long the indexer works before it commits and rests. Longer turns make fewer, larger pieces of index;
    a search sees new mail in the index only after the turn."""
    settle_seconds: float = 1.0
    """How long after a delivery indexing begins, so that what comes together is indexed together. Searches read
    what is not indexed yet, so nothing is missed meanwhile."""
    other_worker_seconds: float = 10.0
    """The same for mail that another process took in, which indexes it as a rule: this one makes sure."""
    round_seconds: float = 3_600.0
    """How often all accounts are looked at, for what a process that died left to do, and for texts of messages that
    are gone."""
    text_bytes: int = 8 * 1024 * 1024
    """Messages with more text than that, attachments not counted, are not indexed: searches read them each time.
    Nobody writes that much; logs and dumps would hold up the indexer and fill the disk."""
    attachments: AttachmentTexts = AttachmentTexts.AUTO
    """Whether fuzzy searches find the words of PDF, docx and odt attachments. Each is read once, in a process of its
    own, one at a time on the machine."""
    attachment_bytes: int = 20 * 1024 * 1024
    """Larger attachments are not read: they are pictures, or archives of them."""
    attachment_seconds: float = 60.0
    """How long one may take by the clock; what was read until then counts."""
    attachment_processor_seconds: int = 15
    """How much processor time one may take. A book of 500 pages takes about ten seconds."""
    attachment_memory_bytes: int = 512 * 1024 * 1024
    """How much memory the process that reads one may have: Python and pypdf take 100 MiB of it."""


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


class MailUnreadable(Exception):
    """The mail itself can't be read now: nothing is wrong with the index."""


class Turn(enum.Enum):
    """How a turn ended."""

    FINISHED = "finished"
    """Nothing is left to do."""
    MORE = "more"
    OTHERS = "others"
    """Somebody else is at work there."""


@dataclass(frozen=True, slots=True)
class _Row:
    content: int
    header: bytes
    body: bytes | None
    blob: str | None
    parts: bytes | None


@dataclass(frozen=True, slots=True)
class BegunReading:
    """An attachment that is being read."""

    waiting: Waiting
    data: bytes | None
    """None: there is no such part any more."""


class AccountIndexer:
    """Turns at one account's index. Used from one thread at a time."""

    def __init__(self, folder: Path, digest: Digester, settings: IndexSettings, events: EventLog) -> None:
        self._folder = folder
        self._digest = digest
        self._settings = settings
        self._events = events

    def add_turn(self) -> Turn:
        """Index some of what is new, one message at least. Raises one of DATABASE_FAILURES, MailUnreadable."""
        return self._turn(self._add_new)

    def sweep_turn(self) -> Turn:
        """Forget some of the texts whose content is gone. Raises the same."""
        return self._turn(_sweep)

    def begin_attachment(self, begun: list[BegunReading]) -> Turn:
        """Put the next attachment to read into `begun`; FINISHED when none waits. Raises the same."""

        def begin(index: apsw.Connection, mail: apsw.Connection) -> Turn:
            with _transaction(index):
                waiting = next_waiting(index)
                if waiting is None:
                    return Turn.FINISHED
                row = _next_row(mail, waiting.content - 1)
                if row is None or row.content != waiting.content:
                    remove_texts(index, (waiting.content,))
                    return Turn.MORE
            begun.append(BegunReading(waiting, self._attachment(row, waiting)))
            return Turn.MORE

        return self._turn(begin)

    def keep_attachment(self, read: Waiting, text: str | None) -> Turn:
        """Remember the text of an attachment, or that it has none. Raises the same."""

        def keep(index: apsw.Connection, _mail: apsw.Connection) -> Turn:
            with _transaction(index):
                keep_text(index, read, text)
            return Turn.MORE

        return self._turn(keep)

    def _attachment(self, row: _Row, waiting: Waiting) -> bytes | None:
        try:
            content = self._content(row)
            raw_parts = row.parts if row.parts is not None else self._digest(content.whole()).parts
            return raw_attachment(raw_parts, content, waiting)
        except StoreCorrupt:
            return None

    def _turn(self, work: Callable[[apsw.Connection, apsw.Connection], Turn]) -> Turn:
        try:
            with contextlib.closing(_open_mail(self._folder)) as mail:
                if not _last_content(mail):
                    return Turn.FINISHED  # an account that never had mail needs no file
                with contextlib.closing(make_index(self._folder)) as index:
                    return work(index, mail)
        except apsw.BusyError:
            return Turn.OTHERS
        except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, StoreCorrupt) as error:
            self._events.warning("index.begun_anew", account=self._folder.name, reason=str(error))
            discard_index(self._folder)
            return Turn.MORE

    def _add_new(self, index: apsw.Connection, mail: apsw.Connection) -> Turn:
        if indexed_through(index) >= _last_content(mail):
            return Turn.FINISHED
        end = time.monotonic() + self._settings.turn_seconds
        with _transaction(index):
            through, last = indexed_through(index), _last_content(mail)
            while through < last:
                row = _next_row(mail, through)
                through = last if row is None else row.content
                if row is not None:
                    self._add(index, row)
                if time.monotonic() >= end:
                    break
            index.execute("UPDATE progress SET indexed_through = ?", (through,))
        return Turn.FINISHED if through >= last else Turn.MORE

    def _add(self, index: apsw.Connection, row: _Row) -> None:
        try:
            content = self._content(row)
            raw_parts = row.parts if row.parts is not None else self._digest(content.whole()).parts
            header, body = MessageHeader(row.header), MessageBody(raw_parts, content)
            text = None
            if len(row.header) + body.encoded_size_bytes() <= self._settings.text_bytes:
                text = index_text(header, body)
            if text is None or len(text.header) + len(text.body) > self._settings.text_bytes:
                text, vocabulary = None, vocabulary_read(header, body)
            else:
                vocabulary = vocabulary_of(text)
            terms = vocabulary.terms()
            attachments = attachments_in(raw_parts, content)
        except StoreCorrupt:
            add_unread(index, row.content)
        except Exception as error:  # a bug of ours: one message must not stop the others for good
            self._events.bug("index.message_failed", error, account=self._folder.name, content=row.content)
            add_unread(index, row.content)
        else:
            if text is None:
                add_unread(index, row.content)
            else:
                add_text(index, row.content, text)
            add_terms(index, row.content, terms)
            note_attachments(index, row.content, attachments)

    def _content(self, row: _Row) -> Content:
        if row.blob is not None:
            return MappedContent(self._folder / BLOBS_NAME / row.blob)
        return InlineContent(row.header + (row.body or b""))


@contextlib.contextmanager
def _transaction(index: apsw.Connection) -> Iterator[None]:
    index.execute("BEGIN IMMEDIATE")
    try:
        yield
        index.execute("COMMIT")
    except BaseException:
        if index.in_transaction:
            index.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def _reading_mail() -> Iterator[None]:
    """Tells what is wrong with the mail from what is wrong with the index."""
    try:
        yield
    except (*DATABASE_FAILURES, apsw.SQLError) as error:
        raise MailUnreadable(type(error).__name__) from error


def _open_mail(folder: Path) -> apsw.Connection:
    with _reading_mail():
        mail = apsw.Connection(str(folder / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READWRITE)
        mail.set_busy_timeout(_MAIL_BUSY_MILLISECONDS)
        mail.execute("PRAGMA query_only = ON")
        return mail


def _last_content(mail: apsw.Connection) -> int:
    with _reading_mail():
        last: int = mail.execute("SELECT content FROM account").get
        return last


def _next_row(mail: apsw.Connection, above: int) -> _Row | None:
    with _reading_mail():
        row = mail.execute(
            "SELECT id, header, content.body, blob, parts FROM content LEFT JOIN digest ON digest.content = content.id"
            " WHERE id > ? ORDER BY id LIMIT 1",
            (above,),
        ).fetchone()
    return None if row is None else _Row(*row)


def _sweep(index: apsw.Connection, mail: apsw.Connection) -> Turn:
    """Forget some texts whose content is gone; FINISHED at the end of the index, where the next sweep begins anew."""
    with _transaction(index):
        found = index.execute(
            "SELECT content FROM document WHERE content > (SELECT swept_through FROM progress)"
            " ORDER BY content LIMIT ?",
            (_SWEPT_DOCUMENTS,),
        )
        documents = [content for (content,) in found]
        ids = apsw.carray(array("q", documents or (0,)))
        with _reading_mail():
            there = {content for (content,) in mail.execute("SELECT id FROM content WHERE id IN carray(?)", (ids,))}
        gone = set(documents).difference(there)
        if gone:
            remove_texts(index, gone)
        is_end = len(documents) < _SWEPT_DOCUMENTS
        index.execute("UPDATE progress SET swept_through = ?", (0 if is_end else documents[-1],))
    return Turn.FINISHED if is_end else Turn.MORE


class Indexer:
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
        self._due: dict[AccountId, float] = {}
        """When, on the loop's clock, to look at an account."""
        self._to_sweep: deque[AccountId] = deque()
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
        if self._settings.processor_share > 0:
            loop = asyncio.get_running_loop()
            self._tasks.append(loop.create_task(self._run()))
            if self._extractor is not None:
                self._tasks.append(loop.create_task(self._read_attachments(self._extractor)))

    async def stop(self) -> None:
        """End after the turn that is under way; an attachment is read anew another time."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)

    def changed_here(self, account: AccountId) -> None:
        """This process changed the account's mail."""
        self._look_after(account, self._settings.settle_seconds)

    def changed_elsewhere(self, account: AccountId) -> None:
        """Another process did."""
        self._look_after(account, self._settings.other_worker_seconds)

    def _look_after(self, account: AccountId, seconds: float) -> None:
        due = asyncio.get_running_loop().time() + seconds
        if due < self._due.get(account, float("inf")):
            self._due[account] = due
            self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_round = loop.time()
        while True:
            if loop.time() >= next_round:
                next_round = loop.time() + self._settings.round_seconds
                everybody = list(await self._accounts())
                random.shuffle(everybody)  # so that workers begin at different ends
                self._due = dict.fromkeys(everybody, loop.time()) | self._due
                self._to_sweep = deque(everybody)
            account = min(self._due, key=self._due.__getitem__, default=None)
            if account is not None and self._due[account] <= loop.time():
                del self._due[account]
                await self._add_turn(account)
            elif self._to_sweep:
                await self._sweep_turn(self._to_sweep.popleft())
            else:
                await self._rest_until(min([next_round, *self._due.values()]))

    async def _rest_until(self, time_seconds: float) -> None:
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(time_seconds):
                await self._wake.wait()

    async def _add_turn(self, account: AccountId) -> None:
        end = await self._work(account, AccountIndexer.add_turn)
        if end is Turn.MORE:
            self._look_after(account, 0)
        elif end is Turn.OTHERS:
            self._look_after(account, self._settings.other_worker_seconds)
        else:
            self._with_attachments[account] = None
            self._attachments_wake.set()

    async def _sweep_turn(self, account: AccountId) -> None:
        if await self._work(account, AccountIndexer.sweep_turn) is Turn.MORE:
            self._to_sweep.append(account)

    async def _read_attachments(self, extractor: Extractor) -> None:
        """Apart from the other turns: a file that takes its time must not hold up the index of new mail."""
        while True:
            account = next(iter(self._with_attachments), None)
            if account is None:
                self._attachments_wake.clear()
                await self._attachments_wake.wait()
                continue
            with _alone(self._lock_path) as is_alone:
                end = await self._attachment_turn(account, extractor) if is_alone else Turn.OTHERS
            if end is Turn.FINISHED:
                del self._with_attachments[account]
            elif end is Turn.OTHERS:
                await asyncio.sleep(self._settings.settle_seconds)

    async def _attachment_turn(self, account: AccountId, extractor: Extractor) -> Turn:
        """Have one attachment read."""
        begun: list[BegunReading] = []
        end = await self._work(account, lambda indexer: indexer.begin_attachment(begun))
        for reading in begun:
            text = None
            if reading.data is not None:
                try:
                    text = await extractor.text_of(reading.waiting.kind, reading.data)
                except OSError as error:
                    self._events.warning("attachments.no_process", error=type(error).__name__, text=str(error))
                    return Turn.OTHERS
            kept = Turn.OTHERS
            while kept is Turn.OTHERS:
                kept = await self._work(account, partial(_keep, reading.waiting, text))
                await asyncio.sleep(self._settings.turn_seconds if kept is Turn.OTHERS else 0)
        return end

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
        share = min(self._settings.processor_share, 1.0)
        await asyncio.sleep((loop.time() - begun) * (1 / share - 1))
        return end


def _keep(read: Waiting, text: str | None, indexer: AccountIndexer) -> Turn:
    return indexer.keep_attachment(read, text)


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


__all__ = ["AccountIndexer", "AttachmentTexts", "BegunReading", "IndexSettings", "Indexer", "MailUnreadable", "Turn"]
