"""Which language a text is in, and the stems of its words.

A language is told by its smallest words, which no text goes without; scripts of few languages speak for themselves.
When nothing tells, there are no stems, and words are found as they stand.

Must never: be right at any price. A wrong guess costs a stem, never a word.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


def _each(words: str) -> frozenset[str]:
    return frozenset(words.split())


STOP_WORDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "danish": _each("og i at det er en til på af for den der ikke med har jeg vi du et men"),
        "dutch": _each("de en van ik te dat die in een hij het niet is op aan met als voor zijn er"),
        "english": _each("the of and to in is that it for was on with as you at be this have are not"),
        "finnish": _each("ja on ei se että oli hän olen mutta kun niin kuin myös tai jos ovat"),
        "french": _each("de la le et les des en un du une que est pour qui dans pas au sur vous ne"),
        "german": _each("der die und das ist nicht ich zu es sie mit dem den ein auf für im eine wir von"),
        "hungarian": _each("a az és hogy nem is egy ez van azt csak meg de ha volt mint"),
        "italian": _each("di che e il la un per non una è in con del sono le si da lo ho i"),
        "norwegian": _each("og i det på er en til som av for ikke jeg at med har vi om så de"),
        "polish": _each("i w nie na się z do to że jest jak o za co po od dla są czy"),
        "portuguese": _each("de que e o a do da em um para é com não uma os no se na por mais"),
        "romanian": _each("de și în a la cu nu să pe că este o mai din un se pentru sunt"),
        "russian": _each("и в не на я что он с это как по но мы из у за вы так же от"),
        "spanish": _each("de la que el en y a los se del las un por con no una su para es lo"),
        "swedish": _each("och i att det som på en är av för med till den har inte jag om ett du vi"),
        "turkish": _each("bir ve bu için de da ile çok ne var ama gibi daha ben olarak değil mi"),
    }
)
_SMALL_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        word: tuple(language for language, words in STOP_WORDS.items() if word in words)
        for word in frozenset[str]().union(*STOP_WORDS.values())
    }
)
"""Of each small word the languages that it is small in."""
_BY_LETTER: Final = (("\u0370", "\u03ff", "greek"), ("\u0530", "\u058f", "armenian"), ("\u0900", "\u097f", "hindi"),
                     ("\u0b80", "\u0bff", "tamil"), ("\u0600", "\u06ff", "arabic"))  # fmt: skip
"""First and last letter of scripts that we know one stemmer for."""
LANGUAGES: Final = (*STOP_WORDS, *(name for *_, name in _BY_LETTER))
_CYRILLIC: Final = ("\u0400", "\u04ff")

_ENOUGH: Final = 3
"""One small word, twice, or two of them. A single one tells only when no other language has it."""
_LOOKED_AT: Final = 1_000
"""Words whose script is looked at."""
_LEAST_LETTERS: Final = 3
_MOST_LETTERS: Final = 24
"""German compounds reach that; longer ones are found by how they begin."""


def language_of(counts: Mapping[str, int]) -> str:
    """The language of a text by how often each word, spelled in small letters, is in it; empty when nothing tells."""
    weights = dict.fromkeys(STOP_WORDS, 0)
    for word in counts.keys() & _SMALL_WORDS.keys():
        for language in _SMALL_WORDS[word]:
            weights[language] += counts[word] + 1
    best = max(weights, key=weights.__getitem__)
    most = weights[best]
    if most >= _ENOUGH or (most and list(weights.values()).count(most) == 1):
        return best
    return next(filter(None, map(_by_script, itertools.islice(counts, _LOOKED_AT))), "")


def _by_script(word: str) -> str:
    return next((name for first, last, name in _BY_LETTER if first <= word[0] <= last), "")


def is_small(word: str) -> bool:
    """Whether a word says nothing in some language."""
    return word in _SMALL_WORDS


@functools.lru_cache(maxsize=32_768)
def stem(language: str, spelled: str) -> str:
    """The stem of a word; the word itself where there is none to tell. (A cache of immutable values, not state.)"""
    if not _LEAST_LETTERS <= len(spelled) <= _MOST_LETTERS or not spelled.isalpha():
        return spelled
    import snowballstemmer  # type: ignore[import-untyped]  # ships no types; 3 MB that few searches need

    stemmed: str = snowballstemmer.stemmer(language).stemWord(spelled)  # one each: they aren't made for threads
    return stemmed or spelled


def languages_for(spelled: str) -> tuple[str, ...]:
    """The languages that a single word may be in, by its letters."""
    by_script = _by_script(spelled)
    if by_script:
        return (by_script,)
    is_cyrillic = _CYRILLIC[0] <= spelled[0] <= _CYRILLIC[1]
    return ("russian",) if is_cyrillic else tuple(name for name in STOP_WORDS if name != "russian")
