"""What searches that forgive (search/fuzzy.py) ask of an account's index: which contents have which words, and where.

Two tables of `search.db`, by content: `fuzzy_terms`, one column for each place, and `attachment_terms`, filled
later by whoever gets texts out of attachments. Both hold words as they are compared, and stems, which begin with `=`.

Must never: hold up the loop; all of it runs in threads.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import apsw
from pyroaring import BitMap

from pillarbox.search.fuzzy import Fuzzy, Hit, Hits, Likeness, Place, Vocabulary, Wanted, is_typo

FUZZY_SCHEMA: Final = """
CREATE VIRTUAL TABLE fuzzy_terms USING fts5
    (subject, sender, receiver, copied, hidden, often, body, content = '', contentless_delete = 1, detail = column,
     tokenize = "ascii tokenchars '='");
CREATE VIRTUAL TABLE attachment_terms USING fts5
    (text, content = '', contentless_delete = 1, detail = none, tokenize = "ascii tokenchars '='");
CREATE VIRTUAL TABLE fuzzy_vocabulary USING fts5vocab (fuzzy_terms, row);
CREATE VIRTUAL TABLE attachment_vocabulary USING fts5vocab (attachment_terms, row);
"""

_COLUMNS: Final = {
    Place.SUBJECT: "subject",
    Place.FROM: "sender",
    Place.TO: "receiver",
    Place.CC: "copied",
    Place.BCC: "hidden",
    Place.OFTEN: "often",
    Place.BODY: "body",
}
_INSERT: Final = (
    "INSERT INTO fuzzy_terms (rowid, subject, sender, receiver, copied, hidden, often, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_MOST_LOOKED_THROUGH: Final = 200_000
"""Words that begin with the same letter, looked through for one that is typed wrong: some 100 ms."""
_MOST_TYPOS: Final = 64
"""Words that differ in a letter, of all that there are."""


def add_terms(index: apsw.Connection, content: int, terms: Mapping[Place, Collection[str]]) -> None:
    """Index what a content's header and body have (Vocabulary.terms), within a transaction."""
    index.execute(_INSERT, (content, *(" ".join(terms.get(place, ())) for place in _COLUMNS)))


def add_attachment_text(index: apsw.Connection, content: int, text: str) -> None:
    """Index the texts of a content's attachments, all in one call, within a transaction."""
    vocabulary = Vocabulary()
    vocabulary.add_attachment(text)
    terms = vocabulary.terms().get(Place.ATTACHMENT, ())
    index.execute("INSERT INTO attachment_terms (rowid, text) VALUES (?, ?)", (content, " ".join(terms)))


def remove_terms(index: apsw.Connection, contents: Collection[int]) -> None:
    """Forget contents, within a transaction."""
    for table in ("fuzzy_terms", "attachment_terms"):
        index.executemany(f"DELETE FROM {table} WHERE rowid = ?", ((content,) for content in contents))  # noqa: S608 - constants


def ask_fuzzily(index: apsw.Connection, key: Fuzzy, contents: BitMap, through: int) -> Hits:
    """What the index, which knows contents up to `through`, says of the key about these contents, by content."""
    unread = [content for content in contents if content > through]
    if not key.words:
        return Hits({}, unread)
    asked = _Asked(index, key, contents - BitMap(unread))
    close = [asked.closely(wanted) for wanted in key.words]
    if not frozenset.intersection(*map(frozenset, close)):
        typos = [asked.with_typos(wanted) for wanted in key.words]
    else:  # then a wrong letter isn't forgiven (search.fuzzy.scores)
        typos = [{} for _ in key.words]
    having_all = frozenset.intersection(*(frozenset({**a, **b}) for a, b in zip(close, typos, strict=True)))
    hit_of = functools.cache(Hit)  # few differ
    hits = map(hit_of, _rows(close, having_all), _rows(typos, having_all))
    return Hits(dict(zip(having_all, hits, strict=True)), unread)


def _rows(columns: Sequence[Mapping[int, int]], contents: Collection[int]) -> Iterator[tuple[int, ...]]:
    """The products of all words for each of the contents, in their order."""
    return zip(*([column.get(content, 0) for content in contents] for column in columns), strict=True)


class _Asked:
    """Contents that are all in the index, and the key that is asked of them."""

    def __init__(self, index: apsw.Connection, key: Fuzzy, contents: BitMap) -> None:
        self._index = index
        self._weights: Mapping[Place, int] = key.where.value
        self._contents = contents

    def closely(self, wanted: Wanted) -> dict[int, int]:
        """The best product of weight and likeness, by content, of words that are the same but for their ending."""
        likenesses = {Likeness.SAME: _phrase(wanted.folded)}
        if wanted.stems:
            likenesses[Likeness.STEM] = _any_of(wanted.stems)
        if wanted.begins:
            likenesses[Likeness.BEGINNING] = _phrase(wanted.folded) + " *"
        return self._best(likenesses)

    def with_typos(self, wanted: Wanted) -> dict[int, int]:
        """The same of words that differ in a letter."""
        if not wanted.may_be_wrong:
            return {}
        words = sorted({*self._alike("fuzzy_vocabulary", wanted), *self._alike("attachment_vocabulary", wanted)})
        return self._best({Likeness.TYPO: _any_of(words[:_MOST_TYPOS])}) if words else {}

    def _alike(self, vocabulary: str, wanted: Wanted) -> Iterator[str]:
        word = wanted.folded
        rows = self._index.execute(
            f"SELECT term FROM {vocabulary} WHERE term >= ? AND term < ? LIMIT ?",  # noqa: S608 - constants
            (word[0], chr(ord(word[0]) + 1), _MOST_LOOKED_THROUGH),
        )
        return (term for (term,) in rows if is_typo(word, term))

    def _best(self, likenesses: Mapping[Likeness, str]) -> dict[int, int]:
        found: dict[int, int] = {}
        products = [
            (weight * likeness // 100, place, expression)
            for place, weight in self._weights.items()
            for likeness, expression in likenesses.items()
        ]
        for product, place, expression in sorted(products):  # so that the best comes last
            found.update(dict.fromkeys(self._with(place, expression), product))
        return {content: product for content, product in found.items() if content in self._contents}

    def _with(self, place: Place, expression: str) -> Iterator[int]:
        if place is Place.ATTACHMENT:
            sql = "SELECT rowid FROM attachment_terms WHERE attachment_terms MATCH ?"
        else:
            sql = "SELECT rowid FROM fuzzy_terms WHERE fuzzy_terms MATCH ?"
            expression = f"{_COLUMNS[place]} : ({expression})"
        return (content for (content,) in self._index.execute(sql, (expression,)))


def _phrase(term: str) -> str:
    return f'"{term}"'  # terms hold letters, digits and `=`


def _any_of(terms: Iterable[str]) -> str:
    return " OR ".join(map(_phrase, sorted(terms)))
