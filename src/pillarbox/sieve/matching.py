"""How a script compares texts: comparators and match types.

Must never: backtrack. RFC 5228 section 2.7, RFC 5231 (relational), RFC 4790 (i;octet, i;ascii-casemap,
i;ascii-numeric), RFC 5051 (i;unicode-casemap). `*` takes as little as it can (RFC 5229 section 3.2): since the piece
behind each is taken where it is found first, and only the last is bound to the end, no other choice is ever needed.
"""

from __future__ import annotations

import operator
import re
import string
from collections.abc import Callable, Mapping
from typing import Final

from pillarbox.search.casemap import casemap

OCTET: Final = "i;octet"
ASCII_CASEMAP: Final = "i;ascii-casemap"
ASCII_NUMERIC: Final = "i;ascii-numeric"
UNICODE_CASEMAP: Final = "i;unicode-casemap"
COMPARATORS: Final = (OCTET, ASCII_CASEMAP, ASCII_NUMERIC, UNICODE_CASEMAP)

Order = tuple[int, int, str]
"""A key that sorts texts."""

RELATIONS: Final[Mapping[str, Callable[[Order, Order], bool]]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
    "eq": operator.eq,
    "ne": operator.ne,
}

_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_INFINITE: Final = (1, 0, "")
_digits = re.compile(r"[0-9]+")
_pieces = re.compile(r"\\(.)|(\*)|(\?)", re.DOTALL)


def fold(text: str, comparator: str) -> str:
    """The text in the form in which `comparator` compares it."""
    if comparator == ASCII_CASEMAP:
        return text.translate(_LOWER) if not text.isascii() else text.lower()
    return casemap(text) if comparator == UNICODE_CASEMAP else text


def order(text: str, comparator: str) -> Order:
    """A key that sorts as `comparator` orders texts. What begins with no digit is beyond every number."""
    if comparator != ASCII_NUMERIC:
        return (0, 0, fold(text, comparator))
    match = _digits.match(text)
    if match is None:
        return _INFINITE
    digits = match[0].lstrip("0")
    return (0, len(digits), digits)


class Wildcards:
    """A pattern of :matches, ready to be asked."""

    __slots__ = ("_comparator", "_segments", "cost")

    def __init__(self, pattern: str, comparator: str) -> None:
        """`*` is any text, `?` one character, a backslash takes the meaning from what follows."""
        segments: list[tuple[list[str], int]] = [([], 0)]
        any_character = 0
        at = 0

        def add(piece: str, length: int) -> None:
            pieces, so_far = segments[-1]
            pieces.append(piece)
            segments[-1] = (pieces, so_far + length)

        for match in _pieces.finditer(pattern):
            literal = fold(pattern[at : match.start()] + (match[1] or ""), comparator)
            add(re.escape(literal), len(literal))
            at = match.end()
            if match[2]:
                segments.append(([], 0))
            elif match[3]:
                any_character += 1
                add("(.)", 1)
        literal = fold(pattern[at:].removesuffix("\\"), comparator)
        add(re.escape(literal), len(literal))
        self._segments = [(re.compile("".join(pieces), re.DOTALL), length) for pieces, length in segments]
        self._comparator = comparator
        self.cost = 1 + (len(pattern) if any_character else 0)
        """Characters looked at for each of the text, at most."""

    def match(self, text: str) -> list[str] | None:
        """What was matched: the whole, then what each wildcard stands for; None when it does not match."""
        folded, offsets = self._folded(text)
        (first, _), *others = self._segments
        found = first.match(folded)
        if found is None or (not others and found.end() != len(folded)):
            return None
        spans = self._wildcards(found)
        at = found.end()
        for number, (segment, length) in enumerate(others, 1):
            if number < len(others):
                found = segment.search(folded, at)
            else:  # bound to the end: a segment has one length, whatever it matches
                start = len(folded) - length
                found = segment.match(folded, start) if start >= at else None
            if found is None:
                return None
            spans.append((at, found.start()))
            spans += self._wildcards(found)
            at = found.end()
        if offsets is None:
            return [text, *(text[start:end] for start, end in spans)]
        return [text, *(text[offsets[start] : offsets[end]] for start, end in spans)]

    @staticmethod
    def _wildcards(found: re.Match[str]) -> list[tuple[int, int]]:
        return [found.span(number) for number in range(1, found.re.groups + 1)]

    def _folded(self, text: str) -> tuple[str, list[int] | None]:
        """The folded text, and where each of its characters comes from when lengths differ."""
        if self._comparator != UNICODE_CASEMAP or text.isascii():
            return fold(text, self._comparator), None
        pieces = [casemap(character) for character in text]
        offsets = [index for index, piece in enumerate(pieces) for _ in piece]
        return "".join(pieces), [*offsets, len(text)]
