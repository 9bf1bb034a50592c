"""Sets of messages from one numbering into another: rows, UIDs, the store's content ids.

Must never: take a step for each message where a step for each piece of the set does.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import compress
from typing import Final

from pyroaring import BitMap

_MANY: Final = 16
"""From one in so many on, going through all is quicker than looking for each."""


def set_of(numbers: Sequence[int]) -> BitMap:
    """These numbers, of whatever type an array has them."""
    return BitMap(numbers if isinstance(numbers, range) else array("I", numbers))


def renumbered(found: BitMap, source: Sequence[int], target: Sequence[int]) -> BitMap:
    """The numbers in `target` that stand where the numbers of `found`, all of them in `source`, stand.

    Both sequences ascend strictly and have the same length, none empty while anything is found.
    """
    if not found:
        return BitMap()
    if len(found) == len(source):
        return set_of(target)
    if _is_solid(source) and _is_solid(target):
        return found.shift(target[0] - source[0])
    if len(found) * _MANY < len(source):
        return BitMap([target[bisect_left(source, number)] for number in found])
    if (len(source) - len(found)) * _MANY < len(source):
        return set_of(target) - renumbered(set_of(source) - found, source, target)
    return BitMap(list(compress(target, map(found.__contains__, source))))


def _is_solid(numbers: Sequence[int]) -> bool:
    return numbers[-1] - numbers[0] == len(numbers) - 1
