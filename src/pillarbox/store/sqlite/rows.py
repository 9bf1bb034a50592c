"""Messages of a mailbox as parallel columns: how they lie in memory and in BLOBs.

Must never: know a table. Columns are little-endian on disk.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import compress
from typing import Final

UIDS: Final = "I"
FLAGS: Final = "I"
MODSEQS: Final = "Q"
CONTENTS: Final = "q"
"""Signed, as SQLite's integers are, so that a column binds as a table of content ids."""
SIZES: Final = "Q"
SECONDS: Final = "q"
ZONES: Final = "h"


@dataclass(slots=True)
class Rows:
    """Some messages, ascending by UID; all columns are of one length."""

    uids: array[int] = field(default_factory=lambda: array(UIDS))
    flags: array[int] = field(default_factory=lambda: array(FLAGS))
    """Ids of flag sets (flagsets.py)."""
    modseqs: array[int] = field(default_factory=lambda: array(MODSEQS))
    contents: array[int] = field(default_factory=lambda: array(CONTENTS))
    sizes: array[int] = field(default_factory=lambda: array(SIZES))
    date_seconds: array[int] = field(default_factory=lambda: array(SECONDS))
    date_zones: array[int] = field(default_factory=lambda: array(ZONES))
    save_seconds: array[int] = field(default_factory=lambda: array(SECONDS))

    def __len__(self) -> int:
        return len(self.uids)

    def columns(self) -> tuple[array[int], ...]:
        """All columns, in the order of the fields."""
        return (self.uids, self.flags, self.modseqs, self.contents, self.sizes, self.date_seconds,
                self.date_zones, self.save_seconds)  # fmt: skip

    def part(self, start: int, end: int) -> Rows:
        """Rows `start` (inclusive) to `end` (exclusive)."""
        return Rows(*(column[start:end] for column in self.columns()))

    def where(self, mask: bytes | bytearray) -> Rows:
        """The rows whose byte in `mask` is not zero."""
        return Rows(*(array(column.typecode, compress(column, mask)) for column in self.columns()))

    def extend(self, other: Rows) -> None:
        """Add the rows of `other` at the end."""
        for mine, theirs in zip(self.columns(), other.columns(), strict=True):
            mine.extend(theirs)


def mask_of(rows: Iterable[int], length: int) -> bytearray:
    """A mask for Rows.where with ones at the row numbers `rows`."""
    mask = bytearray(length)
    for row in rows:
        mask[row] = 1
    return mask


def inverse(mask: bytearray) -> bytearray:
    """Ones for zeros and zeros for ones."""
    return mask.translate(_INVERSE)


_INVERSE: Final = b"\1" + bytes(255)


def pack(column: array[int]) -> bytes:
    """A column as it lies on disk."""
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()


def unpack(typecode: str, data: bytes) -> array[int]:
    """The inverse of pack()."""
    column: array[int] = array(typecode)
    column.frombytes(data)
    if sys.byteorder == "big":
        column.byteswap()
    return column


def unpack_onto(column: array[int], data: bytes) -> None:
    """Add what unpack() gives at the end of a column."""
    if sys.byteorder == "big":
        column.extend(unpack(column.typecode, data))
    else:
        column.frombytes(data)
