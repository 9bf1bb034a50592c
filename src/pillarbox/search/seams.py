"""Where two words meet: what a needle of several words demands of a text, besides its trigrams.

Every text of some length has the trigrams of common words; that "granite" stands right before "meadow" is rare. A
*seam* is the beginning of a word and the end of the one before it, three characters of each; words are divided by any
white space. A needle's seams tell which texts can hold it; whether they do is for others to see.

Must never: find fewer seams in a text than in a piece of it.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import add, itemgetter
from typing import Final

_REACH: Final = 3
MARK: Final = " "
"""Between seams: never in one."""
_BEGINNING: Final[Callable[[str], str]] = itemgetter(slice(_REACH))
_END: Final[Callable[[str], str]] = itemgetter(slice(None, -_REACH - 1, -1))
"""The last character first, so that what isn't known of a short word stands at the end of a seam."""


def seams_of(text: str) -> str:
    """The seams of a folded text, each once, divided by MARK."""
    words = text.split()
    return MARK.join(set(map(add, map(_BEGINNING, words[1:]), map(_END, words))))


def demanded_seams(needle: str) -> tuple[list[str], list[str]]:
    """The seams that a text with this piece has, and beginnings of seams, for where the piece may begin in a word."""
    words = needle.split()
    whole, beginnings = set[str](), set[str]()
    last = len(words) - 1
    ends_in_word = not needle[-1:].isspace()
    begins_in_word = not needle[:1].isspace()
    for place in range(last):
        left, right = words[place], words[place + 1]
        if len(right) < _REACH and place + 1 == last and ends_in_word:
            continue  # how the word goes on isn't known
        seam = _BEGINNING(right) + _END(left)
        if len(left) < _REACH and place == 0 and begins_in_word:
            beginnings.add(seam)
        else:
            whole.add(seam)
    return sorted(whole), sorted(beginnings)
