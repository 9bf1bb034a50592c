"""The blocks of messages: which there are, taking rows out, adding rows, changing marks.

A block has at most BLOCK_ROWS rows. Arrivals gather in a small block at the end (so that an APPEND rewrites
little), which is joined to the one before it when it has TAIL_ROWS. Must never: know what flags mean.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import apsw

from pillarbox.store.sqlite.rows import (
    CONTENTS,
    FLAGS,
    MODSEQS,
    SECONDS,
    SIZES,
    UIDS,
    ZONES,
    Rows,
    pack,
    unpack,
    unpack_onto,
)

BLOCK_ROWS: Final = 512
"""Measured (measurements.md): 100,000 messages load in 200 rows, one flag change rewrites 6 KB."""
TAIL_ROWS: Final = 32
JOIN_ROWS: Final = 256
"""After an expunge two neighbours are joined when they have this many rows together at most; half a block,
so that joining and filling do not chase each other."""

_MARKS: Final = "SELECT key, uids, flags, modseqs FROM block WHERE "


@dataclass(slots=True)
class Block:
    """A block's key and the columns that are looked at most."""

    key: int
    uids: array[int]
    flags: array[int]
    modseqs: array[int]


class Blocks:
    """The block tables through one connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def all(self, mailbox: int) -> Iterator[Block]:
        """A mailbox's blocks, ascending. The one yielded last may be changed or removed."""
        position, end = key_of(mailbox, 0), key_of(mailbox + 1, 0)
        while (block := self._one("key >= ? AND key < ? ORDER BY key LIMIT 1", position, end)) is not None:
            position = block.key + 1
            yield block

    def holding(self, mailbox: int, uids: Sequence[int]) -> Iterator[tuple[Block, Sequence[int]]]:
        """The blocks that hold any of the ascending `uids` (some may come twice), with the row numbers, ascending.

        The block yielded last may be changed or removed.
        """
        start, at = key_of(mailbox, 0), 0
        while at < len(uids):
            position = key_of(mailbox, min(uids[at], 0xFFFFFFFF))
            block = self._one("key BETWEEN ? AND ? ORDER BY key DESC LIMIT 1", start, position)
            if block is None or block.uids[-1] < uids[at]:
                block = self._one("key > ? AND key < ? ORDER BY key LIMIT 1", position, key_of(mailbox + 1, 0))
            if block is None:
                return
            at = bisect_left(uids, block.uids[0], at)
            end = bisect_right(uids, block.uids[-1], at)
            if rows := _rows_of(block.uids, uids[at:end]):
                yield block, rows
            at = end

    def count_from(self, mailbox: int, uid: int) -> int:
        """How many messages have this UID or a greater one."""
        position, end = key_of(mailbox, uid), key_of(mailbox + 1, 0)
        size_bytes: int = self._connection.execute(
            "SELECT coalesce(sum(length(uids)), 0) FROM block WHERE key >= ? AND key < ?", (position, end)
        ).get
        count = size_bytes // 4
        before = self._one("key >= ? AND key < ? ORDER BY key DESC LIMIT 1", key_of(mailbox, 0), position)
        if before is not None:
            count += len(before.uids) - bisect_left(before.uids, uid)
        return count

    def changed_since(self, mailbox: int, modseq: int) -> list[Block]:
        """The blocks that may hold a row with a mod-sequence above `modseq`, ascending."""
        found = self._connection.execute(
            "SELECT key, uids, flags, modseqs FROM block INDEXED BY block_by_modseq"
            " WHERE max_modseq > ? AND key >= ? AND key < ?",
            (modseq, key_of(mailbox, 0), key_of(mailbox + 1, 0)),
        )
        return sorted((_block(*row) for row in found), key=lambda block: block.key)

    def everything(self, mailbox: int) -> Rows:
        """All rows of a mailbox at once, by the quickest way: block by block, so that little memory is touched."""
        found = self._connection.execute(
            "SELECT uids, flags, modseqs, contents, sizes, date_seconds, date_zones, save_seconds"
            " FROM block JOIN block_facts USING (key) WHERE key >= ? AND key < ? ORDER BY key",
            (key_of(mailbox, 0), key_of(mailbox + 1, 0)),
        )
        rows = Rows()
        columns = rows.columns()
        for parts in found:
            for column, part in zip(columns, parts, strict=True):
                unpack_onto(column, part)
        return rows

    def rows(self, block: Block) -> Rows:
        """All columns of a block; those it has already are shared, not copied."""
        contents, sizes, date_seconds, date_zones, save_seconds = self._connection.execute(
            "SELECT contents, sizes, date_seconds, date_zones, save_seconds FROM block_facts WHERE key = ?",
            (block.key,),
        ).get
        return Rows(
            block.uids,
            block.flags,
            block.modseqs,
            unpack(CONTENTS, contents),
            unpack(SIZES, sizes),
            unpack(SECONDS, date_seconds),
            unpack(ZONES, date_zones),
            unpack(SECONDS, save_seconds),
        )

    def sizes(self, block: Block) -> array[int]:
        """The sizes column of a block."""
        return unpack(SIZES, self._connection.execute("SELECT sizes FROM block_facts WHERE key = ?", (block.key,)).get)

    def save_marks(self, block: Block, modseq: int) -> None:
        """Write changed flags and mod-sequences, of which `modseq` is the highest."""
        self._connection.execute(
            "UPDATE block SET max_modseq = ?, flags = ?, modseqs = ? WHERE key = ?",
            (modseq, pack(block.flags), pack(block.modseqs), block.key),
        )

    def shrink(self, block: Block, rows: Rows) -> None:
        """Keep only `rows` of a block; join it to the block before it when both are small."""
        if not rows:
            self._remove(block.key)
            return
        if len(rows) <= JOIN_ROWS:
            before = self._one("key >= ? AND key < ? ORDER BY key DESC LIMIT 1", block.key >> 32 << 32, block.key)
            if before is not None and len(before.uids) + len(rows) <= JOIN_ROWS:
                self._remove(block.key)
                self._join(before, rows)
                return
        self._write(block.key, rows)

    def append(self, mailbox: int, rows: Rows) -> None:
        """Add rows (at least one), whose UIDs are above all in the mailbox."""
        tail = self._one("key >= ? AND key < ? ORDER BY key DESC LIMIT 1", key_of(mailbox, 0), key_of(mailbox + 1, 0))
        key = key_of(mailbox, rows.uids[0])
        if tail is not None and len(tail.uids) < TAIL_ROWS:
            key, arrivals, rows = tail.key, rows, self.rows(tail)
            rows.extend(arrivals)
        elif tail is not None:
            before = self._one("key >= ? AND key < ? ORDER BY key DESC LIMIT 1", key_of(mailbox, 0), tail.key)
            if before is not None and len(before.uids) + len(tail.uids) <= BLOCK_ROWS:
                tail_rows = self.rows(tail)
                self._remove(tail.key)
                self._join(before, tail_rows)
        for start in range(0, len(rows), BLOCK_ROWS):
            chunk = rows.part(start, start + BLOCK_ROWS)
            self._write(key if start == 0 else key_of(mailbox, chunk.uids[0]), chunk)

    def remove_all(self, mailbox: int) -> None:
        """Remove every block of a mailbox."""
        for table in ("block", "block_facts"):
            self._connection.execute(
                f"DELETE FROM {table} WHERE key >= ? AND key < ?",  # noqa: S608 - two constants
                (key_of(mailbox, 0), key_of(mailbox + 1, 0)),
            )

    def _one(self, where: str, *bindings: int) -> Block | None:
        row = self._connection.execute(_MARKS + where, bindings).fetchone()
        return None if row is None else _block(*row)

    def _join(self, before: Block, rows: Rows) -> None:
        joined = self.rows(before)
        joined.extend(rows)
        self._write(before.key, joined)

    def _remove(self, key: int) -> None:
        self._connection.execute("DELETE FROM block WHERE key = ?", (key,))
        self._connection.execute("DELETE FROM block_facts WHERE key = ?", (key,))

    def _write(self, key: int, rows: Rows) -> None:
        uids, flags, modseqs, *facts = map(pack, rows.columns())
        self._connection.execute(
            "INSERT OR REPLACE INTO block VALUES (?, ?, ?, ?, ?)", (key, max(rows.modseqs), uids, flags, modseqs)
        )
        self._connection.execute("INSERT OR REPLACE INTO block_facts VALUES (?, ?, ?, ?, ?, ?)", (key, *facts))


def key_of(mailbox: int, uid: int) -> int:
    """Where a block that begins with `uid` is kept."""
    return mailbox << 32 | uid


def _block(key: int, uids: bytes, flags: bytes, modseqs: bytes) -> Block:
    return Block(key, unpack(UIDS, uids), unpack(FLAGS, flags), unpack(MODSEQS, modseqs))


def _rows_of(uids: array[int], wanted: Sequence[int]) -> Sequence[int]:
    if len(wanted) == len(uids) and (wanted == uids or list(wanted) == uids.tolist()):
        return range(len(uids))
    if len(wanted) < 16:
        rows = {uid: bisect_left(uids, uid) for uid in wanted}
        return [row for uid, row in rows.items() if uids[row] == uid]
    among = set(wanted)
    if among.issuperset(uids):
        return range(len(uids))
    return [row for row, uid in enumerate(uids) if uid in among]
