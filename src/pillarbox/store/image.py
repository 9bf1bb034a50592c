"""The columns of one mailbox that all sessions of a process share (contract.MailboxImage), for any backend.

A backend loads it and then applies what changed, on the loop thread, always in this order: `vanish`,
`overwrite`, `extend`, and `settle` last. Must never: do I/O, or change a column that `vanish` has replaced.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Final

from pillarbox.mail.flags import FlagSet
from pillarbox.store.contract import Mailbox

JOURNAL_UIDS: Final = 4096
"""Changed UIDs that are remembered for `changed_since`. Sessions look within milliseconds, so a few thousand
span any pause that matters; past that a scan of the column (some ms for 100,000) is no loss."""

FEW_PIECES: Final = 500
"""Up to so many vanished ranges are cut out piece by piece (memcpy); more are filtered row by row, which takes ten
times as long: a backend that can should load() anew instead."""


@dataclass(slots=True)
class Arrivals:
    """New rows, column by column, ascending by UID, above all that an image has."""

    flags: list[FlagSet] = field(default_factory=list)
    uids: array[int] = field(default_factory=lambda: array("I"))
    modseqs: array[int] = field(default_factory=lambda: array("Q"))
    contents: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("Q"))
    date_seconds: array[int] = field(default_factory=lambda: array("q"))
    date_zones: array[int] = field(default_factory=lambda: array("h"))
    save_seconds: array[int] = field(default_factory=lambda: array("q"))


class SharedImage:
    """One mailbox as columns; see contract.MailboxImage for what a reader may rely on."""

    __slots__ = (
        "_floor",
        "_fresh",
        "_journal",
        "_journal_uids",
        "companions",
        "contents",
        "date_seconds",
        "date_zones",
        "deleted",
        "first_recent_uid",
        "flags",
        "highest_modseq",
        "keywords",
        "mailbox",
        "modseqs",
        "save_seconds",
        "sizes",
        "uidnext",
        "uids",
    )

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.uids: array[int] = array("I")
        self.flags: list[FlagSet] = []
        self.modseqs: array[int] = array("Q")
        self.contents: array[int] = array("q")
        """The backend's own handle of each message's bytes."""
        self.sizes: array[int] = array("Q")
        self.date_seconds: array[int] = array("q")
        self.date_zones: array[int] = array("h")
        self.save_seconds: array[int] = array("q")
        self.uidnext = 1
        self.highest_modseq = 0
        self.first_recent_uid = 1
        """For a backend that claims it (contract.AccountStore.claim_recent)."""
        self.deleted = False
        self.keywords: Sequence[str] = ()
        self.companions: dict[str, object] = {}
        self._journal: deque[tuple[int, list[int]]] = deque()
        """(highest mod-sequence when it was applied, UIDs changed since the entry before), oldest first."""
        self._journal_uids = 0
        self._floor = 0
        """Changes at or below this mod-sequence are not in the journal."""
        self._fresh: list[int] | None = []
        """UIDs changed since the last settle(); None when there were too many."""

    def row_of(self, uid: int) -> int:
        """The row of a UID, or -1."""
        row = bisect_left(self.uids, uid)
        return row if row < len(self.uids) and self.uids[row] == uid else -1

    def changed_since(self, modseq: int) -> Sequence[int]:
        """Rows whose mod-sequence is above `modseq`, ascending. O(changes) within the journal, else a scan."""
        if modseq >= self.highest_modseq:
            return ()
        if modseq < self._floor:
            return [row for row, changed in enumerate(self.modseqs) if changed > modseq]
        rows: set[int] = set()
        for high, uids in reversed(self._journal):
            if high <= modseq:
                break
            rows.update(map(self.row_of, uids))
        rows.discard(-1)
        return sorted(row for row in rows if self.modseqs[row] > modseq)

    def vanish(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Take out the rows whose UIDs lie in the inclusive ranges, into new columns when there are any."""
        pieces = list(ranges)
        few = len(pieces) <= FEW_PIECES
        mask = _mask_of_ranges(self.uids, pieces) if few else _mask_of_uids(self.uids, pieces)
        if 0 not in mask:
            return
        runs = _runs(mask) if few else []
        self.flags = list(compress(self.flags, mask))
        for name in ("uids", "modseqs", "contents", "sizes", "date_seconds", "date_zones", "save_seconds"):
            column: array[int] = getattr(self, name)
            kept: array[int] = array(column.typecode)
            if few:
                for start, end in runs:
                    kept.extend(column[start:end])
            else:
                kept = array(column.typecode, list(compress(column, mask)))
            setattr(self, name, kept)

    def load(self, rows: Arrivals) -> None:
        """Replace all rows by these, whose columns become the image's own. `changed_since` looks through the column
        for changes before this."""
        self.flags, self.uids, self.modseqs, self.contents = rows.flags, rows.uids, rows.modseqs, rows.contents
        self.sizes, self.save_seconds = rows.sizes, rows.save_seconds
        self.date_seconds, self.date_zones = rows.date_seconds, rows.date_zones
        self._fresh = None

    def overwrite(self, row: int, flags: list[FlagSet], modseqs: array[int]) -> None:
        """Set flags and mod-sequences of the rows from `row` on, in place; those that differ count as changed."""
        end = row + len(modseqs)
        before = self.modseqs[row:end]
        if before == modseqs:
            return
        if self._fresh is not None:
            changed = [uid for uid, old, new in zip(self.uids[row:end], before, modseqs, strict=True) if old != new]
            self._note(changed)
        self.modseqs[row:end] = modseqs
        self.flags[row:end] = flags

    def span_of_changes(self, row: int, modseqs: array[int]) -> tuple[int, int]:
        """Where `modseqs` differs from the column from `row` on: half-open places in `modseqs`, around all that
        differ. Compares whole numbers of thousands of bits, since one flag change looks at hundreds of rows."""
        before = self.modseqs[row : row + len(modseqs)]
        difference = int.from_bytes(before, "little") ^ int.from_bytes(modseqs, "little")
        if not difference:
            return 0, 0
        bits = 8 * modseqs.itemsize
        first = ((difference & -difference).bit_length() - 1) // bits
        return first, (difference.bit_length() - 1) // bits + 1

    def extend(self, arrivals: Arrivals) -> None:
        """Add rows at the end, in place."""
        self._note(arrivals.uids)
        self.flags.extend(arrivals.flags)
        self.uids.extend(arrivals.uids)
        self.modseqs.extend(arrivals.modseqs)
        self.contents.extend(arrivals.contents)
        self.sizes.extend(arrivals.sizes)
        self.date_seconds.extend(arrivals.date_seconds)
        self.date_zones.extend(arrivals.date_zones)
        self.save_seconds.extend(arrivals.save_seconds)

    def settle(self, mailbox: Mailbox, uidnext: int, highest_modseq: int, keywords: Sequence[str]) -> None:
        """All changes up to `highest_modseq` are applied now."""
        self.mailbox = mailbox
        self.uidnext = uidnext
        self.highest_modseq = highest_modseq
        self.keywords = keywords
        if self._fresh is None:
            self._journal.clear()
            self._journal_uids = 0
            self._floor = highest_modseq
        elif self._fresh:
            self._journal.append((highest_modseq, self._fresh))
            self._journal_uids += len(self._fresh)
            while self._journal_uids > JOURNAL_UIDS:
                self._floor, forgotten = self._journal.popleft()
                self._journal_uids -= len(forgotten)
        self._fresh = []

    def _note(self, uids: Sequence[int]) -> None:
        if self._fresh is None:
            return
        if len(self._fresh) + len(uids) > JOURNAL_UIDS:
            self._fresh = None
        else:
            self._fresh.extend(uids)


def _mask_of_ranges(uids: array[int], ranges: Iterable[tuple[int, int]]) -> bytearray:
    """A one for each UID that is in none of the ranges: by looking for each range."""
    mask = bytearray(b"\1") * len(uids)
    for low, high in ranges:
        start, end = bisect_left(uids, low), bisect_left(uids, high + 1)
        mask[start:end] = bytes(end - start)
    return mask


def _mask_of_uids(uids: array[int], ranges: Iterable[tuple[int, int]]) -> bytearray:
    """The same by looking at each UID, for very many ranges."""
    gone: set[int] = set()
    for low, high in ranges:
        gone.update(range(low, high + 1))
    return bytearray(map((1).__sub__, map(gone.__contains__, uids)))


def _runs(mask: bytearray) -> list[tuple[int, int]]:
    """Half-open index ranges of the ones in `mask`."""
    runs: list[tuple[int, int]] = []
    start = mask.find(1)
    while start >= 0:
        end = mask.find(0, start)
        if end < 0:
            end = len(mask)
        runs.append((start, end))
        start = mask.find(1, end)
    return runs
