"""Sets of UIDs or message sequence numbers as ranges.

RFC 9051 section 9, `sequence-set`. A UidSet is what was computed or resolved: no `*` in it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UidSet:
    """Ascending, disjoint, non-adjacent inclusive ranges of positive numbers."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, numbers: Iterable[int]) -> UidSet:
        """From single numbers, in any order, doubles allowed."""
        ranges: list[tuple[int, int]] = []
        first = last = -1
        for number in sorted(numbers):
            if number == last + 1 and first > 0:
                last = number
            elif number != last:
                if first > 0:
                    ranges.append((first, last))
                first = last = number
        if first > 0:
            ranges.append((first, last))
        return cls(tuple(ranges))

    @classmethod
    def of_ranges(cls, pairs: Iterable[tuple[int, int]]) -> UidSet:
        """From inclusive ranges, in any order, either end first, overlaps allowed."""
        merged: list[tuple[int, int]] = []
        for low, high in sorted((min(a, b), max(a, b)) for a, b in pairs):
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        return cls(tuple(merged))

    def __iter__(self) -> Iterator[int]:
        for low, high in self.ranges:
            yield from range(low, high + 1)

    def __len__(self) -> int:
        return sum(high - low + 1 for low, high in self.ranges)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self.ranges, (number, 1 << 63)) - 1
        return at >= 0 and number <= self.ranges[at][1]

    def within(self, uids: Sequence[int]) -> list[int]:
        """Those of the ascending `uids` that are in this set, ascending. O(ranges * log n + hits)."""
        found: list[int] = []
        for low, high in self.ranges:
            found.extend(uids[bisect_left(uids, low) : bisect_right(uids, high)])
        return found

    def intersection(self, other: UidSet) -> UidSet:
        """What is in both. O(ranges of both)."""
        mine, theirs = self.ranges, other.ranges
        found: list[tuple[int, int]] = []
        i = j = 0
        while i < len(mine) and j < len(theirs):
            low, high = max(mine[i][0], theirs[j][0]), min(mine[i][1], theirs[j][1])
            if low <= high:
                found.append((low, high))
            if mine[i][1] < theirs[j][1]:
                i += 1
            else:
                j += 1
        return UidSet(tuple(found))

    def without(self, uids: Sequence[int]) -> UidSet:
        """What is left when the ascending `uids` are taken out."""
        left: list[tuple[int, int]] = []
        for low, high in self.ranges:
            for uid in uids[bisect_left(uids, low) : bisect_right(uids, high)]:
                if low < uid:
                    left.append((low, uid - 1))
                low = uid + 1
            if low <= high:
                left.append((low, high))
        return UidSet(tuple(left))

    def __str__(self) -> str:
        """As it goes over the wire: `1:3,5`. The empty set is an empty string (not legal on the wire)."""
        return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in self.ranges)
