"""A script's bytes as tokens.

Must never: raise anything but ScriptInvalid, or take more than linear time. RFC 5228 section 8.1:

    bracket-comment  = "/*" *not-star 1*STAR *(not-star-slash *not-star 1*STAR) "/"
    hash-comment     = "#" *octet-not-crlf CRLF
    identifier       = (ALPHA / "_") *(ALPHA / DIGIT / "_")
    multi-line       = "text:" *(SP / HTAB) (hash-comment / CRLF)
                       *(multiline-literal / multiline-dotstart) "." CRLF
    number           = 1*DIGIT [QUANTIFIER]        QUANTIFIER = "K" / "M" / "G"
    quoted-string    = DQUOTE quoted-text DQUOTE
    tag              = ":" identifier

Bare LF ends a line as well as CRLF does; strings always hold CRLF.
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pillarbox.sieve.errors import Mistake, Place, ScriptInvalid

MAX_NUMBER: Final = 2**63 - 1
_FACTORS: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}

_space = re.compile(r"(?:[ \t\r\n]++|\#[^\n]*+|/\*.*?\*/)++", re.DOTALL)
_token = re.compile(
    r"""(?P<multiline>text:[ \t]*+(?:\#[^\n]*+)?+\r?\n)
    | (?P<identifier>[A-Za-z_][A-Za-z0-9_]*+)
    | :(?P<tag>[A-Za-z_][A-Za-z0-9_]*+)
    | (?P<number>[0-9]++)(?P<quantifier>[KMGkmg]?)(?![A-Za-z0-9_])
    | "(?P<quoted>(?:[^"\\]++|\\.)*+)"
    | (?P<mark>[][(){},;])""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_last_line = re.compile(r"^\.[ \t]*\r?$", re.MULTILINE)
_escaped = re.compile(r"\\(.)", re.DOTALL)
_line_end = re.compile(r"\r\n|\n|\r")


class TokenKind(enum.Enum):
    IDENTIFIER = "a word"
    TAG = "a tag"
    NUMBER = "a number"
    STRING = "a string"
    MARK = "a mark"
    END = "the end of the script"


@dataclass(frozen=True, slots=True)
class Token:
    kind: TokenKind
    text: str
    """Lower case for words and tags (without the colon), unquoted for strings."""
    place: Place
    number: int = 0

    def __str__(self) -> str:
        if self.kind is TokenKind.END:
            return str(self.kind.value)
        if self.kind is TokenKind.STRING:
            return "a string"
        return f'"{":" if self.kind is TokenKind.TAG else ""}{self.text}"'


def read_text(script: bytes) -> str:
    """The script as text. Raises ScriptInvalid when it is not UTF-8 or holds NUL."""
    try:
        text = script.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = script[: error.start].decode("utf-8", "replace")
        line = before.rpartition("\n")[2]
        place = Place(before.count("\n") + 1, len(line) + 1)
        raise ScriptInvalid([Mistake(place, "these bytes are not UTF-8; save the script as UTF-8")]) from None
    if "\0" in text:
        at = text.index("\0")
        place = Place(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
        raise ScriptInvalid([Mistake(place, "a NUL character can't stand in a script")])
    return text


def tokens(text: str) -> Iterator[Token]:
    """The tokens, the last of kind END. Raises ScriptInvalid."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(at: int) -> Place:
        line = bisect_right(starts, at)
        return Place(line, at - starts[line - 1] + 1)

    at = 0
    while True:
        if skipped := _space.match(text, at):
            at = skipped.end()
        if at >= len(text):
            yield Token(TokenKind.END, "", place(len(text)))
            return
        match = _token.match(text, at)
        if match is None:
            raise ScriptInvalid([Mistake(place(at), _strange(text, at))])
        token, at = _read(text, match, place(at))
        yield token


def _read(text: str, match: re.Match[str], place: Place) -> tuple[Token, int]:
    """The token of a match, and where it ends."""
    kind, end = match.lastgroup, match.end()
    if kind == "multiline":
        last = _last_line.search(text, end)
        if last is None:
            raise ScriptInvalid([Mistake(place, 'this "text:" is never ended by a line with a single "."')])
        lines = _line_end.split(text[end : last.start()])
        content = "\r\n".join(line.removeprefix(".") for line in lines)
        return Token(TokenKind.STRING, content, place), last.end()
    if kind == "quoted":
        content = _line_end.sub("\r\n", _escaped.sub(r"\1", match["quoted"]))
        return Token(TokenKind.STRING, content, place), end
    if match["number"] is not None:
        digits = match["number"].lstrip("0") or "0"
        number = int(digits) * _FACTORS[match["quantifier"].lower()] if len(digits) < 20 else MAX_NUMBER + 1
        if number > MAX_NUMBER:
            raise ScriptInvalid([Mistake(place, "that number is too large")])
        return Token(TokenKind.NUMBER, match[0], place, number), end
    if kind == "tag":
        return Token(TokenKind.TAG, match["tag"].lower(), place), end
    if kind == "mark":
        return Token(TokenKind.MARK, match[0], place), end
    return Token(TokenKind.IDENTIFIER, match[0].lower(), place), end


def _strange(text: str, at: int) -> str:
    """What is wrong where no token begins."""
    character = text[at]
    if character == '"':
        return 'this string is never ended by another "'
    if text.startswith("/*", at):
        return 'this comment is never ended by "*/"'
    if character == ":":
        return 'a tag\'s name must follow the ":"'
    if character.isdigit():
        return 'a number can be followed by K, M or G only, as in "100K"'
    if character.isprintable():
        return f'"{character}" can\'t stand here'
    return "a control character can't stand here"
