"""Texts as words, for searches that forgive: case, diacritics and width don't count.

Scripts without spaces between words (Chinese, Japanese, Thai, and Korean, which glues its particles on) are cut into
pairs of characters, and the last character of each run.

Must never: depend on a locale, or keep words that nobody would type.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from pillarbox.mail.marks import with_short_runs

LONGEST_WORD: Final = 40
"""Characters. What is longer is an encoded file or a line of signs; nobody looks for it by heart."""

_WORD: Final = re.compile(r"[^\W_]+(?:[\u0300-\u036f]+[^\W_]*)*")
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff]+"
)
_PLAIN: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
"""Letters that Unicode takes for letters of their own, and keyboards elsewhere lack."""


class Word(NamedTuple):
    """One word of a text."""

    folded: str
    """As it is compared."""
    spelled: str
    """In small letters with its diacritics, as stemmers want it."""


def words_of(text: str) -> Iterator[tuple[Word, int]]:
    """The words of a text in the order in which they come first, and how often each is there."""
    if text.isascii():
        found = Counter(_WORD.findall(text.lower()))
    else:
        found = Counter(_WORD.findall(unicodedata.normalize("NFKC", with_short_runs(text)).casefold()))
    for spelled, times in found.items():
        if spelled.isascii():
            if len(spelled) <= LONGEST_WORD:
                yield Word(spelled, spelled), times
        elif _UNSPACED.search(spelled):
            for word in _cut_up(spelled):
                yield word, times
        elif len(spelled) <= LONGEST_WORD:
            folded = fold(spelled)
            if folded:
                yield Word(folded, spelled), times


def fold(word: str) -> str:
    """A word without its diacritics."""
    if word.isascii():
        return word
    bare = "".join(letter for letter in unicodedata.normalize("NFD", word) if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", bare).translate(_PLAIN)


def is_pair(folded: str) -> bool:
    """Whether a word is a piece of a text without spaces."""
    return _UNSPACED.match(folded) is not None


def _cut_up(text: str) -> Iterator[Word]:
    at = 0
    for run in _UNSPACED.finditer(text):
        yield from _between(text[at : run.start()])
        characters = run.group()
        for start in range(len(characters)):
            pair = characters[start : start + 2]
            yield Word(pair, pair)
        at = run.end()
    yield from _between(text[at:])


def _between(text: str) -> Iterator[Word]:
    if 0 < len(text) <= LONGEST_WORD and (folded := fold(text)):
        yield Word(folded, text)
