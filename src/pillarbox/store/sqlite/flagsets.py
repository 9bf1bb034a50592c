"""Flag sets by number: each different one is kept once in an account and named by a small number in the rows.

A number means the same set for ever, so what was read once holds. Must never: keep a number whose
transaction was rolled back (see `forget`).
"""

from __future__ import annotations

import apsw

from pillarbox.mail.flags import FlagSet, flag_set


class FlagSets(dict[int, FlagSet]):
    """Number -> flag set; numbers not seen yet are looked up."""

    def __init__(self, connection: apsw.Connection) -> None:
        super().__init__()
        self._connection = connection
        self._numbers: dict[FlagSet, int] = {}

    def __missing__(self, number: int) -> FlagSet:
        names: str = self._connection.execute("SELECT names FROM flagset WHERE id = ?", (number,)).get
        flags = self[number] = flag_set(frozenset(names.split()))
        return flags

    def number_of(self, flags: FlagSet) -> int:
        """The number of a flag set, a new one when it has none. Only within a write transaction."""
        number = self._numbers.get(flags)
        if number is None:
            names = flags.wire.decode("ascii")
            number = self._connection.execute("SELECT id FROM flagset WHERE names = ?", (names,)).get
            if number is None:
                self._connection.execute("INSERT INTO flagset (names) VALUES (?)", (names,))
                number = self._connection.last_insert_rowid()
            self._numbers[flags] = number
            self[number] = flags
        return number

    def forget(self) -> None:
        """Forget what was read or made: it may have been rolled back."""
        self.clear()
        self._numbers.clear()
