"""Sort keys of a mailbox as columns, kept with its shared image, and what was worked out from them.

All sessions of a process that have the mailbox open share them; they go when the image goes. The table follows the
image: arrivals are added, and when messages vanish their rows are taken out. Keys that nobody asked for are not held,
and not read while an order or threads that a process worked out before still fit (answers.py).

Must never: answer for a message that the image doesn't have, or keep the loop busy for long: keys are read in batches,
long computations run beside the loop.
"""

from __future__ import annotations

import asyncio
import enum
from array import array
from collections.abc import Callable, Collection, Hashable, Sequence
from itertools import compress
from typing import Any, Final, TypeVar

from pillarbox.mail.errors import MailboxMissing
from pillarbox.mime.sort_keys import UNKNOWN_DATE, pack_sort_keys, unpack_column
from pillarbox.search.collation import collation_key
from pillarbox.store.contract import MAX_ANSWERS, AccountStore, DigestField, MailboxImage

R = TypeVar("R")

BATCH_MESSAGES: Final = 1_000
"""Keys read between two pauses: about 6 ms. Fewer pauses, for others may take their time in each."""
BESIDE_THE_LOOP: Final = 5_000
"""From so many messages on a computation takes more than some 10 ms, and goes to a thread."""

_NAME: Final = "sort table"
_NO_KEYS: Final = pack_sort_keys(b"")


class Facet(enum.Enum):
    """One column."""

    SENT = "sent_seconds"
    REPLY = "is_reply"
    MESSAGE_ID = "message_id"
    REFERENCES = "references"
    SUBJECT = "base_subject"
    SENDER = "sender"
    RECEIVER = "receiver"
    COPIED = "copied"
    SHOWN_SENDER = "shown_sender"
    SHOWN_RECEIVER = "shown_receiver"


_AS_THEY_ARE: Final = (Facet.SENT, Facet.REPLY, Facet.MESSAGE_ID, Facet.REFERENCES)


class SortTable:
    """Rows are those of the image. Columns only grow, until the table is replaced by another object."""

    __slots__ = ("_answers", "arrivals", "asked", "columns", "sizes", "uids")

    def __init__(self, image: MailboxImage) -> None:
        self.uids: array[int] = image.uids
        """The image's own object: while both are the same, row numbers agree."""
        self.arrivals: Sequence[int] = image.date_seconds
        self.sizes: Sequence[int] = image.sizes
        self.columns: dict[Facet, list[Any]] = {}  # Any: by facet
        """Each as long as it was read so far."""
        self._answers: dict[Hashable, tuple[int, Any]] = {}  # Any: whatever was worked out
        self.asked: set[str] = set()
        """Answers for which the store was asked."""

    def known(self, name: Hashable) -> tuple[int, Any]:  # Any: as worked_out() gave it
        """What was worked out, and from how many rows; -1 when it was not."""
        return self._answers.get(name, (-1, None))

    def learn(self, name: Hashable, count: int, answer: object) -> None:
        """Remember what was worked out from the first `count` rows."""
        self._answers.pop(name, None)
        self._answers[name] = (count, answer)
        if len(self._answers) > MAX_ANSWERS:
            del self._answers[next(iter(self._answers))]

    async def worked_out(self, name: Hashable, count: int, work: Callable[[], R]) -> R:
        """What `work` gives, remembered until rows are added; with many rows it runs in a thread.

        `work` must look at the first `count` rows only.
        """
        known, answer = self.known(name)
        if known != count:
            answer = work() if count < BESIDE_THE_LOOP else await asyncio.to_thread(work)
        self.learn(name, count, answer)
        result: R = answer
        return result

    def add(self, facet: Facet, packed: Sequence[bytes], arrivals: Sequence[int]) -> None:
        """Add rows to a column, from their packed sort keys and internal dates."""
        values = unpack_column(packed, facet.value)
        if facet not in _AS_THEY_ARE:
            values = list(map(collation_key, values))
        elif facet is Facet.SENT:  # RFC 5256 section 2.2: without a Date the internal date counts
            values = [arrival if sent == UNKNOWN_DATE else sent for sent, arrival in zip(values, arrivals, strict=True)]
        self.columns[facet] += values

    def without_vanished(self, image: MailboxImage) -> SortTable:
        """A table for the image as it is now, with the rows of this one that are still there."""
        table = SortTable(image)
        there = frozenset(image.uids)
        mask = list(map(there.__contains__, self.uids))
        table.columns = {facet: list(compress(column, mask)) for facet, column in self.columns.items()}
        return table


def table_of(image: MailboxImage) -> SortTable:
    """The table of a mailbox, whose columns may lag behind."""
    table = image.companions.get(_NAME)
    if not isinstance(table, SortTable):
        table = SortTable(image)
    elif table.uids is not image.uids:
        table = table.without_vanished(image)
    image.companions[_NAME] = table
    return table


async def sort_table(account: AccountStore, image: MailboxImage, facets: Collection[Facet]) -> SortTable:
    """The same with these columns, of all messages that the image has when it returns.

    Between that moment and the caller's next await, rows of table and image agree.
    """
    while True:
        table = table_of(image)
        lengths = {facet: len(table.columns.setdefault(facet, [])) for facet in facets}
        start = min(lengths.values(), default=len(image.uids))
        if start == len(image.uids):
            return table
        await _add_some(account, image, table, [facet for facet in facets if lengths[facet] == start])
        await asyncio.sleep(0)  # no waiting: one turn for everybody else


async def _add_some(account: AccountStore, image: MailboxImage, table: SortTable, facets: Sequence[Facet]) -> None:
    """Read the keys of the next rows into columns of one length, but for those that somebody added to meanwhile."""
    start = len(table.columns[facets[0]])
    uids = table.uids[start : start + BATCH_MESSAGES].tolist()
    arrivals = table.arrivals[start : start + BATCH_MESSAGES]
    try:
        found = await account.digests(image.mailbox.id, uids, (DigestField.SORT_KEYS,))
    except MailboxMissing:
        found = [None] * len(uids)
    packed = [one[0] if one else _NO_KEYS for one in found]
    for facet in facets:
        if len(table.columns[facet]) == start:
            table.add(facet, packed, arrivals)
