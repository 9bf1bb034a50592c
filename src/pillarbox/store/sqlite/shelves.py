"""Which texts hold which common words: where nearly every message matches, looking into each would take too long.

A *shelf* is 1,024 contents in a row by number. Once all of them are indexed, the words that many of its texts hold are
listed, each with one bit for every text. What has a needle in a listed word matches for sure; of all others nothing is
said. Words are what white space divides, so nearly any needle lies within one.

Must never: name a text that lacks the word; need more memory than some dozens of megabytes, whatever the texts are.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import compress
from typing import Final

import apsw
from pyroaring import BitMap

SHELF_SCHEMA: Final = """
CREATE TABLE shelf (place INTEGER, number INTEGER, words TEXT NOT NULL, PRIMARY KEY (place, number)) WITHOUT ROWID;
CREATE TABLE shelf_word
    (place INTEGER, number INTEGER, rank INTEGER, texts BLOB NOT NULL, PRIMARY KEY (place, number, rank)) WITHOUT ROWID;
"""

SHELF_CONTENTS: Final = 1_024
PLACES: Final = {"header": 1, "body": 2}
_TABLES: Final = {"header": "header_text", "body": "body_text"}

_SAMPLED: Final = 8
"""One text in so many is asked which words are common."""
_COMMON: Final = 2
"""A word is when so many of those have it: about one text in 64."""
_MOST_LISTED: Final = 4_096
_MOST_ASKED: Final = 64
"""Words of a shelf with the needle that are asked, the most common first: the next ones have little to add."""
_TEXT_CHARACTERS: Final = 16_384
"""How much of a text is looked at; of the rest nothing is said."""
_WORD_CHARACTERS: Final = 100
_DIGITS: Final = bytes(ord("0")) + b"\x00\x01" + bytes(254 - ord("0"))


def next_shelf(index: apsw.Connection, through: int) -> int | None:
    """The first shelf that is not filled, though all of its contents (up to `through`) are indexed."""
    number: int = index.execute("SELECT next_shelf FROM progress").get
    first = index.execute("SELECT min(content) FROM document WHERE content >= ?", (number * SHELF_CONTENTS,)).get
    if first is None:
        return None
    number = first // SHELF_CONTENTS
    return number if through >= (number + 1) * SHELF_CONTENTS - 1 else None


def fill_shelf(index: apsw.Connection, number: int) -> None:
    """List the common words of a shelf, within a transaction."""
    for place in PLACES:
        _fill(index, number, place)
    index.execute("UPDATE progress SET next_shelf = ?", (number + 1,))


def clear_shelves(index: apsw.Connection, contents: Collection[int]) -> None:
    """Remove the shelves of these contents that are empty now, within a transaction."""
    for number in {content // SHELF_CONTENTS for content in contents}:
        between = number * SHELF_CONTENTS, (number + 1) * SHELF_CONTENTS
        if index.execute("SELECT 1 FROM document WHERE content >= ? AND content < ? LIMIT 1", between).get is None:
            for table in ("shelf", "shelf_word"):
                index.execute(f"DELETE FROM {table} WHERE place IN (1, 2) AND number = ?", (number,))  # noqa: S608 - constants


def holding(index: apsw.Connection, column: str, needle: str, contents: BitMap) -> BitMap:
    """Those of the contents whose text has the needle in one of the listed words."""
    if not contents or "\n" in needle:
        return BitMap()
    found: list[int] = []
    shelves = index.execute(
        "SELECT number, words FROM shelf WHERE place = ? AND number BETWEEN ? AND ?",
        (PLACES[column], contents.min() // SHELF_CONTENTS, contents.max() // SHELF_CONTENTS),
    )
    for number, words in shelves:
        start = number * SHELF_CONTENTS
        if needle in words and contents.range_cardinality(start, start + SHELF_CONTENTS):
            bits = _texts_of(index, PLACES[column], number, list(_ranks(words, needle)))
            found += compress(range(start, start + SHELF_CONTENTS), f"{bits:b}".encode()[::-1].translate(_DIGITS))
    return BitMap(found) & contents


def _fill(index: apsw.Connection, number: int, place: str) -> None:
    start = number * SHELF_CONTENTS
    texts = f"SELECT content, substr(text, 1, ?) FROM {_TABLES[place]} WHERE content >= ? AND content < ?"  # noqa: S608 - constants
    asked = (_TEXT_CHARACTERS, start, start + SHELF_CONTENTS)
    sample = Counter[str]()
    for row, (_, text) in enumerate(index.execute(texts, asked)):
        if row % _SAMPLED == 0:
            sample.update(set(text.split()))
    common = [word for word, count in sample.most_common(_MOST_LISTED) if count >= _COMMON]
    having = {word: bytearray(SHELF_CONTENTS // 8) for word in common if len(word) <= _WORD_CHARACTERS}
    del sample
    for content, text in index.execute(texts, asked):
        byte, bit = divmod(content - start, 8)
        for word in having.keys() & text.split():
            having[word][byte] |= 1 << bit
    key = PLACES[place], number
    index.execute("INSERT OR REPLACE INTO shelf VALUES (?, ?, ?)", (*key, "\n".join(having)))
    rows = ((*key, rank, bytes(texts)) for rank, texts in enumerate(having.values()))
    index.executemany("INSERT OR REPLACE INTO shelf_word VALUES (?, ?, ?, ?)", rows)


def _ranks(words: str, needle: str) -> Iterator[int]:
    """The places of the first words that have the needle."""
    at, rank = 0, 0
    for _ in range(_MOST_ASKED):
        found = words.find(needle, at)
        if found < 0:
            return
        rank += words.count("\n", at, found)
        yield rank
        at = words.find("\n", found) + 1
        rank += 1
        if not at:
            return


def _texts_of(index: apsw.Connection, place: int, number: int, ranks: Collection[int]) -> int:
    bits = 0
    rows = index.execute(
        "SELECT texts FROM shelf_word WHERE place = ? AND number = ? AND rank IN carray(?)",
        (place, number, apsw.carray(array("q", ranks))),
    )
    for (texts,) in rows:
        bits |= int.from_bytes(texts, "little")
    return bits
