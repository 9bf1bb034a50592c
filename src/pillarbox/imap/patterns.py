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

    __slots__ = ("_text", "_wild", "ends_in_percent")

    def __init__(self, text: str) -> None:
        self._text = canonical_name(_PERCENTS.sub("%", _STARS.sub("*", text)))
        self._wild = "*" in self._text or "%" in self._text
        self.ends_in_percent = self._text.endswith("%")

    def matches(self, name: str) -> bool:
        """Whether the whole name matches."""
        if self._text == "*":
            return True
        if not self._wild:
            return name == self._text
        return _walk(self._text, name) or (name == INBOX and _walk(self._text.upper(), name))


def _walk(pattern: str, name: str) -> bool:
    places = _closure(pattern, {0})
    for character in name:
        following = set()
        for place in places:
            if place == len(pattern):
                continue
            wanted = pattern[place]
            if wanted == "*" or (wanted == "%" and character != SEPARATOR):
                following.add(place)
            elif wanted == character:
                following.add(place + 1)
        places = _closure(pattern, following)
        if not places:
            return False
    return len(pattern) in places


def _closure(pattern: str, places: set[int]) -> set[int]:
    """Wildcards match nothing, too."""
    open_places = list(places)
    while open_places:
        place = open_places.pop()
        if place < len(pattern) and pattern[place] in "*%" and place + 1 not in places:
            places.add(place + 1)
            open_places.append(place + 1)
    return places
