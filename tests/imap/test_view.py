"""What a view owes its client, worked out from two columns of UIDs."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from pillarbox.imap.updates import _vanished


@given(st.sets(st.integers(1, 80)), st.sets(st.integers(1, 80)), st.sets(st.integers(81, 100)))
def test_vanished_are_the_indices_of_what_is_no_longer_there(
    known: set[int], removed: set[int], arrived: set[int]
) -> None:
    before = sorted(known)
    after = sorted((known - removed) | arrived)
    expected = [index for index, uid in enumerate(before) if uid in removed]
    assert _vanished(array("I", before), array("I", after)) == expected
