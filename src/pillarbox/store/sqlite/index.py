"""The index of one account's texts: `search.db` beside `mail.db`.

Kept per content (a message's bytes, which never change and whose numbers only grow), so COPY, MOVE and flags cost
nothing here. For each content:

- `field`: subject and addresses as they are compared, for an exact answer by looking through all of them;
- `header_text`, `body_text`: the texts as they are compared, for an exact answer about candidates;
- `header_trigrams`, `body_trigrams`: which runs of three characters they hold, for finding candidates;
- `body_words`: which ASCII words they hold: what begins with a needle has it, and its text need not be looked at;
- the words of fuzzy_index.py, also for contents that exact searches read themselves;
- `attachment`: which attachments have text, and whether it was read (attachments.py).

Contents up to `indexed_through` are all here, but for those that a search must read itself (`always_read`).

Must never: be the only place of anything. Whoever finds it missing, older or broken begins it anew.
"""

from __future__ import annotations

import contextlib
import os
import re
from array import array
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

import apsw

from pillarbox.mail.errors import StoreCorrupt
from pillarbox.search.casemap import casemap_header
from pillarbox.search.query import Address, Body, Header, Text
from pillarbox.store.contract import Candidates, TextIndexState, TextKey
from pillarbox.store.searchable import ADDRESS_FIELDS, SEPARATOR, UNKEPT, IndexText
from pillarbox.store.sqlite.attachments import SCHEMA as ATTACHMENT_SCHEMA
from pillarbox.store.sqlite.attachments import count_attachments, forget_attachments
from pillarbox.store.sqlite.fuzzy_index import FUZZY_SCHEMA, remove_terms
from pillarbox.store.sqlite.schema import DATABASE_NAME

INDEX_NAME: Final = "search.db"

_APPLICATION_ID: Final = 0x50_42_53_58
_VERSION: Final = 3
"""Another number, an older or a newer one, has its index made anew: also count up when texts are folded otherwise."""

_SCHEMA: Final = (
    """
CREATE TABLE progress (one INTEGER PRIMARY KEY CHECK (one = 1), indexed_through INTEGER, swept_through INTEGER);
INSERT INTO progress VALUES (1, 0, 0);
CREATE TABLE document (content INTEGER PRIMARY KEY, always_read INTEGER NOT NULL);
CREATE INDEX document_always_read ON document (content) WHERE always_read;
CREATE TABLE field (place INTEGER, content INTEGER, text TEXT NOT NULL, PRIMARY KEY (place, content)) WITHOUT ROWID;
CREATE TABLE header_text (content INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE body_text (content INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE VIRTUAL TABLE header_trigrams USING fts5
    (text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1');
CREATE VIRTUAL TABLE body_trigrams USING fts5
    (text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1');
CREATE VIRTUAL TABLE body_words USING fts5
    (text, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii');
CREATE VIRTUAL TABLE header_terms USING fts5vocab (header_trigrams, instance);
CREATE VIRTUAL TABLE body_terms USING fts5vocab (body_trigrams, instance);
"""
    + FUZZY_SCHEMA
    + ATTACHMENT_SCHEMA
)

_PAGE_BYTES: Final = 16_384
"""Most bodies lie in one page: twice as fast to look through as with 4 KB pages (measured)."""
_PLACES: Final = {name: place for place, name in enumerate(("subject", *ADDRESS_FIELDS), 1)}
_GRAM: Final = 3
_PADDING: Final = SEPARATOR * (_GRAM - 1)
"""So that the last characters begin a trigram too: one or two of them are looked for as the beginning of one."""
_MOST_GRAMS: Final = 24
"""Trigrams of a needle that are asked for: more make candidates hardly fewer, and each costs a list to read."""
_MOST_INSTANCES: Final = 50_000
"""Pairs of trigram and message that a short needle looks through (about 20 ms); past that all texts are."""
_FEW: Final = 2_000
"""Contents that are looked up one by one rather than by going through all."""
_NOT_ASCII: Final = re.compile("[^\x00-\x7f]+")
_MOST_PATTERN: Final = 1_000
_GLOB_SPECIAL: Final = re.compile(r"[*?\[]")
FEW_TEXTS: Final = 200
"""Texts that are looked through (5 microseconds each) sooner than lists of trigrams are put together."""

