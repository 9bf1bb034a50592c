"""UIDs and contents of what a search asks about."""

from __future__ import annotations

import random
from array import array

import pytest
from pyroaring import BitMap

from pillarbox.store.sqlite.scope import Numbering

UIDS = array("I", range(10, 2_010, 2))


def contents(order: str) -> array[int]:
    ascending = array("q", range(5, 1_005))
    if order == "gaps":
        return array("q", [content * 3 for content in ascending])
    if order == "copied here":
        return array("q", [*ascending[500:], *ascending[:500]])
    if order == "twice":
        return array("q", [*ascending[:500], *ascending[:500]])
    return ascending


@pytest.mark.parametrize("order", ["solid", "gaps", "copied here", "twice"])
@pytest.mark.parametrize("share", [1, 20, 999, 1_000])
def test_a_scope_is_what_was_asked_about(order: str, share: int) -> None:
    dice = random.Random(f"{order} {share}")
    content_of = dict(zip(UIDS, contents(order), strict=True))
    asked = sorted(dice.sample(UIDS.tolist(), share))
    scope = Numbering(UIDS, contents(order)).scope(asked)
    assert scope.contents == BitMap([content_of[uid] for uid in asked])
    assert list(scope.uids()) == asked
    for count in (0, 1, len(scope.contents) // 2, len(scope.contents)):
        chosen = BitMap(dice.sample(list(scope.contents), count))
        expected = [uid for uid in asked if content_of[uid] in chosen]
        assert list(scope.uids_with(chosen)) == expected
        assert list(scope.pairs_with(chosen)) == [(uid, content_of[uid]) for uid in expected]


@pytest.mark.parametrize("order", ["solid", "twice"])
def test_uids_that_are_gone_are_told_apart(order: str) -> None:
    scope = Numbering(UIDS, contents(order)).scope([1, 10, 11, 2_010])
    assert (list(scope.gone), list(scope.contents), list(scope.uids())) == ([1, 11, 2_010], [5], [1, 10, 11, 2_010])


def test_an_empty_mailbox_has_no_contents() -> None:
    scope = Numbering(array("I"), array("q")).scope([])
    assert (list(scope.gone), list(scope.contents), list(scope.uids_with(BitMap()))) == ([], [], [])


def test_a_numbering_stays_as_it_was() -> None:
    uids, numbers = array("I", [1]), array("q", [7])
    numbering = Numbering(uids, numbers)
    uids.append(2)
    numbers.append(8)
    assert list(numbering.scope([1, 2]).contents) == [7]
