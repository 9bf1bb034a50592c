"""Opens a SQLite file that several processes of this server share, and that only its owner may read.

Must never: know a table.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

_PAUSE_SECONDS: Final = 0.005
_SHORT_PAUSE_SECONDS: Final = 0.000_25
"""Others' changes take about a millisecond. SQLite's own waiting begins with as much and soon pauses for 100: of two
processes that change the same account all the time one hardly got its turn."""
_SHORT_PAUSES: Final = 200
"""So many, then longer ones."""


def open_database(path: Path, busy_seconds: float) -> apsw.Connection:
    """A connection to a database in WAL mode that syncs every commit; made (0600) when it is not there.

    A statement waits up to `busy_seconds` for other processes. Raises OSError, apsw.Error.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=200)
    try:
        connection.set_busy_handler(_patience(busy_seconds))
        _use_wal(connection, int(busy_seconds / _PAUSE_SECONDS))
        for pragma in ("synchronous = FULL", "temp_store = MEMORY", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def write_transaction(connection: apsw.Connection) -> Iterator[None]:
    """One durable change, whole or not at all: an exception undoes it. Raises apsw.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite has undone it itself when the disk is full
            connection.execute("ROLLBACK")
        raise


def _patience(seconds: float) -> Callable[[int], bool]:
    """What SQLite asks whether to try again, with how often it asked before: waits a little."""

    def wait(tries: int) -> bool:
        pause = _SHORT_PAUSE_SECONDS if tries < _SHORT_PAUSES else _PAUSE_SECONDS
        waited = min(tries, _SHORT_PAUSES) * _SHORT_PAUSE_SECONDS + max(0, tries - _SHORT_PAUSES) * _PAUSE_SECONDS
        if waited >= seconds:
            return False
        time.sleep(pause)
        return True

    return wait


def _use_wal(connection: apsw.Connection, tries: int) -> None:
    """SQLite does not wait for another process that is making the same new database a WAL one: it is busy at once."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            return
        except apsw.BusyError:
            tries -= 1
            if tries < 0:
                raise
            time.sleep(_PAUSE_SECONDS)
