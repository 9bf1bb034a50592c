"""The index of one account's texts: `search.db` beside `mail.db`.

Kept per content (a message's bytes, which never change and whose numbers only grow), so COPY, MOVE and flags cost
nothing here. For each content:

- `field`: subject and addresses as they are compared, for an exact answer by looking through all of them;
- `header_text`, `body_text`: the texts as they are compared, for an exact answer about candidates;
- `header_trigrams`, `body_trigrams`: which runs of three characters they hold, for finding candidates;
- `body_seams`: where two words meet (search/seams.py), for finding candidates for several words;
- the words of shelves.py, which tell what matches for sure without a look at the texts;
- the words of fuzzy_index.py, also for contents that exact searches read themselves;
- `attachment`: which attachments have text, and whether it was read (attachments.py).

Contents up to `indexed_through` are all here, but for those that a search must read itself (`always_read`).

Must never: be the only place of anything. Whoever finds it missing, older or broken begins it anew.
"""

from __future__ import annotations

import contextlib
import os
from array import array
from collections.abc import Collection
from pathlib import Path
from typing import Final

import apsw

from pillarbox.mail.errors import StoreCorrupt
from pillarbox.search.seams import MARK, seams_of
from pillarbox.store.contract import TextIndexState
from pillarbox.store.searchable import ADDRESS_FIELDS, SEPARATOR, IndexText
from pillarbox.store.sqlite.attachments import SCHEMA as ATTACHMENT_SCHEMA
from pillarbox.store.sqlite.attachments import count_attachments, forget_attachments
from pillarbox.store.sqlite.fuzzy_index import FUZZY_SCHEMA, remove_terms
from pillarbox.store.sqlite.schema import DATABASE_NAME
from pillarbox.store.sqlite.shelves import SHELF_SCHEMA, clear_shelves

INDEX_NAME: Final = "search.db"

_APPLICATION_ID: Final = 0x50_42_53_58
_VERSION: Final = 5
"""Another number, an older or a newer one, has its index made anew: also count up when texts are folded otherwise."""

_SIGNS: Final = "".join(
    sign * (2 if sign in "'\"" else 1) for sign in map(chr, range(1, 128)) if sign != MARK and not sign.isalnum()
)
"""Parts of seams as well as letters and digits are."""

_SCHEMA: Final = (
    """
CREATE TABLE progress (one INTEGER PRIMARY KEY CHECK (one = 1), indexed_through INTEGER, swept_through INTEGER,
    next_shelf INTEGER);
INSERT INTO progress VALUES (1, 0, 0, 0);
CREATE TABLE document (content INTEGER PRIMARY KEY, always_read INTEGER NOT NULL);
CREATE INDEX document_always_read ON document (content) WHERE always_read;
CREATE TABLE field (place INTEGER, content INTEGER, text TEXT NOT NULL, PRIMARY KEY (place, content)) WITHOUT ROWID;
CREATE TABLE header_text (content INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE body_text (content INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE VIRTUAL TABLE header_trigrams USING fts5
    (text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1');
CREATE VIRTUAL TABLE body_trigrams USING fts5
    (text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1');
CREATE VIRTUAL TABLE body_seams USING fts5
    (text, content = '', contentless_delete = 1, detail = none, tokenize = "ascii tokenchars '@SIGNS@'");
CREATE VIRTUAL TABLE header_terms USING fts5vocab (header_trigrams, instance);
CREATE VIRTUAL TABLE body_terms USING fts5vocab (body_trigrams, instance);
""".replace("@SIGNS@", _SIGNS)
    + SHELF_SCHEMA
    + FUZZY_SCHEMA
    + ATTACHMENT_SCHEMA
)

_PAGE_BYTES: Final = 16_384
"""Most bodies lie in one page: twice as fast to look through as with 4 KB pages (measured)."""
FIELD_PLACES: Final = {name: place for place, name in enumerate(("subject", *ADDRESS_FIELDS), 1)}
GRAM: Final = 3
_PADDING: Final = SEPARATOR * (GRAM - 1)
"""So that the last characters begin a trigram too: one or two of them are looked for as the beginning of one."""


def open_index(folder: Path, busy_seconds: float) -> apsw.Connection | None:
    """The account's index to read, None when there is none (or one of another version)."""
    try:
        connection = _connect(folder / INDEX_NAME, apsw.SQLITE_OPEN_READWRITE, busy_seconds)
    except apsw.CantOpenError:
        return None
    if connection.execute("PRAGMA user_version").get == _VERSION:
        return connection
    connection.close()
    return None


