"""Remembers what was delivered, so that a retry of the sending side is not stored a second time.

An MTA whose connection dies before it saw our replies sends the message again (RFC 1047): it can't know better. We
can: its second try has the same bytes, for its own Received field is in the message already. A delivery is noted
before it begins and again when it is done; one that was begun only is in doubt, and doubt.py looks into the account.
So a crash at any moment costs neither a message nor a duplicate. A power cut may cost duplicates: nothing here is
synced to disk, for messages are.

Must never: keep addresses or message text; it holds hashes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import apsw

from pillarbox.clock import Clock
from pillarbox.database import open_database
from pillarbox.mail.errors import StoreUnavailable

BUSY_SECONDS: Final = 5.0
_FORGET_EVERY_SECONDS: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Earlier:
    """A try of the same delivery before this one."""

    seconds: int
    """When it began."""
    is_done: bool
    """It was acknowledged or about to be; if not, nobody knows how far it came."""


class Retries(Protocol):
    """What was delivered lately. Never raises: a memory that fails costs a duplicate at most."""

    def begin(self, key: bytes) -> Earlier | None:
        """Note that this delivery begins; what is known of an earlier try."""
        ...

    def finish(self, key: bytes) -> None:
        """It is on disk."""
        ...

    def forget(self, key: bytes) -> None:
        """It failed, and that is certain."""
        ...


class NoRetries:
    """Remembers nothing."""

    def begin(self, key: bytes) -> Earlier | None:
        return None

    def finish(self, key: bytes) -> None:
        pass

    def forget(self, key: bytes) -> None:
        pass


class RememberedRetries:
    """In a small database that all workers share."""

    def __init__(self, connection: apsw.Connection, remember_seconds: float, clock: Clock) -> None:
        self._connection = connection
        self._remember_seconds = remember_seconds
        self._clock = clock
        self._forget_at_seconds = 0.0

    @classmethod
    def open(cls, path: Path, remember_seconds: float, clock: Clock) -> RememberedRetries:
        """Open the file, made (0600) when it is not there. Raises StoreUnavailable."""
        try:
            connection = open_database(path, BUSY_SECONDS)
            connection.execute("PRAGMA synchronous = NORMAL").fetchall()
            connection.execute(
                "CREATE TABLE IF NOT EXISTS delivery"
                " (key BLOB PRIMARY KEY, seconds INTEGER NOT NULL, done INTEGER NOT NULL)"
                " STRICT, WITHOUT ROWID"
            ).fetchall()
        except (OSError, apsw.Error) as error:
            raise StoreUnavailable("The record of deliveries can't be opened") from error
        return cls(connection, remember_seconds, clock)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def begin(self, key: bytes) -> Earlier | None:
        now = int(self._clock.now_seconds())
        since = int(now - self._remember_seconds)
        rows = self._try("SELECT seconds, done FROM delivery WHERE key = ? AND seconds >= ?", key, since)
        if rows:
            seconds, done = rows[0]
            return Earlier(int(str(seconds)), bool(done))
        self._try("INSERT OR REPLACE INTO delivery VALUES (?, ?, 0)", key, now)
        if now >= self._forget_at_seconds:
            self._forget_at_seconds = now + _FORGET_EVERY_SECONDS
            self._try("DELETE FROM delivery WHERE seconds < ?", since)
        return None

    def finish(self, key: bytes) -> None:
        self._try("UPDATE delivery SET done = 1 WHERE key = ?", key)

    def forget(self, key: bytes) -> None:
        self._try("DELETE FROM delivery WHERE key = ? AND done = 0", key)

    def _try(self, statement: str, *values: bytes | int) -> list[tuple[object, ...]]:
        try:
            return list(self._connection.execute(statement, values))
        except apsw.Error:
            return []
