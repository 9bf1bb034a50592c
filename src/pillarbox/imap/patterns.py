"""LIST patterns: `*` matches anything, `%` anything but the separator (RFC 9051 section 6.3.9).

Matching walks the name once with the set of possible places in the pattern: no backtracking, so a pattern of a
thousand stars costs no more than its length times the name's.
"""

from __future__ import annotations

import re
from typing import Final

from pillarbox.mail.names import INBOX, SEPARATOR, canonical_name

_STARS: Final = re.compile(r"[*%]*\*[*%]*")
_PERCENTS: Final = re.compile(r"%+")


class ListPattern:
    """One canonical pattern. INBOX matches in any case."""

    __slots__ = ("_places", "_text", "_upper", "_wild", "ends_in_percent")

    def __init__(self, text: str) -> None:
        self._text = canonical_name(_PERCENTS.sub("%", _STARS.sub("*", text)))
        self._places, self._upper = _Places(self._text), _Places(self._text.upper())
        self._wild = "*" in self._text or "%" in self._text
        self.ends_in_percent = self._text.endswith("%")

    def matches(self, name: str) -> bool:
        """Whether the whole name matches."""
        if self._text == "*":
            return True
        if not self._wild:
            return name == self._text
        return self._places.match(name) or (name == INBOX and self._upper.match(name))


class _Places:
    """Matches a pattern in which no two wildcards stand side by side; the places it can be at are bits of a number."""

    __slots__ = ("_end", "_letters", "_percents", "_stars")

    def __init__(self, pattern: str) -> None:
        self._end = 1 << len(pattern)
        self._letters: dict[str, int] = {}
        for at, character in enumerate(pattern):
            self._letters[character] = self._letters.get(character, 0) | 1 << at
        self._stars = self._letters.pop("*", 0)
        self._percents = self._letters.pop("%", 0)

    def match(self, name: str) -> bool:
        stars, wild, letters = self._stars, self._stars | self._percents, self._letters.get
        places = 1 | (1 & wild) << 1
        for character in name:
            stay = places & (stars if character == SEPARATOR else wild)
            places = stay | (places & letters(character, 0)) << 1
            places |= (places & wild) << 1
            if not places:
                return False
        return bool(places & self._end)
