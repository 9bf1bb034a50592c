"""Sequence sets as clients write them (RFC 9051 section 9, RFC 5182 for `$`).

sequence-set = (seq-number / seq-range) ["," sequence-set] / "$"
seq-number   = nz-number / "*"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pillarbox.mail.uids import UidSet

STAR: Final = 0
"""Stands for `*` in a SequenceSet; a real number is never 0."""


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Pairs of ends as written, `STAR` for `*`; or the saved search result `$`."""

    pairs: tuple[tuple[int, int], ...] = ()
    is_saved_result: bool = False

    def resolve(self, largest: int) -> UidSet:
        """With `largest` for `*`. When that is 0 (nothing there), a `*` stands for nothing: ranges with it vanish
        unless another end is given, which then can match nothing either."""
        if largest == 0:
            return UidSet.of_ranges(pair for pair in self.pairs if STAR not in pair)
        return UidSet.of_ranges((low or largest, high or largest) for low, high in self.pairs)

    @property
    def greatest_written(self) -> int:
        """The greatest number that stands there in digits; 0 when there is none."""
        return max((max(pair) for pair in self.pairs), default=0)
