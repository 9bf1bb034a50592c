"""How far a migration has come: which source message is which message here. One SQLite file per target account.

Nothing is brought twice, also after kill -9. A batch is *intended* first: the target's UIDNEXT and the hashes of the
batch are synced to this file; then the store takes the batch in one change; then the pairs of UIDs are written and the
intention is dropped. When an intention is found at the start, the store's messages from that UIDNEXT on are looked at:
the batch was stored whole (one change) under consecutive UIDs, or not at all, so its hashes tell which (migration.py).

Must never: keep a password, or be written by two processes at once (it is locked).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from pillarbox.database import open_database
from pillarbox.store.contract import Mailbox, MailboxId
from pillarbox.transfer.source import Examined

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS mailbox (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, name BLOB NOT NULL,
    target INTEGER NOT NULL, target_name TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL, seen_uid INTEGER NOT NULL, modseq INTEGER NOT NULL, UNIQUE (source, name)
);
CREATE TABLE IF NOT EXISTS message (
    mailbox INTEGER NOT NULL, uid INTEGER NOT NULL, target_uid INTEGER NOT NULL, flags TEXT NOT NULL,
    PRIMARY KEY (mailbox, uid)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orphan (
    mailbox INTEGER NOT NULL, target_uid INTEGER NOT NULL, PRIMARY KEY (mailbox, target_uid)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS intention (
    mailbox INTEGER NOT NULL, position INTEGER NOT NULL, uid INTEGER NOT NULL, uidnext INTEGER NOT NULL,
    hash BLOB NOT NULL, flags TEXT NOT NULL, PRIMARY KEY (mailbox, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS left_out (
    mailbox INTEGER NOT NULL, uid INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (mailbox, uid)
) WITHOUT ROWID;
"""


class CheckpointBusy(Exception):
    """Another process is bringing mail into the same account."""


@dataclass(slots=True)
class Point:
    """How far one source mailbox has come."""

    key: int
    target: MailboxId
    target_name: str
    uidvalidity: int
    seen_uid: int
    """Source messages up to here have been dealt with."""
    modseq: int
    """Flags and expunges up to here are known."""


@dataclass(frozen=True, slots=True)
class Intended:
    """A source message that is about to be stored."""

    uid: int
    hash: bytes
    flags: frozenset[str]


