"""Digests what one account took in, before anybody asks: turns, each of some short transactions.

APPEND stores the bytes alone, since reading a message costs more than keeping it (docs/performance.md). What is left to
do is found in the database, never remembered.

Must never: make a database; hold the write lock while it computes.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import apsw

from pillarbox.database import write_transaction
from pillarbox.mail.errors import StoreCorrupt
from pillarbox.store.digesting import Digester
from pillarbox.store.sqlite.derived import Pieces, keep_derived
from pillarbox.store.sqlite.reading import Reader
from pillarbox.store.sqlite.schema import BLOBS_NAME, DATABASE_NAME, MIGRATIONS

GROUP_MESSAGES: Final = 64
"""Kept in one transaction: about 2 ms for which a client's change may have to wait."""
_BUSY_MILLISECONDS: Final = 1_000


class AccountDigester:
    """Turns at one account. Used from one thread at a time."""

    def __init__(self, folder: Path, digest: Digester, turn_seconds: float) -> None:
        self._folder = folder
        self._digest = digest
        self._turn_seconds = turn_seconds

    def turn(self) -> bool:
        """Digest some of what is new; whether more is left. Raises one of DATABASE_FAILURES."""
        end = time.monotonic() + self._turn_seconds
        with contextlib.closing(self._open()) as mail:
            if mail.execute("PRAGMA user_version").get < len(MIGRATIONS):
                return False  # of an older version: whoever opens it for a client brings it up to date
            reader = Reader(mail, self._folder / BLOBS_NAME, self._digest)
            while (last := _last_content(mail)) > _through(mail):
                if time.monotonic() >= end:
                    return True
                self._digest_some(mail, reader, last)
        return False

    def _digest_some(self, mail: apsw.Connection, reader: Reader, last: int) -> None:
        missing = reader.undigested(_through(mail), GROUP_MESSAGES)
        digests = _computed(reader, missing)
        through = missing[-1] if len(missing) == GROUP_MESSAGES else last
        with write_transaction(mail):
            for content, pieces in digests.items():
                keep_derived(mail, content, pieces)
            mail.execute("UPDATE digested SET through = max(through, ?)", (through,))

    def _open(self) -> apsw.Connection:
        mail = apsw.Connection(str(self._folder / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READWRITE)
        mail.set_busy_timeout(_BUSY_MILLISECONDS)
        mail.execute("PRAGMA synchronous = NORMAL").fetchall()  # what is lost is computed again
        return mail


def _computed(reader: Reader, contents: Sequence[int]) -> dict[int, Pieces]:
    try:
        return reader.compute(contents)
    except StoreCorrupt:  # bytes are missing: `check` tells of it; the others must not wait for that
        computed: dict[int, Pieces] = {}
        for content in contents:
            with contextlib.suppress(StoreCorrupt):
                computed |= reader.compute([content])
        return computed


def _through(mail: apsw.Connection) -> int:
    through: int = mail.execute("SELECT through FROM digested").get
    return through


def _last_content(mail: apsw.Connection) -> int:
    last: int = mail.execute("SELECT content FROM account").get
    return last
