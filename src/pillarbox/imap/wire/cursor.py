"""Reads the words of the grammar out of a framed command, from left to right.

RFC 9051 section 9 (formal syntax), RFC 3501 section 9. Each reader quotes its rule; each raises BadSyntax where the
client wrote something else. Regular expressions here have no nested repeats: linear time.

Must never: know a command.
"""

from __future__ import annotations

import datetime
import re
from typing import Final

from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.wire.dates import parse_date, parse_date_time
from pillarbox.imap.wire.framer import Literal, RawCommand
from pillarbox.imap.wire.sequence import STAR, SequenceSet
from pillarbox.mail.dates import InternalDate

# atom = 1*ATOM-CHAR; atom-specials = "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials / resp-specials
_ATOM: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
# astring-char = ATOM-CHAR / resp-specials
_ASTRING: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+')
# list-char = ATOM-CHAR / list-wildcards / resp-specials; bytes above 0x7f for UTF8=ACCEPT clients that leave quotes out
_LIST_MAILBOX: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){"\\]+')
# tag = 1*<any ASTRING-CHAR except "+">
_TAG: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]+')
# quoted = DQUOTE *QUOTED-CHAR DQUOTE
_QUOTED: Final = re.compile(rb'"((?:[^\x00\r\n"\\]|\\["\\])*)"')
_ESCAPED: Final = re.compile(rb'\\(["\\])')
_DIGITS: Final = re.compile(rb"[0-9]{1,20}")
_RANGE: Final = rb"(?:[0-9]{1,10}|\*)(?::(?:[0-9]{1,10}|\*))?"
_SEQUENCE: Final = re.compile(_RANGE + rb"(?:," + _RANGE + rb")*")
# flag = system flag / flag-keyword / flag-extension
_FLAG: Final = re.compile(rb'\\?[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
# flag-list = "(" [flag *(SP flag)] ")"
_FLAG_LIST: Final = re.compile(rb"\(((?:%b(?: +%b)*)?)\)" % (_FLAG.pattern, _FLAG.pattern))
_DATE_TEXT: Final = re.compile(rb'"?([0-9]{1,2}-[A-Za-z]{3}-[0-9]{4})"?')
# literal = "{" number64 ["+"] "}" CRLF *CHAR8
_LITERAL: Final = re.compile(rb"(~?)\{([0-9]{1,10})\+?\}\r\n")
_WORD: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9.=+/-]*")

MAX_NUMBER: Final = 2**32 - 1
MAX_NUMBER64: Final = 2**63 - 1


