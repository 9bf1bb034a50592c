"""What is remembered of logins: `logins.db` (SQLite, 0600), which all workers and the command line open at once.

Commits are not synced one by one: what a power cut takes is the last second of a history, never a password or mail.

Must never: see a password.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from pillarbox.database import open_database, write_transaction

BUSY_SECONDS: Final = 5.0

_MIGRATIONS: Final = (
    """
    CREATE TABLE bucket (
        key TEXT PRIMARY KEY,
        tokens REAL NOT NULL,
        full_seconds REAL NOT NULL,
        seconds REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE ban (
        network TEXT PRIMARY KEY,
        until_seconds REAL,
        reason TEXT NOT NULL,
        by_hand INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE seen (
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        value TEXT NOT NULL,
        first_seconds REAL NOT NULL,
        last_seconds REAL NOT NULL,
        PRIMARY KEY (name, kind, value)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE decision (
        id INTEGER PRIMARY KEY,
        seconds REAL NOT NULL,
        name TEXT NOT NULL,
        account TEXT NOT NULL,
        address TEXT NOT NULL,
        network TEXT NOT NULL,
        neighbourhood TEXT NOT NULL,
        client TEXT NOT NULL,
        mechanism TEXT NOT NULL,
        result TEXT NOT NULL,
        reason TEXT NOT NULL,
        standing TEXT NOT NULL
    ) STRICT;
    CREATE INDEX decision_by_name ON decision (name, seconds);
    CREATE INDEX decision_by_network ON decision (network, seconds);
    CREATE INDEX decision_by_neighbourhood ON decision (neighbourhood, seconds);
    CREATE INDEX decision_by_time ON decision (seconds);
    CREATE TABLE alarm (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        seconds REAL NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        account TEXT NOT NULL,
        address TEXT NOT NULL,
        client TEXT NOT NULL,
        why TEXT NOT NULL,
        confirmed_seconds REAL
    ) STRICT;
    CREATE INDEX alarm_by_name ON alarm (name, kind, seconds);
    """,
    """
    ALTER TABLE decision ADD COLUMN app_password TEXT NOT NULL DEFAULT '';
    CREATE INDEX alarm_by_account ON alarm (account);
    """,
)
"""Entry n leads from schema version n to n + 1."""

Row = tuple[str | int | float | bytes | None, ...]


class LedgerUnavailable(Exception):
    """What is remembered of logins can't be read or written now; the text is for the operator."""


class Ledger:
    """The database. Threads may share it; a process that forks opens its own afterwards."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """Made or brought up to date when needed. Raises LedgerUnavailable, also for a newer schema."""
        try:
            connection = open_database(path, BUSY_SECONDS)
            connection.execute("PRAGMA synchronous = NORMAL").fetchall()
        except (OSError, apsw.Error) as error:
            raise LedgerUnavailable(f"can't open {path}: {error}") from error
        ledger = cls(connection)
        try:
            ledger._prepare()
        except BaseException:
            connection.close()
            raise
        return ledger

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._connection.close()

    def rows(self, statement: str, values: tuple[apsw.SQLiteValue, ...] = ()) -> list[Row]:
        """What a query gives. Raises LedgerUnavailable."""
        with self._lock:
            try:
                return list(self._connection.execute(statement, values))
            except apsw.Error as error:
                raise LedgerUnavailable(f"can't read the history of logins: {error}") from error

    @contextmanager
    def change(self) -> Iterator[apsw.Connection]:
        """One transaction; an exception undoes it. Raises LedgerUnavailable."""
        with self._lock:
            try:
                with write_transaction(self._connection):
                    yield self._connection
            except apsw.Error as error:
                raise LedgerUnavailable(f"can't write the history of logins: {error}") from error

    def _prepare(self) -> None:
        with self.change() as connection:
            version = int(str(connection.execute("PRAGMA user_version").fetchall()[0][0]))
            if version > len(_MIGRATIONS):
                raise LedgerUnavailable("the history of logins was written by a newer Pillarbox")
            for statements in _MIGRATIONS[version:]:
                connection.execute(statements).fetchall()
            if version < len(_MIGRATIONS):
                connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}").fetchall()


def number(value: apsw.SQLiteValue) -> float:
    """A column that holds a number."""
    assert isinstance(value, int | float)
    return float(value)
