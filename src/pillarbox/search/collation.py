"""In which order texts come: i;unicode-casemap (RFC 5051), which RFC 5256 section 7 demands of SORT and THREAD.

Each character is replaced by its titlecase (the simple mapping), then by its decomposition, recursively; the results
are compared as the octets of their UTF-8. To the letter: unlike searches (casemap.py), nothing else is made equal.

Must never: depend on a locale.
"""

from __future__ import annotations

import functools
import unicodedata


def collation_key(text: str) -> bytes:
    """Bytes that compare as RFC 5051 compares the texts."""
    if text.isascii():
        return text.upper().encode("ascii")
    return "".join(map(_prepared, text)).encode("utf-8", "replace")


@functools.lru_cache(maxsize=4_096)
def _prepared(character: str) -> str:
    """One character as it is compared. (A cache of immutable values, not state.)"""
    title = character.title()
    return _decomposed(title if len(title) == 1 else character)


def _decomposed(character: str) -> str:
    """UnicodeData's decomposition of a character, canonical or not; Hangul syllables have none there."""
    code_points = [word for word in unicodedata.decomposition(character).split() if not word.startswith("<")]
    if not code_points:
        return character
    return "".join(_decomposed(chr(int(word, 16))) for word in code_points)
