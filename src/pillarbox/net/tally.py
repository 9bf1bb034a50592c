"""Counts what all workers of one server have together: connections by address, logins by account.

A table in memory that the supervisor makes before it forks. Each process adds and takes away in a row of its own, so
no two ever write the same cell; the count is the sum over all rows. A row whose process is gone is wiped by the
supervisor. A key is a cell by its keyed hash: two keys may share a cell, too rarely to matter and not to be
brought about from outside.

Two workers that look at the same moment may both see room for one: a limit can be passed by as many as there are
workers, never by more.

Must never: lock; hold an address in clear.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from typing import Final

CELLS: Final = 16_384
"""Keys that are told apart. Each takes two bytes a row, once it is used."""
_MOST: Final = 0xFFFF


class Tally:
    """One table; make it before forking."""

    def __init__(self, rows: int = 1) -> None:
        """With room for `rows` processes at once."""
        self._rows = rows
        self._memory = mmap.mmap(-1, CELLS * rows * 2)
        self._cells = memoryview(self._memory).cast("H")
        self._key = os.urandom(16)
        self._used = [False] * rows

    # --- the supervisor ---------------------------------------------------------------------------

    def claim(self) -> int:
        """A row for a process that is about to start. Without a free one the last row is shared, and miscounts."""
        for row, is_used in enumerate(self._used):
            if not is_used:
                self._used[row] = True
                return row
        return self._rows - 1

    def wipe(self, row: int) -> None:
        """The process of a row is gone."""
        self._cells[row :: self._rows] = memoryview(bytes(CELLS * 2)).cast("H")
        self._used[row] = False

    # --- a process --------------------------------------------------------------------------------

    def count(self, key: bytes) -> int:
        """How many there are, in all processes."""
        start = self._first(key)
        return sum(self._cells[start : start + self._rows])

    def add(self, row: int, key: bytes) -> None:
        """One more in the process of that row."""
        at = self._first(key) + row
        self._cells[at] = min(self._cells[at] + 1, _MOST)

    def take(self, row: int, key: bytes) -> None:
        """One less."""
        at = self._first(key) + row
        self._cells[at] = max(self._cells[at] - 1, 0)

    def _first(self, key: bytes) -> int:
        """Where the cells of a key begin: all rows beside each other, for counting is what is done most."""
        number = int.from_bytes(hashlib.blake2b(key, digest_size=4, key=self._key).digest(), "big")
        return number % CELLS * self._rows


class Share:
    """One process's part of a tally, for one kind of thing."""

    __slots__ = ("_kind", "_row", "_tally")

    def __init__(self, tally: Tally, row: int, kind: bytes) -> None:
        self._tally = tally
        self._row = row
        self._kind = kind

    def count(self, key: bytes) -> int:
        """In all processes."""
        return self._tally.count(self._kind + key)

    def add(self, key: bytes) -> None:
        """One more here."""
        self._tally.add(self._row, self._kind + key)

    def take(self, key: bytes) -> None:
        """One less here."""
        self._tally.take(self._row, self._kind + key)


def own_share() -> Share:
    """Of a tally that nobody else has: what one process counts for itself."""
    tally = Tally()
    return Share(tally, tally.claim(), b"")


class AccountLimit:
    """auth.contract.Presence: at most so many connections of one account."""

    def __init__(self, share: Share, most: int) -> None:
        self._share = share
        self._most = most

    def arrive(self, account: str) -> bool:
        """One more, unless there are as many as may be."""
        key = account.encode()
        if self._share.count(key) >= self._most:
            return False
        self._share.add(key)
        return True

    def depart(self, account: str) -> None:
        """One less."""
        self._share.take(account.encode())
