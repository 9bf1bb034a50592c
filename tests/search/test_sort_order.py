"""SORT against an obvious slow oracle: two rows are compared criterion by criterion, then by their numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pillarbox.search.sorting import Criterion, Direction, SortKey, in_order

CRITERIA = st.lists(st.builds(Criterion, st.sampled_from(SortKey), st.sampled_from(Direction)), min_size=1, max_size=4)
VALUES = st.lists(st.lists(st.integers(0, 3), min_size=len(SortKey), max_size=len(SortKey)), max_size=12)


def comes_before(one: int, other: int, criteria: list[Criterion], rows: list[list[int]]) -> bool:
    """RFC 5256 section 3, SORT, word by word."""
    for criterion in criteria:
        place = [*SortKey].index(criterion.key)
        mine, theirs = rows[one][place], rows[other][place]
        if mine != theirs:
            return mine < theirs if criterion.direction is Direction.ASCENDING else mine > theirs
    return one < other


def oracle(criteria: list[Criterion], rows: list[list[int]]) -> list[int]:
    """Each row's place is how many come before it."""
    every = range(len(rows))
    places = {row: sum(comes_before(other, row, criteria, rows) for other in every if other != row) for row in every}
    return sorted(every, key=places.__getitem__)


def columns(rows: list[list[int]]) -> dict[SortKey, list[int]]:
    return {key: [row[place] for row in rows] for place, key in enumerate(SortKey)}


@given(VALUES, CRITERIA)
def test_rows_come_in_the_order_that_the_rfc_says(rows: list[list[int]], criteria: list[Criterion]) -> None:
    assert in_order(range(len(rows)), criteria, columns(rows)) == oracle(criteria, rows)


@given(VALUES, VALUES, CRITERIA)
def test_an_order_is_brought_up_to_date(
    rows: list[list[int]], more: list[list[int]], criteria: list[Criterion]
) -> None:
    before = in_order(range(len(rows)), criteria, columns(rows))
    together = rows + more
    grown = in_order([*before, *range(len(rows), len(together))], criteria, columns(together))
    assert grown == oracle(criteria, together)


def test_reverse_leaves_equal_rows_in_mailbox_order() -> None:
    """ "a sort of REVERSE SUBJECT is not the same as a reverse ordering of a SUBJECT sort" """
    subjects = {SortKey.SUBJECT: [b"B", b"A", b"B"]}
    assert in_order(range(3), [Criterion(SortKey.SUBJECT, Direction.DESCENDING)], subjects) == [0, 2, 1]
