"""Sort keys of a mailbox as columns, kept with its shared image, and what was worked out from them.

All sessions of a process that have the mailbox open share them; they go when the image goes. The table follows the
image: arrivals are added, and when messages vanish their rows are taken out. Keys that nobody asked for are not held.

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
from pillarbox.mime.sort_keys import UNKNOWN_DATE, SortKeys, pack_sort_keys, unpack_sort_keys
from pillarbox.search.collation import collation_key
from pillarbox.store.contract import AccountStore, DigestField, MailboxImage

R = TypeVar("R")

BATCH_MESSAGES: Final = 1_000
"""Keys read between two pauses: about 6 ms. Fewer pauses, for others may take their time in each."""
BESIDE_THE_LOOP: Final = 5_000
"""From so many messages on a computation takes more than some 10 ms, and goes to a thread."""
MAX_ANSWERS: Final = 16
"""Orders and threads that are remembered per mailbox. Clients show a folder in one or two ways."""

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
    """Rows are those of the image. `columns` only grow, until the table is replaced by another object."""

    __slots__ = ("_answers", "arrivals", "columns", "count", "sizes", "uids")

    def __init__(self, image: MailboxImage, facets: Collection[Facet]) -> None:
        self.uids: array[int] = image.uids
        """The image's own object: while both are the same, row numbers agree up to `count`."""
        self.arrivals: Sequence[int] = image.date_seconds
        self.sizes: Sequence[int] = image.sizes
        self.count = 0
        """Rows whose keys are there."""
        self.columns: dict[Facet, list[Any]] = {facet: [] for facet in facets}  # Any: by facet
        self._answers: dict[Hashable, tuple[int, Any]] = {}  # Any: whatever was worked out

    def follows(self, image: MailboxImage) -> bool:
        """Whether all of the image's rows are here."""
        return self.uids is image.uids and self.count == len(image.uids)

    async def worked_out(self, name: Hashable, work: Callable[[R | None], R]) -> R:
        """What `work` gives, remembered until rows are added; it gets what it gave for fewer rows, if anything.

        `work` must look at the first `count` rows only; with many rows it runs in a thread.
        """
        count = self.count
        known, answer = self._answers.get(name, (-1, None))
        if known != count:
            answer = work(answer) if count < BESIDE_THE_LOOP else await asyncio.to_thread(work, answer)
        self._answers.pop(name, None)
        self._answers[name] = (count, answer)
        if len(self._answers) > MAX_ANSWERS:
            del self._answers[next(iter(self._answers))]
        result: R = answer
        return result

    def add(self, keys: Sequence[SortKeys], arrivals: Sequence[int]) -> None:
        """Add the rows after `count`; `arrivals` are their internal dates."""
        for facet, column in self.columns.items():
            values = [getattr(one, facet.value) for one in keys]
            if facet not in _AS_THEY_ARE:
                values = list(map(collation_key, values))
            elif facet is Facet.SENT:  # RFC 5256 section 2.2: without a Date the internal date counts
                values = [
                    arrival if sent == UNKNOWN_DATE else sent for sent, arrival in zip(values, arrivals, strict=True)
                ]
            column += values
        self.count += len(keys)

    def without_vanished(self, image: MailboxImage) -> SortTable:
        """A table for the image as it is now, with the rows of this one that are still there."""
        table = SortTable(image, self.columns)
        there = frozenset(image.uids)
        mask = list(map(there.__contains__, self.uids[: self.count]))
        table.columns = {facet: list(compress(column, mask)) for facet, column in self.columns.items()}
        table.count = sum(mask)
        return table


async def sort_table(account: AccountStore, image: MailboxImage, facets: Collection[Facet]) -> SortTable:
    """The table of a mailbox with (at least) these columns, of all messages that the image has when it returns.

    Between that moment and the caller's next await, rows of table and image agree.
    """
    while True:
        table = image.companions.get(_NAME)
        if not isinstance(table, SortTable):
            table = SortTable(image, facets)
        elif not table.columns.keys() >= set(facets):
            table = SortTable(image, {*table.columns, *facets})
        elif table.uids is not image.uids:
            table = table.without_vanished(image)
        image.companions[_NAME] = table
        if image.deleted or table.follows(image):
            return table
        await _add_some(account, image, table)
        await asyncio.sleep(0)  # no waiting: one turn for everybody else


async def _add_some(account: AccountStore, image: MailboxImage, table: SortTable) -> None:
    """Read the keys of the next rows, and add them unless somebody did it meanwhile."""
    start = table.count
    uids = table.uids[start : start + BATCH_MESSAGES].tolist()
    arrivals = table.arrivals[start : start + BATCH_MESSAGES]
    try:
        found = await account.digests(image.mailbox.id, uids, (DigestField.SORT_KEYS,))
    except MailboxMissing:
        found = [None] * len(uids)
    if table.count == start:
        table.add([unpack_sort_keys(one[0] if one else _NO_KEYS) for one in found], arrivals)