def make_index(folder: Path) -> apsw.Connection:
    """The account's index to write, made when there is none; never waits for another who writes.

    Raises apsw.BusyError when somebody writes, StoreCorrupt when there is one of another version.
    """
    path = folder / INDEX_NAME
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = _connect(path, apsw.SQLITE_OPEN_READWRITE, 0)
    try:
        if connection.execute("PRAGMA user_version").get != _VERSION:
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            with contextlib.ExitStack() as undo:
                connection.execute("BEGIN IMMEDIATE")
                undo.callback(connection.execute, "ROLLBACK")
                if connection.execute("SELECT count(*) FROM sqlite_schema").get == 0:
                    connection.execute(_SCHEMA).fetchall()
                    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                    connection.execute(f"PRAGMA user_version = {_VERSION}")
                connection.execute("COMMIT")
                undo.pop_all()
        if connection.execute("PRAGMA user_version").get != _VERSION:
            raise StoreCorrupt("The index is of another version")
    except BaseException:
        connection.close()
        raise
    return connection


def discard_index(folder: Path) -> None:
    """Remove the account's index; whoever has it open goes on with what it knew."""
    for suffix in ("", "-wal", "-shm"):
        (folder / (INDEX_NAME + suffix)).unlink(missing_ok=True)


def discard_index_from_the_future(folder: Path, mail: apsw.Connection) -> None:
    """Remove an index that knows contents which the mail never had: the mail was put back to an earlier state.

    Called whenever an account is opened, before it gives the same numbers to other contents.
    """
    try:
        index = open_index(folder, 0)
        if index is None:
            return
        with contextlib.closing(index):
            through = indexed_through(index)
    except apsw.BusyError:
        return  # it is being written, so by somebody who opened the account and looked
    except apsw.Error:
        discard_index(folder)
        return
    if through > mail.execute("SELECT content FROM account").get:
        discard_index(folder)


def indexed_through(index: apsw.Connection) -> int:
    """The content up to which all are indexed."""
    through: int = index.execute("SELECT indexed_through FROM progress").get
    return through


def index_state(folder: Path, busy_seconds: float = 10.0) -> TextIndexState:
    """contract.AccountStore.text_index_state, for an account's folder. Runs in a thread."""
    mail = apsw.Connection(str(folder / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READWRITE)
    mail.set_busy_timeout(int(busy_seconds * 1000))
    with contextlib.closing(mail):
        index = open_index(folder, busy_seconds)
        if index is None:
            return TextIndexState(0, mail.execute("SELECT count(*) FROM content").get, 0, 0)
        with contextlib.closing(index):
            through = indexed_through(index)
            documents, always_read = index.execute("SELECT count(*), total(always_read) FROM document").get
            read, unreadable, unread = count_attachments(index)
        waiting: int = mail.execute("SELECT count(*) FROM content WHERE id > ?", (through,)).get
    size_bytes = sum(
        (folder / (INDEX_NAME + suffix)).stat().st_size
        for suffix in ("", "-wal")
        if (folder / (INDEX_NAME + suffix)).exists()
    )
    attachments = (read, unreadable, unread)
    return TextIndexState(documents - int(always_read), waiting, int(always_read), size_bytes, *attachments)


def _connect(path: Path, flags: int, busy_seconds: float) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=flags)
    connection.set_busy_timeout(int(busy_seconds * 1000))
    for pragma in ("synchronous = NORMAL", "temp_store = MEMORY", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


# --- writing -----------------------------------------------------------------------------------------


def add_text(index: apsw.Connection, content: int, text: IndexText) -> None:
    """Index a content, within a transaction."""
    index.execute("INSERT INTO document VALUES (?, 0)", (content,))
    for name, value in text.fields.items():
        index.execute("INSERT INTO field VALUES (?, ?, ?)", (FIELD_PLACES[name], content, value))
    extras = SEPARATOR + text.header_extras if text.header_extras else ""
    for trigrams, texts, kept, also in (
        ("header_trigrams", "header_text", text.header, extras),
        ("body_trigrams", "body_text", text.body, ""),
    ):
        index.execute(f"INSERT INTO {texts} VALUES (?, ?)", (content, kept))  # noqa: S608 - constants
        index.execute(f"INSERT INTO {trigrams} (rowid, text) VALUES (?, ?)", (content, kept + also + _PADDING))  # noqa: S608 - the same
    index.execute("INSERT INTO body_seams (rowid, text) VALUES (?, ?)", (content, seams_of(text.body)))


def add_unread(index: apsw.Connection, content: int) -> None:
    """Leave a content to those who search, within a transaction."""
    index.execute("INSERT INTO document VALUES (?, 1)", (content,))


def remove_texts(index: apsw.Connection, contents: Collection[int]) -> None:
    """Forget contents, within a transaction."""
    column = apsw.carray(array("q", contents or (0,)))
    for place in FIELD_PLACES.values():
        index.execute("DELETE FROM field WHERE place = ? AND content IN carray(?)", (place, column))
    for table in ("document", "header_text", "body_text"):
        index.execute(f"DELETE FROM {table} WHERE content IN carray(?)", (column,))  # noqa: S608 - constants
    clear_shelves(index, contents)
    remove_terms(index, contents)
    forget_attachments(index, contents)
    for table in ("header_trigrams", "body_trigrams", "body_seams"):
        index.executemany(f"DELETE FROM {table} WHERE rowid = ?", ((content,) for content in contents))  # noqa: S608 - the same
