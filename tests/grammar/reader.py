"""The words that responses are made of, read strictly: nothing that the ABNF does not allow gets past.

RFC 9051 section 9, RFC 3501 section 9, RFC 3629, RFC 9755 (8-bit strings after UTF8=ACCEPT or IMAP4rev2).
Must never: import Pillarbox, or be lenient because a server of ours happens to send something.

Stricter than the RFCs, as interop.md asks: keywords and NIL in upper case.
"""

from __future__ import annotations

import enum
import re
from datetime import datetime, timedelta, timezone

from tests.grammar.tree import Numbers

MAX_NUMBER = (1 << 32) - 1
MAX_NUMBER64 = (1 << 63) - 1

_ATOM = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
_ASTRING = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_TAG = re.compile(rb"[!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_DIGITS = re.compile(rb"[0-9]+")
_NZ_DIGITS = re.compile(rb"[1-9][0-9]*")
_LITERAL = re.compile(rb"\{([0-9]+)\}\r\n")
_LITERAL8 = re.compile(rb"~\{([0-9]+)\}\r\n")
_QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*)"')
_DATE_TIME = re.compile(
    rb'"([ 0-9][0-9])-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-([0-9]{4})'
    rb' ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"'
)
_OBJECT_ID = re.compile(rb"\(([A-Za-z0-9_-]{1,255})\)")
_MONTHS = [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"]
SYSTEM_FLAGS = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")


class GrammarError(AssertionError):
    """The server broke the grammar; the text says what was due and shows where."""


class Dialect(enum.Enum):
    """What the client has enabled, as far as the grammar depends on it."""

    ASCII = "7-bit"
    """Nothing: 8-bit only in literals, mailbox names in modified UTF-7."""
    UTF8 = "utf-8"
    """UTF8=ACCEPT or IMAP4rev2 is enabled: quoted strings and text may hold UTF-8, names are UTF-8."""


class Reader:
    """A position in one response, moving forward over words."""

    def __init__(self, data: bytes, dialect: Dialect = Dialect.ASCII) -> None:
        self.data = data
        self.at = 0
        self.dialect = dialect

    def fail(self, due: str) -> GrammarError:
        before, after = self.data[max(0, self.at - 60) : self.at], self.data[self.at : self.at + 60]
        return GrammarError(f"{due} was due at octet {self.at}: {before!r} >>> {after!r}")

    def sees(self, word: bytes) -> bool:
        return self.data.startswith(word, self.at)

    def accept(self, word: bytes) -> bool:
        """Move over `word` if it stands here."""
        if not self.sees(word):
            return False
        self.at += len(word)
        return True

    def expect(self, word: bytes) -> None:
        if not self.accept(word):
            raise self.fail(repr(word))

    def space(self) -> None:
        """SP: exactly one (RFC 9051 section 9, rule 2)."""
        self.expect(b" ")

    def end(self) -> None:
        """CRLF and nothing after it."""
        self.expect(b"\r\n")
        if self.at != len(self.data):
            raise self.fail("the end of the response")

    def match(self, pattern: re.Pattern[bytes], due: str) -> re.Match[bytes]:
        found = pattern.match(self.data, self.at)
        if found is None:
            raise self.fail(due)
        self.at = found.end()
        return found

    # --- numbers ---------------------------------------------------------------------------------

    def number(self) -> int:
        """number = 1*DIGIT ; Unsigned 32-bit integer (0 <= n < 4,294,967,296)"""
        return self._bounded(_DIGITS, MAX_NUMBER, "number")

    def nz_number(self) -> int:
        """nz-number = digit-nz *DIGIT ; Non-zero unsigned 32-bit integer"""
        return self._bounded(_NZ_DIGITS, MAX_NUMBER, "nz-number")

    def number64(self) -> int:
        """number64 = 1*DIGIT ; Unsigned 63-bit integer"""
        return self._bounded(_DIGITS, MAX_NUMBER64, "number64")

    def modseq(self) -> int:
        """mod-sequence-value = 1*DIGIT ; Positive unsigned 63-bit integer (RFC 7162 section 7)"""
        return self._bounded(_NZ_DIGITS, MAX_NUMBER64, "mod-sequence-value")

    def _bounded(self, pattern: re.Pattern[bytes], limit: int, due: str) -> int:
        value = int(self.match(pattern, due).group())
        if value > limit:
            raise self.fail(f"{due} up to {limit}")
        return value

    def numbers(self) -> Numbers:
        """sequence-set or uid-set without "*" and "$", which no response may hold.

        uid-set   = (uniqueid / uid-range) *("," uid-set)
        uid-range = (uniqueid ":" uniqueid)
        """
        pairs: list[tuple[int, int]] = []
        while True:
            low = high = self.nz_number()
            if self.accept(b":"):
                high = self.nz_number()
            pairs.append((min(low, high), max(low, high)))
            if not self.accept(b","):
                return tuple(pairs)

    # --- strings ---------------------------------------------------------------------------------

    def atom(self) -> str:
        """atom = 1*ATOM-CHAR"""
        return self.match(_ATOM, "atom").group().decode("ascii")

    def tag(self) -> str:
        """tag = 1*<any ASTRING-CHAR except "+">"""
        return self.match(_TAG, "tag").group().decode("ascii")

    def keyword(self) -> str:
        """An atom that the protocol defines: in upper case (interop.md)."""
        word = self.atom()
        if word != word.upper():
            raise self.fail(f"{word.upper()} in upper case, not {word},")
        return word

    def quoted(self) -> bytes:
        r"""quoted = DQUOTE *QUOTED-CHAR DQUOTE

        QUOTED-CHAR = <any TEXT-CHAR except quoted-specials> / "\" quoted-specials / UTF8-2 / UTF8-3 / UTF8-4
        """
        raw = self.match(_QUOTED, "quoted string").group(1)
        self._check_eight_bit(raw)
        return re.sub(rb'\\(["\\])', rb"\1", raw)

    def _check_eight_bit(self, raw: bytes) -> None:
        if raw.isascii():
            return
        if self.dialect is Dialect.ASCII:
            raise self.fail("7-bit text (nobody enabled UTF8=ACCEPT or IMAP4rev2)")
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            raise self.fail("valid UTF-8") from None

    def literal(self) -> bytes:
        """literal = "{" number64 "}" CRLF *CHAR8 ; from servers never with "+"; CHAR8 is any octet except NUL"""
        data = self._literal_octets(_LITERAL)
        if b"\0" in data:
            raise self.fail("a literal without NUL")
        return data

    def literal8(self) -> bytes:
        """literal8 = "~{" number64 "}" CRLF *OCTET"""
        return self._literal_octets(_LITERAL8)

    def _literal_octets(self, pattern: re.Pattern[bytes]) -> bytes:
        size = int(self.match(pattern, "literal").group(1))
        data = self.data[self.at : self.at + size]
        if len(data) != size:
            raise self.fail(f"a literal of {size} octets")
        self.at += size
        return data

    def string(self) -> bytes:
        """string = quoted / literal"""
        return self.literal() if self.sees(b"{") else self.quoted()

    def nstring(self) -> bytes | None:
        """nstring = string / nil"""
        return None if self.accept(b"NIL") else self.string()

    def astring(self) -> bytes:
        """astring = 1*ASTRING-CHAR / string"""
        if self.sees(b'"') or self.sees(b"{"):
            return self.string()
        return self.match(_ASTRING, "astring").group()

    def object_id(self) -> str:
        """ "(" objectid ")" ; objectid = 1*255(ALPHA / DIGIT / "_" / "-") (RFC 8474 section 7)"""
        return self.match(_OBJECT_ID, "(objectid)").group(1).decode("ascii")

    def delimiter(self) -> str | None:
        """(DQUOTE QUOTED-CHAR DQUOTE / nil), in LIST and NAMESPACE"""
        if self.accept(b"NIL"):
            return None
        text = self.quoted().decode("utf-8")
        if len(text) != 1:
            raise self.fail("one delimiter character")
        return text

    def mailbox(self) -> str:
        """A mailbox that the server names: INBOX is in upper case (interop.md)."""
        name = self.mailbox_as_given()
        if name.upper() == "INBOX" != name:
            raise self.fail(f"INBOX in upper case, not {name},")
        return name

    def mailbox_as_given(self) -> str:
        """mailbox = "INBOX" / astring ; RFC 9051 section 5.1, RFC 3501 section 5.1.3"""
        raw = self.astring()
        return raw.decode("utf-8") if self.dialect is Dialect.UTF8 else decode_modified_utf7(raw)

    # --- flags and dates -------------------------------------------------------------------------

    def flag(self) -> str:
        r"""flag = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" / flag-keyword / flag-extension

        Servers MUST NOT generate flag-extension flags that no RFC defines.
        """
        if not self.accept(b"\\"):
            return self.atom()
        name = "\\" + self.atom()
        if name not in SYSTEM_FLAGS:
            raise self.fail(f"a system flag, not {name},")
        return name

    def flag_fetch(self) -> str:
        r"""flag-fetch = flag / "\Recent" """
        return "\\Recent" if self.accept(b"\\Recent") else self.flag()

    def flag_perm(self) -> str:
        r"""flag-perm = flag / "\*" """
        return "\\*" if self.accept(b"\\*") else self.flag()

    def date_time(self) -> datetime:
        """date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE

        date-day-fixed = (SP DIGIT) / 2DIGIT ; zone = ("+" / "-") 4DIGIT
        """
        found = self.match(_DATE_TIME, "date-time")
        day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = found.groups()
        if int(zone_minutes) > 59:
            raise self.fail("a zone with minutes below 60")
        offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        try:
            return datetime(
                int(year),
                _MONTHS.index(month) + 1,
                int(day),
                int(hour),
                int(minute),
                min(int(second), 59) if second == b"60" else int(second),
                tzinfo=timezone(offset if sign == b"+" else -offset),
            )
        except ValueError:
            raise self.fail("a date that exists") from None


_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")


def decode_modified_utf7(raw: bytes) -> str:
    """The text of a name in modified UTF-7, every rule of RFC 3501 section 5.1.3 checked.

    Printable US-ASCII represents itself; "&" is "&-"; base64 with "," for "/", no padding, no zero-length or
    superfluous shift, no printable US-ASCII in base64, padding bits zero, surrogates in pairs.
    """
    import base64

    text: list[str] = []
    at, after_shift = 0, False
    while at < len(raw):
        octet = raw[at]
        if octet != 0x26:
            if not 0x20 <= octet <= 0x7E:
                raise GrammarError(f"name {raw!r} holds octet {octet:#x} outside modified BASE64")
            text.append(chr(octet))
            at, after_shift = at + 1, False
            continue
        found = _SHIFTED.match(raw, at)
        if found is None:
            raise GrammarError(f"name {raw!r} has a shift that does not end")
        at = found.end()
        coded = found.group(1)
        if not coded:
            text.append("&")
            after_shift = False
            continue
        if after_shift:
            raise GrammarError(f"name {raw!r} shifts back in where it just shifted out")
        after_shift = True
        if len(coded) % 4 == 1:
            raise GrammarError(f"name {raw!r} has a broken shift sequence")
        octets = base64.b64decode(coded.replace(b",", b"/") + b"=" * (-len(coded) % 4))
        if base64.b64encode(octets).rstrip(b"=").replace(b"/", b",") != coded or len(octets) % 2:
            raise GrammarError(f"name {raw!r} has superfluous bits in a shift sequence")
        try:
            piece = octets.decode("utf-16-be")
        except UnicodeDecodeError:
            raise GrammarError(f"name {raw!r} has a lone surrogate") from None
        if any(" " <= character <= "~" for character in piece):
            raise GrammarError(f"name {raw!r} encodes printable US-ASCII")
        text.append(piece)
    return "".join(text)