_COLUMNS: Final = {"header": ("header_trigrams", "header_terms", "header_text"),
                   "body": ("body_trigrams", "body_terms", "body_text")}  # fmt: skip


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
        index.execute("INSERT INTO field VALUES (?, ?, ?)", (_PLACES[name], content, value))
    extras = SEPARATOR + text.header_extras if text.header_extras else ""
    for trigrams, texts, kept, also in (
        ("header_trigrams", "header_text", text.header, extras),
        ("body_trigrams", "body_text", text.body, ""),
    ):
        index.execute(f"INSERT INTO {texts} VALUES (?, ?)", (content, kept))  # noqa: S608 - constants
        index.execute(f"INSERT INTO {trigrams} (rowid, text) VALUES (?, ?)", (content, kept + also + _PADDING))  # noqa: S608 - the same
    index.execute("INSERT INTO body_words (rowid, text) VALUES (?, ?)", (content, _words(text.body)))


def _words(text: str) -> str:
    """The text without what the tokenizer of body_words would take for letters of one endless word."""
    return text if text.isascii() else _NOT_ASCII.sub(" ", text)


def add_unread(index: apsw.Connection, content: int) -> None:
    """Leave a content to those who search, within a transaction."""
    index.execute("INSERT INTO document VALUES (?, 1)", (content,))


def remove_texts(index: apsw.Connection, contents: Collection[int]) -> None:
    """Forget contents, within a transaction."""
    column = apsw.carray(array("q", contents or (0,)))
    for place in _PLACES.values():
        index.execute("DELETE FROM field WHERE place = ? AND content IN carray(?)", (place, column))
    for table in ("document", "header_text", "body_text"):
        index.execute(f"DELETE FROM {table} WHERE content IN carray(?)", (column,))  # noqa: S608 - constants
    remove_terms(index, contents)
    forget_attachments(index, contents)
    for table in ("header_trigrams", "body_trigrams", "body_words"):
        index.executemany(f"DELETE FROM {table} WHERE rowid = ?", ((content,) for content in contents))  # noqa: S608 - the same


# --- asking ------------------------------------------------------------------------------------------


def ask_index(index: apsw.Connection, key: TextKey, contents: frozenset[int], highest: int) -> Candidates | None:
    """What the index says of `key` about these contents, the highest of which is `highest`. Runs in a thread."""
    index.execute("BEGIN")
    try:
        through = indexed_through(index)
        unread = index.execute("SELECT content FROM document WHERE always_read")
        waiting = contents.intersection([content for (content,) in unread])
        if highest > through:
            waiting = waiting.union(content for content in contents if content > through)
        found = _Asked(index, contents - waiting if waiting else contents).candidates(key)
        return None if found is None else Candidates(found.certain, waiting.union(found.possible))
    finally:
        index.execute("COMMIT")