class Checkpoint:
    """The file of one target account, for one source. A context manager; raises OSError, apsw.Error."""

    def __init__(self, path: Path, source: str) -> None:
        self._source = source
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock: IO[bytes] = open(os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600), "r+b")  # noqa: SIM115
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise CheckpointBusy from error
        self._db = open_database(path, 10.0)
        self._db.execute(_TABLES).fetchall()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._lock.close()

    def names(self) -> dict[bytes, str]:
        """Source mailboxes of earlier runs and what they are called here."""
        return dict(self._db.execute("SELECT name, target_name FROM mailbox WHERE source = ?", (self._source,)))

    def point(self, raw_name: bytes) -> Point | None:
        """How far a mailbox has come; None: not begun."""
        row = self._db.execute(
            "SELECT id, target, target_name, uidvalidity, seen_uid, modseq FROM mailbox WHERE source = ? AND name = ?",
            (self._source, raw_name),
        ).fetchone()
        return None if row is None else Point(*row)

    def begin(self, raw_name: bytes, mailbox: Mailbox, examined: Examined) -> Point:
        """A mailbox from its start; whatever was known of it is forgotten."""
        with self._db:
            point = self.point(raw_name)
            if point is not None:
                for table in ("message", "orphan", "intention", "left_out"):
                    self._db.execute(f"DELETE FROM {table} WHERE mailbox = ?", (point.key,))  # noqa: S608 - constants
                self._db.execute("DELETE FROM mailbox WHERE id = ?", (point.key,))
            self._db.execute(
                "INSERT INTO mailbox (source, name, target, target_name, uidvalidity, seen_uid, modseq)"
                " VALUES (?, ?, ?, ?, ?, 0, ?)",
                (self._source, raw_name, mailbox.id, mailbox.name, examined.uidvalidity, examined.modseq),
            )
            key = self._db.last_insert_rowid()
        return Point(key, mailbox.id, mailbox.name, examined.uidvalidity, 0, examined.modseq)

    def renumber(self, point: Point, examined: Examined) -> None:
        """The source gave its messages new UIDs: what came before is to be recognised by its bytes."""
        with self._db:
            self._db.execute(
                "INSERT OR IGNORE INTO orphan SELECT mailbox, target_uid FROM message WHERE mailbox = ?", (point.key,)
            )
            for table in ("message", "left_out"):
                self._db.execute(f"DELETE FROM {table} WHERE mailbox = ?", (point.key,))  # noqa: S608 - constants
            self._db.execute(
                "UPDATE mailbox SET uidvalidity = ?, seen_uid = 0, modseq = ? WHERE id = ?",
                (examined.uidvalidity, examined.modseq, point.key),
            )
        point.uidvalidity, point.seen_uid, point.modseq = examined.uidvalidity, 0, examined.modseq

    def orphans(self, point: Point) -> list[int]:
        """Messages here whose source UID is not known any more."""
        found = self._db.execute("SELECT target_uid FROM orphan WHERE mailbox = ?", (point.key,))
        return [uid for (uid,) in found]

    def pairs(self, point: Point, low: int, high: int) -> dict[int, tuple[int, frozenset[str]]]:
        """Source UID -> UID here and the source's flags then, of the source UIDs `low` to `high`."""
        found = self._db.execute(
            "SELECT uid, target_uid, flags FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ?",
            (point.key, low, high),
        )
        return {uid: (target_uid, frozenset(flags.split())) for uid, target_uid, flags in found}

    def count(self, point: Point) -> int:
        """Messages that have come."""
        return int(self._db.execute("SELECT count(*) FROM message WHERE mailbox = ?", (point.key,)).get)

    def intend(self, point: Point, uidnext: int, batch: Sequence[Intended]) -> None:
        """About to store these; UIDNEXT here is that or more."""
        with self._db:
            self._db.executemany(
                "INSERT INTO intention VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (point.key, position, each.uid, uidnext, each.hash, " ".join(sorted(each.flags)))
                    for position, each in enumerate(batch)
                ),
            )

    def intention(self, point: Point) -> tuple[int, list[Intended]]:
        """What was about to be stored when the last run ended: the UIDNEXT then, and the batch; perhaps nothing."""
        uidnext, batch = 0, []
        for uidnext, uid, hash, flags in self._db.execute(  # noqa: B007 - one UIDNEXT for all
            "SELECT uidnext, uid, hash, flags FROM intention WHERE mailbox = ? ORDER BY position", (point.key,)
        ):
            batch.append(Intended(uid, hash, frozenset(flags.split())))
        return uidnext, batch

    def took(self, point: Point, pairs: Iterable[tuple[Intended, int]]) -> None:
        """These are stored, under that UID each; nothing is intended any more."""
        taken = list(pairs)
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO message VALUES (?, ?, ?, ?)",
                ((point.key, each.uid, target_uid, " ".join(sorted(each.flags))) for each, target_uid in taken),
            )
            self._db.executemany(
                "DELETE FROM orphan WHERE mailbox = ? AND target_uid = ?", ((point.key, uid) for _, uid in taken)
            )
            self._db.executemany(
                "DELETE FROM left_out WHERE mailbox = ? AND uid = ?", ((point.key, each.uid) for each, _ in taken)
            )
            self._db.execute("DELETE FROM intention WHERE mailbox = ?", (point.key,))

    def leave_out(self, point: Point, uid: int, reason: str) -> None:
        """This one can't be stored; it is tried again by the next run."""
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO left_out VALUES (?, ?, ?)", (point.key, uid, reason))

    def left_out(self, point: Point) -> list[int]:
        """Source UIDs that could not be stored."""
        return [uid for (uid,) in self._db.execute("SELECT uid FROM left_out WHERE mailbox = ?", (point.key,))]

    def saw(self, point: Point, uid: int) -> None:
        """All source UIDs up to this one have been dealt with."""
        point.seen_uid = uid
        self._db.execute("UPDATE mailbox SET seen_uid = ? WHERE id = ?", (uid, point.key))

    def finished(self, point: Point, modseq: int) -> None:
        """Flags and expunges up to this mod-sequence are known here."""
        point.modseq = modseq
        self._db.execute("UPDATE mailbox SET modseq = ? WHERE id = ?", (modseq, point.key))

    def remember_flags(self, point: Point, changed: dict[int, frozenset[str]]) -> None:
        """The source's flags as they are now."""
        with self._db:
            self._db.executemany(
                "UPDATE message SET flags = ? WHERE mailbox = ? AND uid = ?",
                ((" ".join(sorted(flags)), point.key, uid) for uid, flags in changed.items()),
            )

    def forget(self, point: Point, uids: Iterable[int]) -> None:
        """These are gone from the source, and from here."""
        with self._db:
            self._db.executemany(
                "DELETE FROM message WHERE mailbox = ? AND uid = ?", ((point.key, uid) for uid in uids)
            )
