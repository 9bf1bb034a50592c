"""The text that a reader sees in HTML, for SEARCH.

Must never: follow a link, or take more than linear time. An HTML5 tree builder needs quadratic time for `<div>` in
`<div>` (measured with lexbor: 30,000 of them, 150 KB, 1.6 s), so tags are taken out by one linear expression instead;
nobody sees the difference in a list of words.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Iterable
from typing import Final

from pillarbox.mime.limits import MimeLimits

_MAX_CHARACTERS: Final = MimeLimits().html_characters

_INLINE: Final = r"(?:a|abbr|b|bdi|bdo|big|em|font|i|mark|s|small|span|strike|strong|sub|sup|tt|u|wbr)\b"
_TELLING_REFERENCE: Final = re.compile("&(?!(?:nbsp|amp|lt|gt|quot|apos|#39);)")
"""All but those that are white space or stand for one of these: `&<>"'`. (Or `&Lt;` and `&Gt;` for U+226A, U+226B.)"""
_ASKED: Final = re.compile("[^\\s\0\"&'<>\u226a\u226b]+")
"""Words without white space, and without those characters."""
_ASKED_CHARACTERS: Final = 32
"""Where the beginning of a word isn't, the word isn't: patterns stay small."""
MARKUP: Final = re.compile(
    rf"""<!--.*?(?:-->|\Z)
    | <(script|style|template)\b.*?(?:</\1|\Z)[^>]*+>?
    | </?(?P<inline>{_INLINE})?
      (?(inline)|[a-z!?])
      (?:[^>=]++|=\s*+(?:"[^"]*+"?|'[^']*+'?)?+)*+>?""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
LONG_REFERENCE: Final = re.compile(r"&#x?[0-9a-f]{8,}+;?", re.IGNORECASE)
"""No character; int() would refuse the longest ones."""


def html_to_text(source: str) -> str:
    """The visible text, words apart where elements end, each run of white space as one space."""
    text = MARKUP.sub(_replacement, source[:_MAX_CHARACTERS])
    if "&" in text:
        text = html.unescape(LONG_REFERENCE.sub(" ", text))
    return " ".join(text.split())


@functools.lru_cache(maxsize=64)
def _cut_word(word: str) -> re.Pattern[str]:
    """What lower-case HTML has if `word` can be seen though it doesn't stand there in one piece: its beginning, then a
    tag that leaves no space. (A cache of immutable values, not state.)"""
    beginning = "".join(f"(?:{re.escape(character)}" for character in word[1:-1]) + ")?" * len(word[1:-1])
    return re.compile(f"{re.escape(word[:1])}{beginning}</?{_INLINE}", re.ASCII)


def may_show(source: str, words: Iterable[str]) -> bool:
    """Whether `html_to_text(source).lower()` may have all of the words; False is certain. For ASCII, and lower case.

    What is seen was written, but for tags, which come out, and references. A word is never longer than what stands
    between two spaces, so one that isn't written in one piece was cut by tags that leave no space, or came of
    references: words that the common ones can have a share in are not asked about, and other references not read.
    """
    if _TELLING_REFERENCE.search(source):
        return True
    beginnings = (word[:_ASKED_CHARACTERS] for word in words if _ASKED.fullmatch(word))
    return all(word in source or _cut_word(word).search(source) for word in beginnings)


def _replacement(match: re.Match[str]) -> str:
    return "" if match["inline"] else " "