class _Asked:
    """Contents that are all in the index, and what is asked of them."""

    def __init__(self, index: apsw.Connection, contents: frozenset[int]) -> None:
        self._index = index
        self._contents = contents

    def candidates(self, key: TextKey) -> Candidates | None:
        if UNKEPT.search(key.needle) or UNKEPT.search(key.text):
            return None
        match key:
            case Header(name) if name.lower() == "subject":
                return Candidates(self._in_field("subject", key.needle), ())
            case Header(name):
                return self._in_any_field(name, key.needle)
            case Address(name) if name.lower() in ADDRESS_FIELDS:
                return Candidates(self._in_field(name.lower(), key.needle), ())
            case Body():
                return Candidates(self._in_column("body", key.needle), ())
            case Text():
                found = self._in_column("header", key.header_needle)
                return Candidates(found | self._in_column("body", key.needle, but_not=found), ())
            case _:
                return None

    def _in_field(self, name: str, needle: str) -> frozenset[int]:
        where, bindings = f"place = ? AND {_contains(needle)}", [_PLACES[name], _pattern(needle)]
        if len(self._contents) < _FEW:
            where += " AND content IN carray(?)"
            bindings.append(self._column(self._contents))
        return self._some(f"SELECT content FROM field WHERE {where}", bindings)  # noqa: S608 - constants

    def _in_any_field(self, name: str, needle: str) -> Candidates | None:
        """The header has the text somewhere, or, for an empty one, the field: its value must be read."""
        if not _is_field_name(name):
            return None
        grams = self._with_grams("header", needle or casemap_header(name + ":"))
        return Candidates((), self._contents if grams is None else grams)

    def _in_column(self, column: str, needle: str, but_not: frozenset[int] = frozenset()) -> frozenset[int]:
        """The contents whose text has the needle, by candidates and then, where these may be wrong, the text."""
        wanted = self._contents - but_not if but_not else self._contents
        if not needle:
            return wanted
        candidates = self._with_grams(column, needle) if len(wanted) > FEW_TEXTS else None
        if candidates is not None:
            wanted = wanted & candidates
            if column == "body" and len(needle) <= _GRAM:
                return wanted
        certain = frozenset[int]()
        if column == "body" and len(wanted) > FEW_TEXTS:
            certain = self._with_word(needle) & wanted
            wanted = wanted - certain
        texts = _COLUMNS[column][2]
        return certain | self._some(
            f"SELECT content FROM {texts} WHERE content IN carray(?) AND {_contains(needle)}",  # noqa: S608 - constants
            (self._column(wanted), _pattern(needle)),
        )

    def _with_word(self, needle: str) -> frozenset[int]:
        """Contents whose body has a word that begins with the needle, where that can be told: some of those wanted."""
        if not (needle.isascii() and needle.isalnum()):
            return frozenset()
        return self._some("SELECT rowid FROM body_words WHERE body_words MATCH ?", (f'"{needle}" *',))

    def _with_grams(self, column: str, needle: str) -> frozenset[int] | None:
        """The contents that have all trigrams (some, of long needles) of the needle; None: too many to tell."""
        trigrams, terms, _ = _COLUMNS[column]
        if len(needle) >= _GRAM:
            query = " AND ".join('"' + gram.replace('"', '""') + '"' for gram in _grams(needle))
            return self._some(f"SELECT rowid FROM {trigrams} WHERE {trigrams} MATCH ?", (query,))  # noqa: S608 - a constant
        rows = self._index.execute(
            f"SELECT doc FROM {terms} WHERE term >= ? AND term < ?",  # noqa: S608 - a constant
            (needle, needle + "\U0010ffff"),
        )
        found: set[int] = set()
        for looked_at, (content,) in enumerate(rows):
            found.add(content)
            if looked_at == _MOST_INSTANCES:
                rows.close(True)
                return None
        return self._contents & found

    def _some(self, sql: str, bindings: Sequence[object]) -> frozenset[int]:
        rows = self._index.execute(sql, bindings)
        return self._contents.intersection(content for (content,) in rows)

    def _column(self, contents: Collection[int]) -> object:
        return apsw.carray(array("q", sorted(contents) or (0,)))


def _contains(needle: str) -> str:
    """The SQL for texts that hold it. GLOB leaps to where the needle may begin (strcspn), 2.6 times as fast as instr in
    texts without it; SQLite takes no patterns past 50,000 bytes."""
    return "text GLOB ?" if len(needle) <= _MOST_PATTERN else "instr(text, ?)"


def _pattern(needle: str) -> str:
    """What to bind for _contains()."""
    return "*" + _GLOB_SPECIAL.sub(r"[\g<0>]", needle) + "*" if len(needle) <= _MOST_PATTERN else needle


def _grams(needle: str) -> Iterator[str]:
    """At most _MOST_GRAMS different trigrams, spread over the needle, the first and the last among them."""
    last = len(needle) - _GRAM
    count = min(last + 1, _MOST_GRAMS)
    places = {round(step * last / max(count - 1, 1)) for step in range(count)}
    return iter(sorted({needle[place : place + _GRAM] for place in places}))


def _is_field_name(name: str) -> bool:
    """field-name = 1*ftext; ftext = %d33-57 / %d59-126 (RFC 5322 section 2.2)"""
    return bool(name) and all("!" <= character <= "~" and character != ":" for character in name)
