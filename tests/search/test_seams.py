"""Where two words meet."""

from __future__ import annotations

import random

from pillarbox.search.seams import MARK, demanded_seams, seams_of


def test_a_text_has_all_seams_that_its_pieces_demand() -> None:
    dice, demanded = random.Random("seams"), 0
    for _ in range(3_000):
        text = "".join(dice.choices("abcé  \r\n\t.\x01-", k=dice.randrange(60)))
        start, end = sorted(dice.choices(range(61), k=2))
        there = seams_of(text).split(MARK)
        whole, beginnings = demanded_seams(text[start:end])
        assert [seam for seam in whole if seam not in there] == []
        assert [begun for begun in beginnings if not any(seam.startswith(begun) for seam in there)] == []
        demanded += len(whole) + len(beginnings)
    assert demanded > 3_000


def test_known_seams() -> None:
    assert sorted(seams_of("to granite\r\n meadow").split(MARK)) == ["graot", "meaeti"]
    assert demanded_seams("granite mead") == (["meaeti"], [])
    assert demanded_seams("of the") == ([], ["thefo"])
    assert demanded_seams(" of the") == (["thefo"], [])
    assert demanded_seams("granite a") == ([], []), "the word may go on"
    assert demanded_seams("granite a ") == (["aeti"], [])


def test_one_word_demands_nothing() -> None:
    assert [demanded_seams(needle) for needle in ("granite", "granite ", " granite", " ", "")] == [([], [])] * 5
