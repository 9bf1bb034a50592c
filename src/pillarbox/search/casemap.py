"""How texts are compared: the case mapping of searches.

RFC 5051 (i;unicode-casemap) folds each character to its titlecase and decomposes it, then compares substrings.
We follow it through Unicode's compatibility caseless matching (Unicode standard, section 3.13, D146), which
Python has tables for. What that means:

- Everything that RFC 5051 calls equal is equal here (tested for every code point). More is: `ß` finds `SS`,
  final sigma finds sigma, ligatures and full-width letters find plain ones.
- Accents are kept, but stand after their letter, so `cafe` finds `café`, and `café` doesn't find `cafe`.
- Dotless `ı` is `i`, as in RFC 5051.
- Hangul syllables stay whole (they have no decomposition in RFC 5051's table), so `가` doesn't find `각`.

Must never: depend on a locale or on how text is encoded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from pillarbox.mail.marks import with_short_runs

WINDOW_CHARACTERS: Final = 65_536
"""Text folded in one go. Non-ASCII folds at about 30 characters a microsecond: 2 ms, then others may run."""

_SEAM_CHARACTERS: Final = 64
"""How far a place to cut is looked for."""

_STRIDE: Final = 128
"""Characters in a row: where all are ASCII, folding takes next to no time."""
_JAMO: Final = re.compile("[\u1100-\u11ff]+")
_FOLD: Final = re.compile("\r?\n(?=[ \t])")


def casemap(text: str) -> str:
    """`text` in the form in which texts are compared; doing it twice changes nothing."""
    if text.isascii():
        return text.lower()
    text = with_short_runs(text)
    pieces: list[str] = []
    mixed = 0
    """Where what is not folded yet begins."""
    for start in range(0, len(text), _STRIDE):
        stretch = text[start : start + _STRIDE]
        if stretch.isascii():
            if mixed < start:
                pieces.append(_fold(text[mixed:start]))
            pieces.append(stretch.lower())
            mixed = start + _STRIDE
    pieces.append(_fold(text[mixed:]))
    return "".join(pieces)


def _fold(text: str) -> str:
    """Each character by itself, but for the order of marks and for Hangul letters in a row, which no ASCII is among:
    a text may be cut before and behind ASCII, and folds to the same."""
    folded = unicodedata.normalize("NFD", text).casefold()
    folded = unicodedata.normalize("NFKD", folded).casefold()
    folded = unicodedata.normalize("NFKD", folded).replace("ı", "i")
    return _JAMO.sub(lambda run: unicodedata.normalize("NFC", run.group()), folded)


def casemap_header(text: str) -> str:
    """The same for header text: lines unfolded (RFC 5322 section 2.2.3), and a tab is as good as a space."""
    if "\n" in text:
        text = _FOLD.sub("", text)
    return casemap(text).replace("\t", " ")


def casemap_windows(text: str, overlap: int) -> Iterator[str]:
    """`casemap(text)` in pieces, so that long texts can be searched bit by bit.

    Each piece begins with the last `overlap` characters before it: any substring of up to `overlap` + 1
    characters lies whole in at least one piece. An empty text is one empty piece.
    """
    return casemap_pieces((text,), overlap) if text else iter(("",))


def casemap_pieces(texts: Iterable[str], overlap: int) -> Iterator[str]:
    """The same of a text that comes in pieces itself, wherever they are cut. For an empty one comes an empty one."""
    held = tail = ""
    for text in texts:
        if not text:
            yield ""
            continue
        held += text
        start = 0
        while len(held) - start > WINDOW_CHARACTERS + _SEAM_CHARACTERS:
            end = _cut(held, start + WINDOW_CHARACTERS)
            piece = tail + casemap(held[start:end])
            yield piece
            tail = piece[-overlap:] if overlap else ""
            start = end
        held = held[start:]
    if held:
        yield tail + casemap(held)


def _cut(text: str, near: int) -> int:
    """A place at or a little after `near` where folding the two sides apart gives the same as together.

    Nobody's words have 64 accents or Hangul letters in a row; in what has, a match over the seam may be missed.
    """
    end = min(near, len(text))
    last = min(end + _SEAM_CHARACTERS, len(text))
    while end < last and _joins(casemap(text[end])):
        end += 1
    return end


def _joins(folded: str) -> bool:
    return unicodedata.combining(folded[0]) > 0 or _JAMO.match(folded) is not None
