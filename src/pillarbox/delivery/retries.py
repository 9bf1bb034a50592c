"""Remembers what was delivered, so that a retry of the sending side is not stored a second time.

An MTA whose connection dies before it saw our replies sends the message again (RFC 1047): it can't know better. We
can: its second try has the same bytes, for its own Received field is in the message already. Written after the message
and before the reply, so nothing is ever suppressed that is not on disk; what a crash takes from here costs a
duplicate, never a message. Hence no sync of the disk either.

Must never: keep addresses or message text; it holds hashes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

import apsw

from pillarbox.clock import Clock
from pillarbox.database import open_database
from pillarbox.mail.errors import StoreUnavailable

BUSY_SECONDS: Final = 5.0
_FORGET_EVERY_SECONDS: Final = 3_600.0


class Retries(Protocol):
    """What was delivered lately."""

    def is_known(self, key: bytes) -> bool:
        """Was this delivered? A memory that can't be read says no."""
        ...

    def remember(self, key: bytes) -> None:
        """This was delivered. Never raises: a memory that can't be written costs a duplicate at most."""
        ...


class NoRetries:
    """Remembers nothing."""

    def is_known(self, key: bytes) -> bool:
        return False

    def remember(self, key: bytes) -> None:
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
                "CREATE TABLE IF NOT EXISTS delivered (key BLOB PRIMARY KEY, seconds INTEGER NOT NULL)"
                " STRICT, WITHOUT ROWID"
            ).fetchall()
        except (OSError, apsw.Error) as error:
            raise StoreUnavailable("The record of deliveries can't be opened") from error
        return cls(connection, remember_seconds, clock)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def is_known(self, key: bytes) -> bool:
        since = int(self._clock.now_seconds() - self._remember_seconds)
        try:
            found = self._connection.execute("SELECT 1 FROM delivered WHERE key = ? AND seconds >= ?", (key, since))
            return bool(found.fetchall())
        except apsw.Error:
            return False

    def remember(self, key: bytes) -> None:
        now = self._clock.now_seconds()
        try:
            self._connection.execute("INSERT OR REPLACE INTO delivered VALUES (?, ?)", (key, int(now)))
            if now >= self._forget_at_seconds:
                self._forget_at_seconds = now + _FORGET_EVERY_SECONDS
                self._connection.execute(
                    "DELETE FROM delivered WHERE seconds < ?", (int(now - self._remember_seconds),)
                )
        except apsw.Error:
            return