class Cursor:
    """A place in a command. Readers return what they read and move past it."""

    __slots__ = ("_at", "_literals", "_piece", "_text", "_texts")

    def __init__(self, raw: RawCommand) -> None:
        self._texts = raw.texts
        self._literals = raw.literals
        self._piece = 0
        self._text = raw.texts[0]
        self._at = 0

    @classmethod
    def over(cls, data: bytes) -> Cursor:
        """Over a text that has its literals in it, as a client stored it. Raises BadSyntax when one is cut short."""
        texts: list[bytes] = []
        literals: list[Literal] = []
        at = 0
        while found := _LITERAL.search(data, at):
            texts.append(data[at : found.start()])
            at = found.end() + int(found[2])
            literals.append(Literal(data[found.end() : at], binary=bool(found[1])))
        if at > len(data):
            raise BadSyntax("A literal is shorter than it says")
        return cls(RawCommand((*texts, data[at:]), tuple(literals)))

    # --- looking ---------------------------------------------------------------------------------

    def at_literal(self) -> bool:
        """Whether a literal comes next."""
        return self._at == len(self._text) and self._piece < len(self._literals)

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._text) and self._piece == len(self._literals)

    def peek(self, count: int = 1) -> bytes:
        """The next byte, or some; fewer at a literal and at the end."""
        return self._text[self._at : self._at + count]

    def fail(self, expected: str) -> BadSyntax:
        """The error to raise when `expected` is not there. Nothing of what the client sent is echoed."""
        return BadSyntax(f"Expected {expected}")

    # --- punctuation -----------------------------------------------------------------------------

    def skip(self, token: bytes) -> bool:
        """Move past `token` when it is next."""
        if self._text.startswith(token, self._at):
            self._at += len(token)
            return True
        return False

    def skip_folded(self, token: bytes) -> bool:
        """Move past `token` (upper case) when it is next, in any case."""
        if self._text[self._at : self._at + len(token)].upper() != token:
            return False
        self._at += len(token)
        return True

    def expect(self, token: bytes) -> None:
        """Move past `token`, which must be next."""
        if not self.skip(token):
            raise self.fail(f'"{token.decode()}"')

    def space(self) -> None:
        """SP. More than one is let pass: some clients send two."""
        text, at = self._text, self._at
        if not text.startswith(b" ", at):
            raise self.fail("a space" if not self.at_end() else "more arguments")
        at += 1
        while text.startswith(b" ", at):
            at += 1
        self._at = at

    def end(self) -> None:
        """Nothing may be left; trailing spaces are let pass."""
        while self.skip(b" "):
            pass
        if not self.at_end():
            raise BadSyntax("Too many arguments, or something that doesn't belong there")

    def rest(self) -> bytes:
        """What is left of the text, as it is."""
        rest, self._at = self._text[self._at :], len(self._text)
        return rest

    def _match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()
        return found

    # --- words -----------------------------------------------------------------------------------

    def tag(self) -> bytes:
        """tag = 1*<any ASTRING-CHAR except "+">"""
        found = self._match(_TAG)
        if not found:
            raise self.fail("a tag")
        return found[0]

    def word(self) -> str:
        """A keyword of the grammar (command, item, key name), in upper case."""
        found = self._match(_WORD)
        if not found:
            raise self.fail("a word")
        return found[0].decode("ascii").upper()

    def atom(self) -> bytes:
        """atom = 1*ATOM-CHAR"""
        found = self._match(_ATOM)
        if not found:
            raise self.fail("an atom")
        return found[0]

    def string(self) -> bytes:
        """string = quoted / literal. Never a literal8, never with NUL."""
        if self.at_literal():
            return self._small_literal()
        found = self._match(_QUOTED)
        if not found:
            raise self.fail("a string")
        raw = found[1]
        return _ESCAPED.sub(rb"\1", raw) if b"\\" in raw else raw

    def astring(self) -> bytes:
        """astring = 1*ASTRING-CHAR / string"""
        found = self._match(_ASTRING)
        return found[0] if found else self.string()

    def nstring(self) -> bytes | None:
        """nstring = string / nil"""
        if self._text[self._at : self._at + 3].upper() == b"NIL":
            self._at += 3
            return None
        return self.string()

    def list_mailbox(self) -> bytes:
        """list-mailbox = 1*list-char / string"""
        found = self._match(_LIST_MAILBOX)
        return found[0] if found else self.string()

    def literal(self) -> Literal:
        """A literal or literal8, spilled or not: a message."""
        if not self.at_literal():
            raise self.fail("a literal")
        literal = self._literals[self._piece]
        self._piece += 1
        self._text = self._texts[self._piece]
        self._at = 0
        return literal

    def _small_literal(self) -> bytes:
        literal = self.literal()
        if literal.binary or not isinstance(literal.content, bytes):
            raise BadSyntax("A binary literal is not allowed here")
        if b"\0" in literal.content:
            raise BadSyntax("NUL is not allowed in a literal")
        return literal.content

    # --- numbers ---------------------------------------------------------------------------------

    def number(self) -> int:
        """number = 1*DIGIT, below 2**32"""
        return self._number(MAX_NUMBER)

    def nz_number(self) -> int:
        """nz-number = digit-nz *DIGIT"""
        number = self._number(MAX_NUMBER)
        if number == 0:
            raise self.fail("a number above 0")
        return number

    def number64(self) -> int:
        """number64 = 1*DIGIT, below 2**63"""
        return self._number(MAX_NUMBER64)

    def _number(self, most: int) -> int:
        found = self._match(_DIGITS)
        if not found:
            raise self.fail("a number")
        number = int(found[0])
        if number > most:
            raise BadSyntax("The number is too large")
        return number

    def sequence_set(self) -> SequenceSet:
        """sequence-set, see wire/sequence.py"""
        if self.skip(b"$"):
            return SequenceSet(is_saved_result=True)
        found = self._match(_SEQUENCE)
        if not found:
            raise self.fail("a sequence set")
        return SequenceSet(tuple(map(_pair, found[0].split(b","))))

    def at_sequence_set(self) -> bool:
        """Whether a sequence set comes next: a digit, `*` or `$`."""
        return self.peek() in (b"*", b"$") or self.peek().isdigit()

    def partial_range(self) -> tuple[int, int]:
        """partial-range = nz-number ":" nz-number / "-" nz-number ":" "-" nz-number (RFC 9394 section 4)"""
        from_end = self.skip(b"-")
        first = self.nz_number()
        self.expect(b":")
        if from_end:
            self.expect(b"-")
        last = self.nz_number()
        return (-first, -last) if from_end else (first, last)

    # --- dates and flags -------------------------------------------------------------------------

    def date(self) -> datetime.date:
        """date = date-text / DQUOTE date-text DQUOTE"""
        found = self._match(_DATE_TEXT)
        date = parse_date(found[1]) if found else None
        if date is None:
            raise self.fail("a date such as 1-Feb-2026")
        return date

    def date_time(self) -> InternalDate:
        """date-time, with its quotes"""
        found = self._match(_QUOTED)
        date = parse_date_time(found[1]) if found else None
        if date is None:
            raise self.fail('a date and time such as " 1-Feb-2026 09:05:00 +0100"')
        return date

    def flag(self) -> str:
        """flag"""
        found = self._match(_FLAG)
        if not found:
            raise self.fail("a flag")
        return found[0].decode("ascii")

    def flag_list(self, most: int) -> list[str]:
        """flag-list = "(" [flag *(SP flag)] ")" """
        found = self._match(_FLAG_LIST)
        if not found:
            raise self.fail("a list of flags")
        flags = found[1].decode("ascii").split()
        if len(flags) > most:
            raise BadSyntax("Too many flags")
        return flags


def _pair(part: bytes) -> tuple[int, int]:
    first, colon, last = part.partition(b":")
    low = _end(first)
    return low, (_end(last) if colon else low)


def _end(text: bytes) -> int:
    if text == b"*":
        return STAR
    number = int(text)
    if not 0 < number <= MAX_NUMBER:
        raise BadSyntax("Numbers in a sequence set run from 1 to 4294967295")
    return number
