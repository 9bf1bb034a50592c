"""Which texts hold which common words."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

import apsw
import pytest
from pyroaring import BitMap

from pillarbox.store.searchable import IndexText
from pillarbox.store.sqlite import asking, shelves
from pillarbox.store.sqlite.index import add_text, make_index, remove_texts
from pillarbox.store.sqlite.shelves import SHELF_CONTENTS, fill_shelf, holding, next_shelf

WORDS = ("lantern", "granite", "meadow", "the", "of", "café", "見積書", "lantern,", "a.b@example.org", "x" * 150)


def text(dice: random.Random) -> str:
    common = dice.choices(WORDS, k=dice.randrange(6))
    return dice.choice((" ", "\r\n", "\t")).join([*common, f"rare{dice.randrange(10**6)}"])


def indexed(folder: Path, bodies: Mapping[int, str]) -> apsw.Connection:
    index = make_index(folder)
    index.execute("BEGIN")
    for content, body in bodies.items():
        add_text(index, content, IndexText({}, "subject: all have this", "", body))
    index.execute("UPDATE progress SET indexed_through = ?", (max(bodies),))
    index.execute("COMMIT")
    return index


def fill_all(index: apsw.Connection, through: int) -> list[int]:
    filled = []
    while (number := next_shelf(index, through)) is not None:
        fill_shelf(index, number)
        filled.append(number)
    return filled


@pytest.fixture
def bodies() -> dict[int, str]:
    """Two shelves and a half, some contents of which are gone."""
    dice = random.Random("shelves")
    return {number: text(dice) for number in range(1, SHELF_CONTENTS * 5 // 2) if dice.random() < 0.3}


def test_what_is_held_is_there(tmp_path: Path, bodies: dict[int, str]) -> None:
    index = indexed(tmp_path, bodies)
    assert fill_all(index, max(bodies)) == [0, 1]
    shelved = BitMap([content for content in bodies if content < 2 * SHELF_CONTENTS])
    for needle in (*WORDS[:-1], "anter", "e", ".", "積", "a.b@", "example.org"):
        assert (needle, holding(index, "body", needle, BitMap(list(bodies)))) == (
            needle,
            BitMap([content for content in shelved if any(needle in word for word in bodies[content].split()
                    if word in WORDS)]),
        )  # fmt: skip


@pytest.mark.parametrize("needle", ["lantern the", "lantern\r\n", "\n", "the\nof", "zzgargoyle", "x" * 150])
def test_of_other_needles_nothing_is_said(tmp_path: Path, bodies: dict[int, str], needle: str) -> None:
    index = indexed(tmp_path, bodies)
    fill_all(index, max(bodies))
    assert holding(index, "body", needle, BitMap(list(bodies))) == BitMap()


def test_only_who_is_asked_about_is_named(tmp_path: Path, bodies: dict[int, str]) -> None:
    index = indexed(tmp_path, bodies)
    fill_all(index, max(bodies))
    asked = BitMap(list(bodies)[::3])
    assert holding(index, "header", "subject:", asked) == asked & BitMap(range(2 * SHELF_CONTENTS))
    assert holding(index, "header", "subject:", BitMap()) == BitMap()


def test_a_shelf_is_filled_when_all_of_its_contents_are_indexed(tmp_path: Path) -> None:
    first = 7 * SHELF_CONTENTS
    index = indexed(tmp_path, dict.fromkeys(range(first + 5, first + 300), "lantern"))
    assert next_shelf(index, first + SHELF_CONTENTS - 2) is None
    assert next_shelf(index, first + SHELF_CONTENTS - 1) == 7
    fill_shelf(index, 7)
    assert next_shelf(index, first + 9 * SHELF_CONTENTS) is None


def test_a_shelf_whose_contents_are_gone_is_cleared(tmp_path: Path) -> None:
    index = indexed(tmp_path, dict.fromkeys(range(1, 2 * SHELF_CONTENTS), "lantern"))
    fill_all(index, 2 * SHELF_CONTENTS)
    remove_texts(index, range(1, SHELF_CONTENTS - 1))
    assert index.execute("SELECT count(DISTINCT number) FROM shelf_word").get == 2
    remove_texts(index, [SHELF_CONTENTS - 1])
    assert index.execute("SELECT DISTINCT number FROM shelf_word").get == 1
    assert index.execute("SELECT DISTINCT number FROM shelf").get == 1


def test_of_a_long_text_the_beginning_is_looked_at(tmp_path: Path) -> None:
    long_text = "first " + "word " * 5_000 + "last"
    index = indexed(tmp_path, dict.fromkeys(range(1, 100), long_text))
    fill_all(index, SHELF_CONTENTS)
    everyone = BitMap(range(1, 100))
    assert holding(index, "body", "first", everyone) == everyone
    assert holding(index, "body", "last", everyone) == BitMap()


def test_a_common_needle_needs_few_texts(
    tmp_path: Path, bodies: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers are the same with and without shelves."""
    monkeypatch.setattr(asking, "FEW_TEXTS", 0)
    monkeypatch.setattr(shelves, "_MOST_ASKED", 1)
    index = indexed(tmp_path, bodies)
    everyone = BitMap(list(bodies))
    for needle in ("lantern", "anter", "the", "e", "granite meadow", "of the", "x" * 150, "積書", "café "):
        expected = BitMap([content for content, body in bodies.items() if needle in body])
        for _ in range(2):
            found = asking._Asked(index, everyone, max(bodies))._in_column("body", needle, everyone)
            assert (needle, found) == (needle, expected)
        fill_all(index, max(bodies))
