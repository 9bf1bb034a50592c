"""Sets of messages from one numbering into another."""

from __future__ import annotations

import random
from array import array

import pytest
from pyroaring import BitMap

from pillarbox.search.renumber import renumbered, set_of


@pytest.mark.parametrize("share", [0, 0.01, 0.4, 0.99, 1])
@pytest.mark.parametrize("gaps", [False, True])
def test_numbers_stand_where_they_stood(share: float, gaps: bool) -> None:
    dice = random.Random(f"{share} {gaps}")
    source = array("q", sorted(dice.sample(range(3_000), 1_000)) if gaps else range(7, 1_007))
    target = array("I", sorted(dice.sample(range(9_000), 1_000)) if gaps else range(1_000))
    chosen = sorted(dice.sample(range(1_000), int(share * 1_000)))
    found = BitMap([source[place] for place in chosen])
    assert list(renumbered(found, source, target)) == [target[place] for place in chosen]


def test_nothing_is_nothing() -> None:
    assert renumbered(BitMap(), array("q"), range(0)) == BitMap()


@pytest.mark.parametrize("numbers", [range(3), array("q", range(3)), array("I", range(3)), [0, 1, 2], (0, 1, 2)])
def test_any_sequence_makes_a_set(numbers: range) -> None:
    assert list(set_of(numbers)) == [0, 1, 2]
