"""The messages that a search asks the index about: a mailbox's UIDs on one side, the index's contents on the other.

Must never: forget a message that is gone; who asks must find out.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Sequence
from itertools import compress, islice
from operator import lt

from pyroaring import BitMap

from pillarbox.search.renumber import renumbered, set_of


class Numbering:
    """Which content each UID of a mailbox has, at one moment."""

    __slots__ = ("_ascend", "_there", "contents", "uids")

    def __init__(self, uids: array[int], contents: array[int]) -> None:
        """Both are copied."""
        self.uids = uids[:]
        self.contents = contents[:]
        self._there = set_of(uids)
        self._ascend = all(map(lt, contents, islice(contents, 1, None)))

    def scope(self, uids: Sequence[int]) -> Scope:
        """Some of the UIDs, and some that are gone perhaps."""
        asked = set_of(uids)
        there = asked & self._there
        return Scope(self, there, asked - there)

    def contents_of(self, uids: BitMap) -> BitMap:
        """The contents of these UIDs, all of which are there."""
        if self._ascend:
            return renumbered(uids, self.uids, self.contents)
        if len(uids) == len(self.uids):
            return set_of(self.contents)
        return set_of(list(compress(self.contents, map(uids.__contains__, self.uids))))

    def uids_of(self, contents: BitMap) -> BitMap:
        """All UIDs that have one of these contents, all of which are there."""
        if self._ascend:
            return renumbered(contents, self.contents, self.uids)
        return BitMap(list(compress(self.uids, map(contents.__contains__, self.contents))))

    def pairs_with(self, contents: Collection[int]) -> Iterator[tuple[int, int]]:
        """Each UID that has one of these contents, and its content."""
        chosen = frozenset(contents)
        return (pair for pair in zip(self.uids, self.contents, strict=True) if pair[1] in chosen)


class Scope:
    """Some messages of a mailbox."""

    __slots__ = ("_numbering", "_there", "contents", "gone")

    def __init__(self, numbering: Numbering, there: BitMap, gone: BitMap) -> None:
        self._numbering = numbering
        self._there = there
        self.gone = gone
        """UIDs that no message has any more."""
        self.contents = numbering.contents_of(there)

    def uids(self) -> Sequence[int]:
        """All that were asked about, ascending."""
        return (self._there | self.gone).to_array()

    def uids_with(self, contents: BitMap) -> BitMap:
        """The UIDs of the scope that have one of these contents, all of which are in it."""
        return self._numbering.uids_of(contents) & self._there

    def pairs_with(self, contents: Collection[int]) -> Iterator[tuple[int, int]]:
        """Each UID of the scope that has one of these contents, and its content."""
        return (pair for pair in self._numbering.pairs_with(contents) if pair[0] in self._there)
