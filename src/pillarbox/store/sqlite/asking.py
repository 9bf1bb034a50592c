"""What the index of texts answers: which contents have a text, which may have it.

Of a needle in many messages the shelves (shelves.py) say most; what they leave open is narrowed by trigrams and seams,
and the texts that remain are looked into. So nothing but time depends on how common a needle is.

Must never: write; say that a content has what its text doesn't, or leave out one that may.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from typing import Final

import apsw
from pyroaring import BitMap

from pillarbox.search.casemap import casemap_header
from pillarbox.search.query import Address, Body, Header, Text
from pillarbox.search.seams import demanded_seams
from pillarbox.store.contract import Candidates, TextKey
from pillarbox.store.searchable import ADDRESS_FIELDS, UNKEPT
from pillarbox.store.sqlite.index import FIELD_PLACES, GRAM, indexed_through
from pillarbox.store.sqlite.shelves import holding

FEW_TEXTS: Final = 200
"""Texts that are looked through (5 microseconds each) sooner than lists of trigrams are put together."""

_LOOK_BY_LIST: Final = 10
"""Looking into a text takes so many times as long as reading an entry of the lists of trigrams. These have one for each
text with the needle, at least, of all that there are, asked about or not."""
_MOST_GRAMS: Final = 24
"""Trigrams of a needle that are asked for: more make candidates hardly fewer, and each costs a list to read."""
_MOST_SEAMS: Final = 8
_MOST_INSTANCES: Final = 50_000
"""Pairs of trigram and message that a short needle looks through (about 20 ms); past that all texts are."""
_FEW: Final = 2_000
"""Contents that are looked up one by one rather than by going through all."""
_MOST_PATTERN: Final = 1_000
_GLOB_SPECIAL: Final = re.compile(r"[*?\[]")
_TABLES: Final = {"header": ("header_trigrams", "header_terms", "header_text"),
                  "body": ("body_trigrams", "body_terms", "body_text")}  # fmt: skip


def ask_index(index: apsw.Connection, key: TextKey, contents: BitMap) -> Candidates | None:
    """What the index says of `key` about these contents. Runs in a thread."""
    index.execute("BEGIN")
    try:
        through = indexed_through(index)
        unread = index.execute("SELECT content FROM document WHERE always_read")
        waiting = contents & BitMap([content for (content,) in unread])
        if contents and contents.max() > through:
            waiting |= contents & BitMap(range(through + 1, contents.max() + 1))
        found = _Asked(index, contents - waiting, through).candidates(key)
        return None if found is None else Candidates(found.certain, waiting | found.possible)
    finally:
        index.execute("COMMIT")


class _Asked:
    """Contents that are all in the index, and what is asked of them."""

    def __init__(self, index: apsw.Connection, contents: BitMap, through: int) -> None:
        self._index = index
        self._contents = contents
        self._through = through

    def candidates(self, key: TextKey) -> Candidates | None:
        if UNKEPT.search(key.needle) or UNKEPT.search(key.text):
            return None
        match key:
            case Header(name) if name.lower() == "subject":
                return Candidates(self._in_field("subject", key.needle), BitMap())
            case Header(name):
                return self._in_any_field(name, key.needle)
            case Address(name) if name.lower() in ADDRESS_FIELDS:
                return Candidates(self._in_field(name.lower(), key.needle), BitMap())
            case Body():
                return Candidates(self._in_column("body", key.needle, self._contents), BitMap())
            case Text():
                found = self._in_column("body", key.needle, self._contents)
                return Candidates(
                    found | self._in_column("header", key.header_needle, self._contents - found), BitMap()
                )
            case _:
                return None

    def _in_field(self, name: str, needle: str) -> BitMap:
        where, bindings = f"place = ? AND {_contains(needle)}", [FIELD_PLACES[name], _pattern(needle)]
        if len(self._contents) < _FEW:
            where += " AND content IN carray(?)"
            bindings.append(_column(self._contents))
        return self._contents & self._some(f"SELECT content FROM field WHERE {where}", bindings)  # noqa: S608 - constants

    def _in_any_field(self, name: str, needle: str) -> Candidates | None:
        """The header has the text somewhere, or, for an empty one, the field: its value must be read."""
        if not _is_field_name(name):
            return None
        grams = self._with_grams("header", needle or casemap_header(name + ":"))
        return Candidates(BitMap(), self._contents if grams is None else self._contents & grams)

    def _in_column(self, column: str, needle: str, wanted: BitMap) -> BitMap:
        """Those of the wanted whose text has the needle."""
        if not needle:
            return wanted
        if len(wanted) <= FEW_TEXTS:
            return self._looked_into(column, needle, wanted)
        certain = holding(self._index, column, needle, wanted)
        open_ones = wanted - certain
        if column == "body":
            open_ones = self._with_seams(needle, open_ones)
        entries = self._through * len(certain) // len(wanted) if certain else self._through
        if len(open_ones) == len(wanted) or len(open_ones) * _LOOK_BY_LIST > entries:
            candidates = self._with_grams(column, needle)
            if candidates is not None:
                open_ones = open_ones & candidates
                if column == "body" and len(needle) <= GRAM:
                    return certain | open_ones
        return certain | self._looked_into(column, needle, open_ones)

    def _looked_into(self, column: str, needle: str, wanted: BitMap) -> BitMap:
        texts = _TABLES[column][2]
        return self._some(
            f"SELECT content FROM {texts} WHERE content IN carray(?) AND {_contains(needle)}",  # noqa: S608 - constants
            (_column(wanted), _pattern(needle)),
        )

    def _with_seams(self, needle: str, wanted: BitMap) -> BitMap:
        """Those of the wanted in whose body the same words meet as in the needle."""
        whole, beginnings = demanded_seams(needle)
        terms = [*map(_quoted, whole), *(_quoted(beginning) + " *" for beginning in beginnings)][:_MOST_SEAMS]
        if not terms:
            return wanted
        return wanted & self._some("SELECT rowid FROM body_seams WHERE body_seams MATCH ?", (" AND ".join(terms),))

    def _with_grams(self, column: str, needle: str) -> BitMap | None:
        """The contents that have all trigrams (some, of long needles) of the needle; None: too many to tell."""
        trigrams, terms, _ = _TABLES[column]
        if len(needle) >= GRAM:
            query = " AND ".join(map(_quoted, _grams(needle)))
            return self._some(f"SELECT rowid FROM {trigrams} WHERE {trigrams} MATCH ?", (query,))  # noqa: S608 - a constant
        rows = self._index.execute(
            f"SELECT doc FROM {terms} WHERE term >= ? AND term < ? LIMIT ?",  # noqa: S608 - a constant
            (needle, needle + "\U0010ffff", _MOST_INSTANCES + 1),
        )
        found = [content for (content,) in rows]
        return None if len(found) > _MOST_INSTANCES else BitMap(found)

    def _some(self, sql: str, bindings: Sequence[object]) -> BitMap:
        return BitMap([content for (content,) in self._index.execute(sql, bindings)])


def _column(contents: BitMap) -> object:
    return apsw.carray(array("q", contents.to_array() or (0,)))


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'


def _contains(needle: str) -> str:
    """The SQL for texts that hold it. GLOB leaps to where the needle may begin (strcspn), 2.6 times as fast as instr in
    texts without it; SQLite takes no patterns past 50,000 bytes."""
    return "text GLOB ?" if len(needle) <= _MOST_PATTERN else "instr(text, ?)"


def _pattern(needle: str) -> str:
    """What to bind for _contains()."""
    return "*" + _GLOB_SPECIAL.sub(r"[\g<0>]", needle) + "*" if len(needle) <= _MOST_PATTERN else needle


def _grams(needle: str) -> Iterator[str]:
    """At most _MOST_GRAMS different trigrams, spread over the needle, the first and the last among them."""
    last = len(needle) - GRAM
    count = min(last + 1, _MOST_GRAMS)
    places = {round(step * last / max(count - 1, 1)) for step in range(count)}
    return iter(sorted({needle[place : place + GRAM] for place in places}))


def _is_field_name(name: str) -> bool:
    """field-name = 1*ftext; ftext = %d33-57 / %d59-126 (RFC 5322 section 2.2)"""
    return bool(name) and all("!" <= character <= "~" and character != ":" for character in name)
