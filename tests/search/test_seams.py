"""Where two words meet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pillarbox.search.seams import MARK, demanded_seams, seams_of

TEXTS = st.text(alphabet="abcé \r\n\t.\x01-", max_size=60)


@given(TEXTS, st.integers(0, 60), st.integers(0, 60))
def test_a_text_has_all_seams_that_its_pieces_demand(text: str, one: int, other: int) -> None:
    there = seams_of(text).split(MARK)
    whole, beginnings = demanded_seams(text[min(one, other) : max(one, other)])
    assert [seam for seam in whole if seam not in there] == []
    assert [start for start in beginnings if not any(seam.startswith(start) for seam in there)] == []


def test_known_seams() -> None:
    assert sorted(seams_of("to granite\r\n meadow").split(MARK)) == ["graot", "meaeti"]
    assert demanded_seams("granite mead") == (["meaeti"], [])
    assert demanded_seams("of the") == ([], ["thefo"])
    assert demanded_seams(" of the") == (["thefo"], [])
    assert demanded_seams("granite a") == ([], []), "the word may go on"
    assert demanded_seams("granite a ") == (["aeti"], [])


def test_one_word_demands_nothing() -> None:
    assert [demanded_seams(needle) for needle in ("granite", "granite ", " granite", " ", "")] == [([], [])] * 5
