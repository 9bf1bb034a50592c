"""What a change works with: an account's counters, mailboxes, keywords, blocks and contents in one transaction.

Several changes may share a transaction (one commit, one fsync); each runs under its own savepoint and leaves
nothing when it raises. Everything is read from the database within the transaction: other processes write too.
Must never: be used outside the writing thread, or know the loop.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import apsw

from pillarbox.clock import Clock
from pillarbox.mail.errors import LimitReached, MailboxMissing
from pillarbox.mail.flags import DELETED, SEEN, SYSTEM_FLAGS
from pillarbox.store import naming
from pillarbox.store.contract import Mailbox, MailboxId, StoreLimits
from pillarbox.store.quota import PROPERTY_PREFIX, Quota, Usage, check_growth, limits_of
from pillarbox.store.sqlite.blocks import Blocks
from pillarbox.store.sqlite.contents import Contents
from pillarbox.store.sqlite.flagsets import FlagSets
from pillarbox.store.sqlite.rows import Rows

R = TypeVar("R")

LIST = 0
"""Stands for the list of mailboxes and subscriptions among the mailbox ids that a change touched."""

MAX_UID = 2**32 - 1

_WRITE_MAILBOX = """
INSERT INTO mailbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, special_use = excluded.special_use, uidvalidity = excluded.uidvalidity,
    uidnext = excluded.uidnext,
    highest_modseq = excluded.highest_modseq, first_recent_uid = excluded.first_recent_uid,
    messages = excluded.messages, unseen = excluded.unseen, deleted = excluded.deleted,
    size_bytes = excluded.size_bytes, deleted_bytes = excluded.deleted_bytes
"""

_WRITE_COUNTERS = """
UPDATE mailbox SET uidnext = ?, highest_modseq = ?, first_recent_uid = ?, messages = ?, unseen = ?, deleted = ?,
    size_bytes = ?, deleted_bytes = ?
WHERE id = ?
"""
"""Without the name, whose index would be written too."""

_FIRST_COUNTER = 4
"""The column of the table."""

_ALL_SYSTEM_FLAGS = frozenset(SYSTEM_FLAGS)

_NO_GROWTH = Usage(0, 0, 0)


def read_limits(connection: apsw.Connection) -> dict[str, bytes]:
    """The account's own limits, as properties."""
    return dict(
        connection.execute(
            "SELECT name, value FROM property WHERE mailbox = 0 AND name BETWEEN ? AND ?",
            (PROPERTY_PREFIX, PROPERTY_PREFIX + "~"),
        )
    )


def read_usage(connection: apsw.Connection) -> Usage:
    """What the account keeps: 4 microseconds with 6 mailboxes, 220 with 2,000."""
    sums = "SELECT coalesce(sum(size_bytes), 0), coalesce(sum(messages), 0), count(*) FROM mailbox"
    size_bytes, messages, mailboxes = connection.execute(sums).get
    return Usage(size_bytes, messages, mailboxes)


def read_quota(connection: apsw.Connection, limits: StoreLimits) -> Quota:
    """contract.AccountStore.quota"""
    return Quota(limits_of(read_limits(connection), limits.quota), read_usage(connection))


@dataclass(slots=True)
class MailboxRow:
    """A mailbox with its counters; written back when its change is done."""

    id: MailboxId
    name: str
    special_use: str
    uidvalidity: int
    uidnext: int = 1
    highest_modseq: int = 0
    first_recent_uid: int = 1
    messages: int = 0
    unseen: int = 0
    deleted: int = 0
    size_bytes: int = 0
    deleted_bytes: int = 0

    def values(self) -> tuple[int | str, ...]:
        """As the table's columns stand."""
        return (self.id, self.name, self.special_use, self.uidvalidity, self.uidnext, self.highest_modseq,
                self.first_recent_uid, self.messages, self.unseen, self.deleted, self.size_bytes,
                self.deleted_bytes)  # fmt: skip

    def mailbox(self) -> Mailbox:
        """What everybody may know of it."""
        return Mailbox(self.id, self.name, self.uidvalidity, frozenset(self.special_use.split()))

    def give_uids(self, count: int) -> array[int]:
        """The next `count` UIDs. Raises LimitReached when 32 bits are used up (RFC 9051 section 2.3.1.1)."""
        first = self.uidnext
        if first + count > MAX_UID:
            raise LimitReached("The mailbox has used up its UIDs; move its messages to a new one")
        self.uidnext += count
        return array("I", range(first, first + count))


