"""Messages that left a mailbox, remembered for some days: kept when they leave, listed, put back, forgotten.

What leaves together is kept as columns (rows.py), a block at a time, so that remembering costs an EXPUNGE one row
and saves it the removal of the bytes. Rows of expunged messages hold a reference to each content; those of moved ones
hold none, since content ids are never given twice. Must never: show in anything that a client asks for.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from pillarbox.database import open_database
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.flags import DELETED, flag_set
from pillarbox.store.contract import Copied, Departed, Departure, MailboxId
from pillarbox.store.sqlite.blocks import BLOCK_ROWS
from pillarbox.store.sqlite.flagsets import FlagSets
from pillarbox.store.sqlite.rows import (
    CONTENTS,
    FLAGS,
    MODSEQS,
    SECONDS,
    SIZES,
    UIDS,
    ZONES,
    Rows,
    inverse,
    mask_of,
    pack,
    unpack,
)
from pillarbox.store.sqlite.transaction import MailboxRow, Transaction

_COLUMNS: Final = "uids, flags, contents, sizes, date_seconds, date_zones, save_seconds"
_INSERT: Final = f"""
INSERT INTO departed (gone_seconds, moved, mailbox, name, uidvalidity, {_COLUMNS})
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""  # noqa: S608 - constants
_MOVED: Final = {Departure.EXPUNGED: 0, Departure.MOVED: 1}
_HOW: Final = {number: how for how, number in _MOVED.items()}
_PURGE_ROWS: Final = 32
"""Forgotten in one change at most, some thousands of messages: others wait for it."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """One row of the table."""

    id: int
    gone_seconds: int
    how: Departure
    mailbox: MailboxId
    name: str
    uidvalidity: int
    rows: Rows


def remember(transaction: Transaction, mailbox: MailboxRow, rows: Rows, how: Departure) -> None:
    """Keep what has been taken out of its mailbox, or let go of its contents when nothing is to be kept."""
    if not rows:
        return
    if transaction.limits.keep_expunged_days <= 0:
        if how is Departure.EXPUNGED:
            transaction.contents.release(rows.contents)
        return
    now = transaction.now_seconds()
    for start in range(0, len(rows), BLOCK_ROWS):
        part = rows if len(rows) <= BLOCK_ROWS else rows.part(start, start + BLOCK_ROWS)
        whose = (now, _MOVED[how], mailbox.id, mailbox.name, mailbox.uidvalidity)
        transaction.connection.execute(_INSERT, (*whose, *map(pack, _kept_columns(part))))


def read_departed(connection: apsw.Connection, since_seconds: int) -> list[Departed]:
    """contract.AccountStore.departed"""
    flagsets = FlagSets(connection)
    found = [
        Departed(
            kept.mailbox,
            kept.name,
            kept.uidvalidity,
            uid,
            flagsets[flags],
            size,
            InternalDate(seconds, zone),
            saved,
            kept.gone_seconds,
            kept.how,
        )
        for kept in _read(connection, "gone_seconds >= ?", since_seconds)
        for uid, flags, _, _, size, seconds, zone, saved in zip(*kept.rows.columns(), strict=True)
    ]
    return sorted(found, key=lambda each: (each.gone_seconds, each.mailbox, each.uid))


def contents_of(connection: apsw.Connection, mailbox: MailboxId, uids: Sequence[int]) -> list[int]:
    """The content id of each departed UID, 0 when it is not remembered."""
    wanted, found = set(uids), dict[int, int]()
    for kept in _read(connection, "mailbox = ?", mailbox):
        if not wanted.isdisjoint(kept.rows.uids):
            found.update(zip(kept.rows.uids, kept.rows.contents, strict=True))
    return [found.get(uid, 0) for uid in uids]


def undelete(transaction: Transaction, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
    """contract.AccountStore.undelete"""
    target = transaction.mailbox(destination)
    taken = Rows()
    wanted = set(uids)
    for kept in list(_read(transaction.connection, "moved = 0 AND mailbox = ?", mailbox)):
        if chosen := [at for at, uid in enumerate(kept.rows.uids) if uid in wanted]:
            mask = mask_of(chosen, len(kept.rows))
            taken.extend(kept.rows.where(mask))
            _shrink(transaction.connection, kept, kept.rows.where(inverse(mask)))
    if not taken:
        return Copied(target.uidvalidity, (), (), target.highest_modseq)
    order = sorted(range(len(taken)), key=taken.uids.__getitem__)
    back = Rows(*(array(column.typecode, map(column.__getitem__, order)) for column in taken.columns()))
    source_uids = back.uids
    back.flags = array(FLAGS, map(_without_deleted(transaction, back.flags).__getitem__, back.flags))
    back.uids = target.give_uids(len(back))
    back.modseqs = array(MODSEQS, [transaction.stamp(target)]) * len(back)
    transaction.blocks.append(target.id, back)
    transaction.count(target, back, 1)
    return Copied(target.uidvalidity, source_uids.tolist(), list(back.uids), target.highest_modseq)


def purge(transaction: Transaction, before_seconds: int) -> int:
    """Forget some of what left before then, for good; 0 when nothing is left of it."""
    count = 0
    due = f"gone_seconds < ? ORDER BY id LIMIT {_PURGE_ROWS}"
    for kept in list(_read(transaction.connection, due, before_seconds)):
        transaction.connection.execute("DELETE FROM departed WHERE id = ?", (kept.id,))
        if kept.how is Departure.EXPUNGED:
            transaction.contents.release(kept.rows.contents)
        count += len(kept.rows)
    return count


def any_before(database: Path, before_seconds: int, busy_seconds: float) -> bool:
    """Whether purge() would find something, at the price of opening the database. Raises apsw.Error, OSError."""
    connection = open_database(database, busy_seconds)
    try:
        there = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'departed'").get
        return there is not None and bool(
            connection.execute("SELECT exists(SELECT 1 FROM departed WHERE gone_seconds < ?)", (before_seconds,)).get
        )
    finally:
        connection.close()


def all_kept(connection: apsw.Connection) -> Iterator[tuple[int, Departure, Rows]]:
    """Every row of the table: its id, how its messages left, and they; for check.py."""
    for kept in _read(connection, "?", 1):
        yield kept.id, kept.how, kept.rows


def _kept_columns(rows: Rows) -> tuple[array[int], ...]:
    return (rows.uids, rows.flags, rows.contents, rows.sizes, rows.date_seconds, rows.date_zones, rows.save_seconds)


def _read(connection: apsw.Connection, where: str, value: int) -> Iterator[_Kept]:
    for id_, gone, moved, mailbox, name, uidvalidity, uids, flags, contents, *facts in connection.execute(
        f"SELECT id, gone_seconds, moved, mailbox, name, uidvalidity, {_COLUMNS} FROM departed WHERE {where}",  # noqa: S608 - constants
        (value,),
    ):
        sizes, seconds, zones, saved = facts
        rows = Rows(
            unpack(UIDS, uids),
            unpack(FLAGS, flags),
            array(MODSEQS, bytes(2 * len(uids))),
            unpack(CONTENTS, contents),
            unpack(SIZES, sizes),
            unpack(SECONDS, seconds),
            unpack(ZONES, zones),
            unpack(SECONDS, saved),
        )
        yield _Kept(id_, gone, _HOW[moved], MailboxId(mailbox), name, uidvalidity, rows)


def _shrink(connection: apsw.Connection, kept: _Kept, rows: Rows) -> None:
    if not rows:
        connection.execute("DELETE FROM departed WHERE id = ?", (kept.id,))
        return
    names = ", ".join(f"{name} = ?" for name in _COLUMNS.split(", "))
    connection.execute(
        f"UPDATE departed SET {names} WHERE id = ?",  # noqa: S608 - constants
        (*map(pack, _kept_columns(rows)), kept.id),
    )


def _without_deleted(transaction: Transaction, numbers: array[int]) -> dict[int, int]:
    flagsets = transaction.flagsets
    return {number: flagsets.number_of(flag_set(flagsets[number].names - {DELETED})) for number in set(numbers)}
