r"""A client's own view of its open mailbox: number <-> UID as the client knows them, and what it was told.

Sequence numbers live here and nowhere else. The view follows the shared image (store.contract.MailboxImage) only
when updates are sent (updates.py), so a number never changes its meaning behind the client's back.

Must never: be changed by anything but updates.py and the session that owns it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.wire.sequence import SequenceSet
from pillarbox.mail.rights import Rights
from pillarbox.mail.uids import UidSet
from pillarbox.store.contract import Flagged, MailboxImage, Unwatch

Indices = Sequence[int]
"""Message numbers less one, ascending: a range when they are in a row."""


class Follower(Protocol):
    """What keeps a result up to date for the client (see contexts.py)."""

    def before_updates(self) -> bytes:
        """Responses to send before EXPUNGE; the image is up to date."""
        ...

    def after_updates(self) -> AsyncIterator[bytes]:
        """Responses to send after all updates, in pieces."""
        ...


class View:
    """What one session knows of one mailbox."""

    __slots__ = (
        "contexts",
        "count",
        "holds_back",
        "image",
        "in_step_modseq",
        "keywords_told",
        "modseq",
        "own_modseqs",
        "read_only",
        "recent",
        "rights",
        "saved_uids",
        "uidnext",
        "uids",
        "unwatch",
    )

    def __init__(
        self,
        image: MailboxImage,
        unwatch: Unwatch,
        *,
        read_only: bool,
        first_recent_uid: int,
        rights: Rights = Rights.ALL,
    ) -> None:
        self.image = image
        self.unwatch = unwatch
        self.read_only = read_only
        self.rights = rights
        """As the client was told, with PERMANENTFLAGS."""
        self.uids: array[int] = image.uids
        """Shared with the image while both agree; only the first `count` belong to the view."""
        self.count = len(image.uids)
        self.uidnext = image.uidnext
        """Arrivals below this were told of."""
        self.modseq = image.highest_modseq
        """Changes up to this were told of (but for messages that vanished and may not be told of yet)."""
        self.holds_back = False
        """Messages have vanished that the client was not told of."""
        self.in_step_modseq = image.highest_modseq
        """Up to this the client knows all, what vanished too."""
        self.own_modseqs: set[int] = set()
        """Changes that this client made and was answered for: not told again."""
        self.keywords_told = len(image.keywords)
        self.recent: list[range] = [range(first_recent_uid, image.uidnext)]
        r"""UIDs that this session shows as \Recent."""
        self.saved_uids: Sequence[int] = ()
        """The result that `$` stands for (RFC 5182)."""
        self.contexts: dict[bytes, Follower] = {}
        """Searches that the client wants to be kept up to date, by their tags (RFC 5267)."""

    def note_own_change(self, result: Flagged) -> None:
        """The client is answered for this change itself: no update tells it again. Unless it went over a change of
        somebody else's that the client was not told of yet: then the update is that change's only trace."""
        if result.changed and self._knows_all_to(result.modseq_before):
            self.own_modseqs.add(result.modseq)

    def _knows_all_to(self, modseq: int) -> bool:
        """Whether all between what the client was told of and this was done by itself: each change has a number."""
        return modseq - self.modseq <= sum(own <= modseq for own in self.own_modseqs)

    @property
    def only_own_changes(self) -> bool:
        """Whether all that changed since the client was told last was done by itself: each change has a number."""
        return self.image.highest_modseq - self.modseq == len(self.own_modseqs)

    # --- numbers and UIDs ------------------------------------------------------------------------

    def number_of(self, uid: int) -> int:
        """The message number of a UID, or 0 when the client knows no such message."""
        index = bisect_left(self.uids, uid, 0, self.count)
        return index + 1 if index < self.count and self.uids[index] == uid else 0

    def by_number(self, numbers: SequenceSet) -> Indices:
        """The messages of a set of numbers. Raises BadSyntax for numbers that the client can't know."""
        if numbers.is_saved_result:
            return self._saved()
        if numbers.greatest_written > self.count:
            raise BadSyntax("There is no message of that number")
        resolved = numbers.resolve(self.count)
        return _flatten([range(low - 1, high) for low, high in resolved.ranges])

    def by_uid(self, uids: SequenceSet) -> Indices:
        """The messages of a set of UIDs; UIDs that aren't there are passed over."""
        if uids.is_saved_result:
            return self._saved()
        return self.of_uids(uids.resolve(self.uids[self.count - 1] if self.count else 0))

    def of_uids(self, uids: UidSet) -> Indices:
        """The messages of resolved UIDs."""
        known, count = self.uids, self.count
        spans = [
            range(bisect_left(known, low, 0, count), bisect_right(known, high, 0, count)) for low, high in uids.ranges
        ]
        return _flatten(spans)

    def _saved(self) -> Indices:
        return _flatten([range(n - 1, n) for n in map(self.number_of, self.saved_uids) if n])

    def uids_of(self, indices: Indices) -> Sequence[int]:
        """Their UIDs, ascending."""
        if isinstance(indices, range):
            return self.uids[indices.start : indices.stop]
        uids = self.uids
        return [uids[index] for index in indices]

    def rows_of(self, indices: Indices) -> Sequence[int]:
        """Their rows in the image as it is now, -1 for messages that have vanished."""
        image = self.image
        if self.uids is image.uids and not image.deleted:
            return indices
        if image.deleted:
            return [-1] * len(indices)
        return [image.row_of(uid) for uid in self.uids_of(indices)]

    def has_vanished(self, indices: Indices) -> bool:
        """Whether some of the messages that the client still numbers are gone."""
        rows = self.rows_of(indices)
        return rows is not indices and min(rows, default=0) < 0

    def is_recent(self, uid: int) -> bool:
        r"""Whether this session shows the message as \Recent."""
        return any(uid in uids for uids in self.recent)

    def recent_count(self) -> int:
        """How many messages that is."""
        uids, count = self.uids, self.count
        return sum(bisect_left(uids, r.stop, 0, count) - bisect_left(uids, r.start, 0, count) for r in self.recent if r)


def _flatten(spans: list[range]) -> Indices:
    spans = [span for span in spans if span]
    if not spans:
        return range(0)
    if len(spans) == 1:
        return spans[0]
    return [index for span in spans for index in span]
