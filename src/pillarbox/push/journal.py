"""What webhooks are still to be told, in `events.db`: events that were taken from the store, and how far that is.

Events and the position after them are written in one change: none is lost and none taken twice. Only one process
writes (runner.py holds a lock). Alarms about logins wait under the account ALARMS.

Must never: hold a webhook's secret or anything out of a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pillarbox.database import open_database
from pillarbox.push.position import Position, PositionUnreadable, from_json, to_json

MAX_DEAD: Final = 10_000
"""Events put aside that are kept for the operator."""
ALARMS: Final = ""
"""Stands for the account of alarms about logins."""
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS position (
    webhook TEXT NOT NULL, account TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (webhook, account)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waiting (
    number INTEGER PRIMARY KEY, webhook TEXT NOT NULL, account TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
    body BLOB NOT NULL, attempts INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS waiting_for ON waiting (webhook, account, number);
CREATE TABLE IF NOT EXISTS alarm (webhook TEXT PRIMARY KEY, told INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead (number INTEGER PRIMARY KEY, webhook TEXT NOT NULL, account TEXT NOT NULL, body BLOB);
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """One event for one webhook."""

    kind: str
    key: str
    body: bytes
    number: int = 0
    attempts: int = 0


class Journal:
    """The file. Raises OSError, apsw.Error."""

    def __init__(self, path: Path) -> None:
        self._db = open_database(path, 10.0)
        self._db.execute(_TABLES).fetchall()

    def close(self) -> None:
        self._db.close()

    def position(self, webhook: str, account: str) -> Position | None:
        """None: never told anything."""
        row = self._db.execute(
            "SELECT state FROM position WHERE webhook = ? AND account = ?", (webhook, account)
        ).fetchone()
        try:
            return None if row is None else from_json(row[0])
        except PositionUnreadable:
            return None

    def add(self, webhook: str, account: str, letters: Sequence[Letter], position: Position | None) -> None:
        """These are to be told; what the store has up to that position is in them."""
        with self._db:
            self._db.executemany(
                "INSERT INTO waiting (webhook, account, kind, key, body) VALUES (?, ?, ?, ?, ?)",
                ((webhook, account, each.kind, each.key, each.body) for each in letters),
            )
            if position is not None:
                self._db.execute(
                    "INSERT OR REPLACE INTO position VALUES (?, ?, ?)", (webhook, account, to_json(position))
                )

    def last_alarm(self, webhook: str) -> int | None:
        """The number of the last alarm that was taken for it. None: never told anything."""
        row = self._db.execute("SELECT told FROM alarm WHERE webhook = ?", (webhook,)).fetchone()
        return None if row is None else int(row[0])

    def add_alarms(self, webhook: str, letters: Sequence[Letter], last: int) -> None:
        """These are to be told; all alarms up to the number `last` are in them, or not for this webhook."""
        with self._db:
            self.add(webhook, ALARMS, letters, None)
            self._db.execute("INSERT OR REPLACE INTO alarm VALUES (?, ?)", (webhook, last))

    def first(self, webhook: str, account: str) -> Letter | None:
        """The one whose turn it is."""
        row = self._db.execute(
            "SELECT kind, key, body, number, attempts FROM waiting WHERE webhook = ? AND account = ?"
            " ORDER BY number LIMIT 1",
            (webhook, account),
        ).fetchone()
        return None if row is None else Letter(*row)

    def failed(self, letter: Letter) -> None:
        self._db.execute("UPDATE waiting SET attempts = attempts + 1 WHERE number = ?", (letter.number,))

    def told(self, letter: Letter) -> None:
        self._db.execute("DELETE FROM waiting WHERE number = ?", (letter.number,))

    def put_aside(self, letter: Letter) -> None:
        """It failed too often."""
        with self._db:
            self._db.execute(
                "INSERT INTO dead (webhook, account, body) SELECT webhook, account, body FROM waiting WHERE number = ?",
                (letter.number,),
            )
            self._db.execute("DELETE FROM waiting WHERE number = ?", (letter.number,))
            self._db.execute("DELETE FROM dead WHERE number <= (SELECT max(number) FROM dead) - ?", (MAX_DEAD,))

    def dead(self) -> list[bytes]:
        """Bodies of what was put aside, oldest first."""
        return [body for (body,) in self._db.execute("SELECT body FROM dead ORDER BY number")]
