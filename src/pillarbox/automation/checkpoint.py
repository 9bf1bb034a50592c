"""What has been handed over already, in one small SQLite file: the reason that nothing is handed over twice.

A mailbox is a UIDVALIDITY and the highest UID that was taken in; what was taken in and is not done with is a row. It
goes WAITING -> HANDLED -> gone, or WAITING -> DEAD -> gone; each step is synced before the next begins. So after
kill -9

- a message that no handler was started with is handed over;
- one whose handler had returned success is not handed over again, only moved or flagged;
- one whose handler was under way is handed over again, with the same idempotency key and `attempt` one higher: nobody
  can know whether that handler had done its work.

Must never: hold a password or message text, or be used by two processes at once (it is locked).
"""

from __future__ import annotations

import enum
import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from pillarbox.database import open_database

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS mailbox (
    key INTEGER PRIMARY KEY, job TEXT NOT NULL, name TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL, seen_uid INTEGER NOT NULL, known INTEGER NOT NULL DEFAULT 0, UNIQUE (job, name)
);
CREATE TABLE IF NOT EXISTS taken (
    mailbox INTEGER NOT NULL, uid INTEGER NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL,
    due_seconds REAL NOT NULL, PRIMARY KEY (mailbox, uid)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS handled (
    mailbox INTEGER NOT NULL, number INTEGER PRIMARY KEY, hash BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS handled_hash ON handled (mailbox, hash);
"""
REMEMBERED: Final = 10_000
"""Hashes of a mailbox's messages that were done with, to know them again when the server numbers them anew."""


class CheckpointBusy(Exception):
    """Another process uses the same file."""


class State(enum.Enum):
    """Of a message that was taken in."""

    WAITING = "waiting"
    """For a handler, the first time or again."""
    HANDLED = "handled"
    """The handler is done; it is still to be moved or flagged."""
    DEAD = "dead"
    """No handler any more; it is still to be put aside."""


@dataclass(slots=True)
class Point:
    """How far one mailbox has come."""

    key: int
    uidvalidity: int
    seen_uid: int
    known: int
    """Hashes up to this number are of messages that have another UID now: the server numbered anew."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that is not done with."""

    uid: int
    state: State
    attempts: int
    due_seconds: float


class Checkpoint:
    """The file. Raises OSError, apsw.Error, CheckpointBusy."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock_path = path.with_name(path.name + ".lock")
        self._lock: IO[bytes] = open(os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")  # noqa: SIM115
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise CheckpointBusy(f"another process watches with {path}; stop that one or name another file") from error
        self._db = open_database(path, 10.0)
        self._db.execute(_TABLES).fetchall()

    def close(self) -> None:
        self._db.close()
        self._lock.close()

    def point(self, job: str, name: str) -> Point | None:
        """None: never watched."""
        row = self._db.execute(
            "SELECT key, uidvalidity, seen_uid, known FROM mailbox WHERE job = ? AND name = ?", (job, name)
        ).fetchone()
        return None if row is None else Point(*row)

    def begin(self, job: str, name: str, uidvalidity: int, seen_uid: int) -> Point:
        """From this UID on. What was taken in under another UIDVALIDITY is forgotten, but for the hashes."""
        with self._db:
            self._db.execute(
                "INSERT INTO mailbox (job, name, uidvalidity, seen_uid) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (job, name) DO UPDATE SET uidvalidity = excluded.uidvalidity,"
                " seen_uid = excluded.seen_uid,"
                " known = (SELECT coalesce(max(number), 0) FROM handled WHERE mailbox = key)",
                (job, name, uidvalidity, seen_uid),
            )
            point = self._known(job, name)
            self._db.execute("DELETE FROM taken WHERE mailbox = ?", (point.key,))
        return point

    def _known(self, job: str, name: str) -> Point:
        point = self.point(job, name)
        assert point is not None, "it was put there just before"
        return point

    def take(self, point: Point, uids: Sequence[int], now_seconds: float) -> None:
        """These have come."""
        with self._db:
            self._db.executemany(
                "INSERT OR IGNORE INTO taken VALUES (?, ?, ?, 0, ?)",
                ((point.key, uid, State.WAITING.value, now_seconds) for uid in uids),
            )
            point.seen_uid = max(point.seen_uid, *uids)
            self._db.execute("UPDATE mailbox SET seen_uid = ? WHERE key = ?", (point.seen_uid, point.key))

    def due(self, point: Point, now_seconds: float) -> Taken | None:
        """The first that something can be done with now."""
        return self._one("AND due_seconds <= ? ORDER BY uid LIMIT 1", point, now_seconds)

    def next_due(self, point: Point) -> Taken | None:
        """The one whose time comes first."""
        return self._one("ORDER BY due_seconds LIMIT 1", point)

    def waiting(self, point: Point) -> int:
        """How many are not done with."""
        return int(self._db.execute("SELECT count(*) FROM taken WHERE mailbox = ?", (point.key,)).get)

    def attempt(self, point: Point, uid: int) -> int:
        """A handler is about to be started; returns the number of this attempt."""
        self._db.execute("UPDATE taken SET attempts = attempts + 1 WHERE mailbox = ? AND uid = ?", (point.key, uid))
        return int(self._db.execute("SELECT attempts FROM taken WHERE mailbox = ? AND uid = ?", (point.key, uid)).get)

    def become(self, point: Point, uid: int, state: State, due_seconds: float) -> None:
        """In another state from now on, with something to be done at that time."""
        self._db.execute(
            "UPDATE taken SET state = ?, due_seconds = ? WHERE mailbox = ? AND uid = ?",
            (state.value, due_seconds, point.key, uid),
        )

    def handled(self, point: Point, uid: int, message_hash: bytes, now_seconds: float) -> None:
        """The handler returned success with a message of that hash."""
        with self._db:
            self.become(point, uid, State.HANDLED, now_seconds)
            self._db.execute("INSERT INTO handled (mailbox, hash) VALUES (?, ?)", (point.key, message_hash))
            self._db.execute(
                "DELETE FROM handled WHERE mailbox = ? AND number <= (SELECT number FROM handled WHERE mailbox = ?"
                " ORDER BY number DESC LIMIT 1 OFFSET ?)",
                (point.key, point.key, REMEMBERED),
            )

    def was_handled(self, point: Point, message_hash: bytes) -> bool:
        """Whether a message of the same bytes was, before the server numbered anew."""
        row = self._db.execute(
            "SELECT 1 FROM handled WHERE mailbox = ? AND hash = ? AND number <= ? LIMIT 1",
            (point.key, message_hash, point.known),
        ).fetchone()
        return row is not None

    def done(self, point: Point, uid: int) -> None:
        """Nothing is left to be done with it."""
        self._db.execute("DELETE FROM taken WHERE mailbox = ? AND uid = ?", (point.key, uid))

    def _one(self, condition: str, point: Point, *values: float) -> Taken | None:
        row = self._db.execute(
            f"SELECT uid, state, attempts, due_seconds FROM taken WHERE mailbox = ? {condition}",  # noqa: S608 - constants
            (point.key, *values),
        ).fetchone()
        return None if row is None else Taken(row[0], State(row[1]), row[2], row[3])
