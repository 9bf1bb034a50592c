"""Keeps runs of combining marks short, for normalising a text takes time with the square of a run.

Must never: change text that anybody could read. Unicode Standard Annex 15, section 13 (stream-safe text format): behind
30 marks stands a COMBINING GRAPHEME JOINER, which has no looks; here it is behind 32.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Final

_IN_A_ROW: Final = 32
_STRIDE: Final = 8
_JOINER: Final = "\u034f"


def with_short_runs(text: str) -> str:
    """The text with a joiner in every run of very many marks; ready to be normalised, whoever wrote it."""
    if text.isascii():
        return text
    suspects, runs = _patterns()
    if not suspects.search(text[::_STRIDE]):
        return text
    return runs.sub(rf"\g<0>{_JOINER}", text)


@functools.cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What some characters of a text look like when it has long runs, and runs that are to be broken.

    Marks are what decomposes into one first of all, too. The first pattern takes all beyond the BMP for marks: a set
    within it is looked up at once, any other one range by range.
    """
    inner = "".join(character for character in map(chr, range(0x300, 0xD800)) if _is_mark(character))
    inner += "".join(character for character in map(chr, range(0xE000, 0x10000)) if _is_mark(character))
    outer = "".join(character for character in map(chr, range(0x10000, 0x20000)) if _is_mark(character))
    mark = f"(?:[{inner}]|[{outer}])"
    suspects = re.compile(f"(?:[{inner}]|[\U00010000-\U0010ffff]){{{_STRIDE}}}")
    return suspects, re.compile(f"{mark}{{{_IN_A_ROW}}}(?={mark})")


def _is_mark(character: str) -> bool:
    return unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) > 0