class Transaction:
    """One write transaction at a time over one connection; see begin(), run() and commit()."""

    def __init__(self, connection: apsw.Connection, limits: StoreLimits, clock: Clock) -> None:
        self.connection = connection
        self.limits = limits
        self.blocks = Blocks(connection)
        self.contents = Contents(connection)
        self.flagsets = FlagSets(connection)
        self.touched: set[int] = set()
        """Mailboxes (and LIST) that the changes of this transaction touched."""
        self._clock = clock
        self._rows: dict[int, MailboxRow] = {}
        self._values_read: dict[int, tuple[int | str, ...]] = {}
        self._last_modseq = self._last_uidvalidity = self._last_mailbox = 0
        self._stamped = False
        self._kept: tuple[int, ...] = ()
        self._growth = _NO_GROWTH

    # --- for the writer --------------------------------------------------------------------------

    def begin(self) -> None:
        """Take the write lock and read the counters."""
        self.connection.execute("BEGIN IMMEDIATE")
        self.touched = set()
        self.contents.freed_blobs.clear()
        self._read_counters()

    def run_alone(self, apply: Callable[[Transaction], R]) -> R:
        """The only change of the transaction. Raises what it raises; then abandon() is due."""
        result = apply(self)
        self._write_back()
        self._check_quota()
        return result

    def run(self, apply: Callable[[Transaction], R]) -> R:
        """One change of several, whole or not at all. Raises what it raises."""
        self.connection.execute("SAVEPOINT change")
        touched, freed = set(self.touched), len(self.contents.freed_blobs)
        try:
            result = self.run_alone(apply)
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK TO change")
                self.connection.execute("RELEASE change")
                self._read_counters()
            self.touched = touched
            del self.contents.freed_blobs[freed:]
            self._forget()
            raise
        self.connection.execute("RELEASE change")
        return result

    def commit(self) -> None:
        """Make all of it durable."""
        self.connection.execute("COMMIT")

    def abandon(self) -> None:
        """Drop the whole transaction, if it is still there."""
        self._forget()
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    # --- for changes -----------------------------------------------------------------------------

    def now_seconds(self) -> int:
        """Whole seconds since 1970."""
        return int(self._clock.now_seconds())

    def stamp(self, *rows: MailboxRow) -> int:
        """The change's mod-sequence, which becomes the highest of these mailboxes."""
        if not self._stamped:
            self._last_modseq += 1
            self._stamped = True
        self.touched.add(LIST)
        for row in rows:
            row.highest_modseq = self._last_modseq
            self.touched.add(row.id)
        return self._last_modseq

    def lift(self, modseq: int, uidvalidity: int) -> None:
        """Give greater numbers than these from now on."""
        self._last_modseq = max(self._last_modseq, modseq)
        self._last_uidvalidity = max(self._last_uidvalidity, uidvalidity)

    def mailbox(self, mailbox: MailboxId) -> MailboxRow:
        """The mailbox, to read and to change. Raises MailboxMissing."""
        row = self._rows.get(mailbox)
        if row is None:
            values = self.connection.execute("SELECT * FROM mailbox WHERE id = ?", (mailbox,)).fetchone()
            if values is None:
                raise MailboxMissing("")
            row = self._rows[mailbox] = MailboxRow(*values)
            self._values_read[mailbox] = values
        return row

    def named(self, name: str) -> MailboxRow:
        """The mailbox of that name. Raises MailboxMissing."""
        found = self.connection.execute("SELECT id FROM mailbox WHERE name = ?", (name,)).get
        if found is None:
            raise MailboxMissing(name)
        return self.mailbox(found)

    def names(self) -> dict[str, MailboxId]:
        """All mailboxes by name, as this change has left them."""
        kept = dict(self.connection.execute("SELECT name, id FROM mailbox"))
        if not self._rows:
            return kept
        others = {name: mailbox for name, mailbox in kept.items() if mailbox not in self._rows}
        return others | {row.name: row.id for row in self._rows.values()}

    def make_mailbox(self, name: str, special_use: frozenset[str]) -> MailboxRow:
        """A new, empty mailbox. Raises MailboxExists, NameInvalid, LimitReached."""
        naming.check_create(name, self.names(), self.limits)
        self._last_mailbox += 1
        self._last_uidvalidity = max(self._last_uidvalidity + 1, self.now_seconds())
        row = MailboxRow(MailboxId(self._last_mailbox), name, " ".join(sorted(special_use)), self._last_uidvalidity)
        self._rows[row.id] = row
        self.stamp(row)
        return row

    def forget_mailbox(self, mailbox: MailboxId) -> None:
        """Do not write it back: it was deleted."""
        self._rows.pop(mailbox, None)

    def spell(self, names: frozenset[str]) -> frozenset[str]:
        """Flags as the account spells them; new keywords are kept. Raises NameInvalid, LimitReached."""
        if _ALL_SYSTEM_FLAGS.issuperset(names):
            return names
        spelled, new = naming.spell_flags(names, self.known_keywords(), self.limits)
        self.connection.executemany("INSERT INTO keyword (name) VALUES (?)", ((name,) for name in new))
        return spelled

    def spell_known(self, names: frozenset[str]) -> frozenset[str]:
        """Those of the flags that some message may carry, as the account spells them. Raises NameInvalid."""
        return names if _ALL_SYSTEM_FLAGS.issuperset(names) else naming.known_flags(names, self.known_keywords())

    def known_keywords(self) -> dict[str, str]:
        """Lower case -> spelling."""
        return {name.lower(): name for (name,) in self.connection.execute("SELECT name FROM keyword")}

    def count(self, mailbox: MailboxRow, rows: Rows, sign: int) -> None:
        """Add (`sign` 1) or take away (-1) rows from a mailbox's counters."""
        mailbox.messages += sign * len(rows)
        mailbox.size_bytes += sign * sum(rows.sizes)
        for number in set(rows.flags):
            flags = self.flagsets[number]
            if SEEN not in flags:
                mailbox.unseen += sign * rows.flags.count(number)
            if DELETED in flags:
                mailbox.deleted += sign * rows.flags.count(number)
                mailbox.deleted_bytes += sign * sum(
                    size for size, of_row in zip(rows.sizes, rows.flags, strict=True) if of_row == number
                )

    def log_vanished(self, mailbox: MailboxRow, ranges: bytes) -> None:
        """Remember what was expunged with this change's mod-sequence."""
        self.connection.execute("INSERT INTO vanished VALUES (?, ?, ?)", (mailbox.id, self.stamp(mailbox), ranges))

    # --- within ----------------------------------------------------------------------------------

    def _check_quota(self) -> None:
        """Raises OverQuota when the change made the account keep more than it may. Moving within it never does, and a
        new account gets its mailboxes whatever the limits are."""
        grown, self._growth = self._growth, _NO_GROWTH
        if max(grown) <= 0:
            return
        limits, defaults = read_limits(self.connection), self.limits.quota
        if not limits and not defaults.limits():
            return
        after = read_usage(self.connection)
        before = Usage(*(kept - more for kept, more in zip(after, grown, strict=True)))
        if before.mailboxes:
            check_growth(limits_of(limits, defaults), before, after)

    def _forget(self) -> None:
        self._growth = _NO_GROWTH
        self._rows.clear()
        self._values_read.clear()
        self.flagsets.forget()

    def _note_growth(self, row: MailboxRow, read: tuple[int | str, ...] | None) -> None:
        size_bytes, messages, mailboxes = self._growth
        if read is None:
            self._growth = Usage(size_bytes + row.size_bytes, messages + row.messages, mailboxes + 1)
        else:
            was = MailboxRow(*read)  # type: ignore[arg-type]  # a row of the table, as in mailbox()
            self._growth = Usage(
                size_bytes + row.size_bytes - was.size_bytes, messages + row.messages - was.messages, mailboxes
            )

    def _read_counters(self) -> None:
        self._kept = self.connection.execute("SELECT modseq, uidvalidity, mailbox, content FROM account").get
        self._last_modseq, self._last_uidvalidity, self._last_mailbox, self.contents.last = self._kept
        self._stamped = False

    def _write_back(self) -> None:
        for row in self._rows.values():
            values, read = row.values(), self._values_read.get(row.id)
            if values != read:
                self._note_growth(row, read)
                if read is not None and values[:_FIRST_COUNTER] == read[:_FIRST_COUNTER]:
                    self.connection.execute(_WRITE_COUNTERS, (*values[_FIRST_COUNTER:], row.id))
                else:
                    self.connection.execute(_WRITE_MAILBOX, values)
        self._rows.clear()
        self._values_read.clear()
        counters = (self._last_modseq, self._last_uidvalidity, self._last_mailbox, self.contents.last)
        if counters != self._kept:
            self.connection.execute(
                "UPDATE account SET modseq = ?, uidvalidity = ?, mailbox = ?, content = ?", counters
            )
            self._kept = counters
        self._stamped = False
