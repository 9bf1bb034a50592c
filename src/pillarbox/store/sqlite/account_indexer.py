"""Turns at one account's index of texts, each a transaction.

What is to be done is found in the databases, never remembered: contents above `indexed_through`, attachments that wait,
and texts whose content is gone.

Must never: touch mail.db but to read it; wait for another who writes.
"""

from __future__ import annotations

import contextlib
import enum
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from pillarbox.events import EventLog
from pillarbox.mail.errors import StoreCorrupt
from pillarbox.store.contract import Content
from pillarbox.store.digesting import Digester
from pillarbox.store.searchable import MessageBody, MessageHeader, index_text, vocabulary_of, vocabulary_read
from pillarbox.store.sqlite.attachments import (
    Waiting,
    attachments_in,
    give_back_try,
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
from pillarbox.store.sqlite.index_settings import IndexSettings
from pillarbox.store.sqlite.schema import BLOBS_NAME, DATABASE_NAME
from pillarbox.store.sqlite.shelves import fill_shelf, next_shelf

_SWEPT_DOCUMENTS: Final = 500
"""Of those that are indexed, looked at in one turn whether their content is still there: about 2 ms."""
_MAIL_BUSY_MILLISECONDS: Final = 1_000


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

    def give_back_attachment(self, begun: Waiting) -> Turn:
        """An attachment that was begun was not looked at after all. Raises the same."""

        def give_back(index: apsw.Connection, _mail: apsw.Connection) -> Turn:
            with _transaction(index):
                give_back_try(index, begun)
            return Turn.MORE

        return self._turn(give_back)

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
        shelf = next_shelf(index, indexed_through(index))
        if shelf is not None:
            with _transaction(index):
                if next_shelf(index, indexed_through(index)) == shelf:
                    fill_shelf(index, shelf)
            return Turn.MORE
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
