"""Texts as words, for searches that forgive: case, diacritics and width don't count.

Scripts without spaces between words (Chinese, Japanese, Thai, and Korean, which glues its particles on) are cut into
pairs of characters, and the last character of each run.

Must never: depend on a locale, or keep words that nobody would type.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Final, NamedTuple

from pillarbox.mail.marks import with_short_runs

LONGEST_WORD: Final = 40
"""Characters. What is longer is an encoded file or a line of signs; nobody looks for it by heart."""

_WORD: Final = re.compile(r"[^\W_]+(?:[\u0300-\u036f]+[^\W_]*)*")
_APART: Final = "".join(sign if sign.isalnum() else " " for sign in map(chr, range(128)))
"""For str.translate: ASCII is cut into the same words so, eight times as fast as by the expression."""
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
    for spelled, times in Counter(_spelled_words(text)).items():
        if spelled.isascii():
            if len(spelled) <= LONGEST_WORD:
                yield Word(spelled, spelled), times
        else:
            for word in _words_in(spelled):
                yield word, times


def count_words(text: str) -> tuple[Mapping[str, int], list[tuple[Word, int]]]:
    """The same in no order: how often each word is there that is compared as it is spelled, and the others."""
    found = Counter(_spelled_words(text))
    plain = {word: times for word, times in found.items() if word.isascii() and len(word) <= LONGEST_WORD}
    if text.isascii():
        return plain, []
    others = ((spelled, times) for spelled, times in found.items() if not spelled.isascii())
    return plain, [(word, times) for spelled, times in others for word in _words_in(spelled)]


def _spelled_words(text: str) -> list[str]:
    """In small letters, in their order."""
    if text.isascii():
        return text.lower().translate(_APART).split()
    found: list[str] = []
    normal = unicodedata.normalize("NFKC", with_short_runs(text)).casefold().replace("ı", "i")  # as casemap() has it
    for is_ascii, run in groupby(normal.split(), str.isascii):
        piece = " ".join(run)
        found += piece.translate(_APART).split() if is_ascii else _WORD.findall(piece)
    return found


def _words_in(spelled: str) -> Iterator[Word]:
    """What is kept of a word that isn't ASCII."""
    if _UNSPACED.search(spelled):
        yield from _cut_up(spelled)
    elif len(spelled) <= LONGEST_WORD and (folded := fold(spelled)):
        yield Word(folded, spelled)


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
