"""Reads search keys off the wire into a query (pillarbox.search). Adding a key: one row in SEARCH_KEYS.

RFC 9051 section 6.4.4 and 9, RFC 3501 (NEW, OLD, RECENT), RFC 5032 (OLDER, YOUNGER), RFC 5182 (`$`),
RFC 5466 (FILTER), RFC 6203 (FUZZY), RFC 7162 section 3.1.5 (MODSEQ), RFC 8474 section 6 (EMAILID, THREADID),
RFC 8514 section 4.3 (SAVEDON and its like), RFC 9738 (UIDAFTER, UIDBEFORE).

    search-program = ["CHARSET" SP charset SP] search-key *(SP search-key)

What FILTER names is read as one key, as if it stood in parentheses; it may name other filters.

Chains of OR and of NOT are read in loops; parentheses, and OR and NOT in each other, count as nesting.

Must never: look at a mailbox. Numbers and `*` get their meaning when the query is asked.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pillarbox.imap.limits import ImapLimits
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.wire.cursor import MAX_NUMBER, Cursor
from pillarbox.mail import flags
from pillarbox.search import query
from pillarbox.search.fuzzy import Fuzzy
from pillarbox.search.query import Query
from pillarbox.search.ranking import MOST_KEYS, fuzzily

CHARSETS: Final = ("US-ASCII", "UTF-8")
"""What clients are told (BADCHARSET): the two that RFC 9051 demands; all clients can send one of them."""

Filters = Callable[[str], bytes | None]
"""The value of a filter by its name in lower case; None when there is no such filter."""

_FILTERS_WITHIN: Final = 8
"""Filters of filters; three must be followed (RFC 5466 section 3.1)."""
_OBJECT_ID: Final = re.compile(rb"[A-Za-z0-9_-]{1,255}")
_UNKNOWN_CODEC: Final = "latin-1"
_CODECS: Final = {b"US-ASCII": "ascii", b"ASCII": "ascii", b"UTF-8": "utf-8", b"UTF8": "utf-8"}


@dataclass(frozen=True, slots=True)
class SearchProgram:
    """What a client asks for."""

    query: Query
    names_charset: bool = False
    """CHARSET was there."""
    charset_is_known: bool = True
    """If not, the query is worth nothing: answer NO [BADCHARSET]."""
    is_fuzzy: bool = False
    """FUZZY was there (RFC 6203): RELEVANCY may be asked for."""


class KeyReader:
    """Reads the keys of one search command."""

    def __init__(self, cursor: Cursor, limits: ImapLimits, filters: Filters = lambda name: None) -> None:
        self.cursor = cursor
        self._limits = limits
        self._filters = filters
        self._filter_names: list[str] = []
        """Of those that are being read, each named by the one before it."""
        self._filter_bytes = 0
        self._codec = "utf-8"
        self._is_fuzzy = False
        self._fuzzy_keys: set[Fuzzy] = set()
        self._depth = 0
        self._keys = 0

    def program(self, first_word: str = "") -> SearchProgram:
        """A search-program. `first_word`: its first word when the caller has read that already.

        Without CHARSET texts are UTF-8, for IMAP4rev1 clients too: their default, US-ASCII, is part of it.
        Raises BadSyntax.
        """
        if not first_word and self.cursor.peek().isalpha():
            first_word = self.cursor.word()
        if first_word == "CHARSET":
            self.cursor.space()
            return self.criteria()
        return SearchProgram(self._terms(first_word), is_fuzzy=self._is_fuzzy)

    def criteria(self) -> SearchProgram:
        """search-criteria = charset 1*(SP search-key) (RFC 5256 section 5), as SORT and THREAD have it"""
        codec = _CODECS.get(self.cursor.astring().upper())
        self._codec = codec or _UNKNOWN_CODEC
        self.cursor.space()
        query = self._terms()
        return SearchProgram(query, True, codec is not None, self._is_fuzzy)

    def _terms(self, first_word: str = "") -> Query:
        terms = [self._named(first_word) if first_word else self.key()]
        while not self.cursor.at_end():
            self.cursor.space()
            if not self.cursor.at_end():
                terms.append(self.key())
        return query.all_of(terms)

    def key(self) -> Query:
        """search-key, whatever it is: a word of SEARCH_KEYS, sequence-set, or "(" search-key *(SP search-key) ")" """
        if self.cursor.at_sequence_set():
            return self._sequence_set()
        if self.cursor.skip(b"("):
            return self.nested(KeyReader._list)
        return self._named(self.cursor.word())

    def key_unless(self, name: str) -> Query | None:
        """search-key, or None when the next word is `name`, which is then read."""
        if not self.cursor.peek().isalpha():
            return self.key()
        word = self.cursor.word()
        if word == name:
            self._count()
            return None
        return self._named(word)

    def nested(self, read: Callable[[KeyReader], Query]) -> Query:
        """What `read` reads, one level deeper. Raises BadSyntax when that is too deep."""
        self._depth += 1
        if self._depth > self._limits.nesting_depth:
            raise BadSyntax("The search keys are nested too deeply")
        found = read(self)
        self._depth -= 1
        return found

    def fuzzy(self) -> Query:
        """ "FUZZY" SP search-key (RFC 6203 section 7). Raises Refused for too many texts (section 8)."""
        self.cursor.space()
        self._is_fuzzy = True
        found = fuzzily(self.key())
        self._fuzzy_keys.update(leaf for leaf in query.leaves(found) if isinstance(leaf, Fuzzy))
        if len(self._fuzzy_keys) > MOST_KEYS:
            raise Refused(f"A search takes {MOST_KEYS} fuzzy texts at most", "LIMIT")
        return found

    def filter(self) -> Query:
        """ "FILTER" SP filter-name. Raises Refused when there is none, it names itself, or its value can't be read."""
        self.cursor.space()
        name = self.cursor.atom().decode("ascii").lower()
        if self._codec == _UNKNOWN_CODEC:
            raise BadSyntax("FILTER goes with UTF-8", f"BADCHARSET ({' '.join(CHARSETS)})")
        value = self._filters(name)
        if value is None or "/" in name or name in self._filter_names or len(self._filter_names) >= _FILTERS_WITHIN:
            raise Refused("There is no such filter, or it leads nowhere", f"UNDEFINED-FILTER {name}")
        self._filter_names.append(name)
        try:
            found = self.stored(value)
        except BadSyntax as error:
            raise Refused(f"The filter can't be used: {error.text}", f"UNDEFINED-FILTER {name}") from error
        self._filter_names.pop()
        return found

    def stored(self, value: bytes) -> Query:
        """A filter's value: search-criteria = search-key *(SP search-key) (RFC 5466 section 4), in UTF-8."""
        self._filter_bytes += len(value)
        if self._filter_bytes > self._limits.command_bytes:
            raise BadSyntax("The filters of one search are too long together")
        outside, self.cursor = (self.cursor, self._codec), Cursor.over(value)
        self._codec = "utf-8"
        found = self.nested(KeyReader._terms)
        self.cursor, self._codec = outside
        return found

    def text(self) -> str:
        """SP astring, in the charset of the search."""
        self.cursor.space()
        try:
            return self.cursor.astring().decode(self._codec)
        except UnicodeDecodeError:
            raise BadSyntax("A text of the search is not in the charset that it should be in") from None

    def _named(self, word: str) -> Query:
        self._count()
        read = SEARCH_KEYS.get(word)
        if read is None:
            raise BadSyntax("There is no such search key")
        return read(self)

    def _sequence_set(self) -> Query:
        self._count()
        read = self.cursor.sequence_set()
        return query.Saved() if read.is_saved_result else query.Numbers(read.pairs)

    def _list(self) -> Query:
        terms = [self.key()]
        while not self.cursor.skip(b")"):
            self.cursor.space()
            terms.append(self.key())
        return query.all_of(terms)

    def _count(self) -> None:
        self._keys += 1
        if self._keys > self._limits.list_items:
            raise BadSyntax("Too many search keys")


# --- keys that hold keys -------------------------------------------------------------------------------


def _or(reader: KeyReader) -> Query:
    """ "OR" SP search-key SP search-key. Each OR that stands for a key brings one more key to read."""
    terms: list[Query] = []
    missing = 2
    while missing:
        reader.cursor.space()
        term = reader.key_unless("OR")
        if term is None:
            missing += 1
        else:
            terms.append(term)
            missing -= 1
    return query.any_of(terms)


def _not(reader: KeyReader) -> Query:
    """ "NOT" SP search-key"""
    is_negated = True
    while True:
        reader.cursor.space()
        term = reader.key_unless("NOT")
        if term is not None:
            return query.negate(term) if is_negated else term
        is_negated = not is_negated


# --- keys with one argument ----------------------------------------------------------------------------

ReadKey = Callable[[KeyReader], Query]
"""Reads what follows a key's name."""


def _always(key: Query) -> ReadKey:
    return lambda reader: key


def _with(name: str) -> ReadKey:
    return _always(query.HasFlag(name))


def _without(name: str) -> ReadKey:
    return _always(query.negate(query.HasFlag(name)))


def _keyword(reader: KeyReader) -> Query:
    """SP flag-keyword; flag-keyword = "$MDNSent" / "$Forwarded" / "$Junk" / "$NotJunk" / "$Phishing" / atom"""
    reader.cursor.space()
    return query.HasFlag(reader.cursor.atom().decode("ascii"))


def _dated(make: Callable[[datetime.date], Query]) -> ReadKey:
    """SP date"""

    def read(reader: KeyReader) -> Query:
        reader.cursor.space()
        return make(reader.cursor.date())

    return read


def _sized(make: Callable[[int], Query]) -> ReadKey:
    """SP number64"""

    def read(reader: KeyReader) -> Query:
        reader.cursor.space()
        return make(reader.cursor.number64())

    return read


def _interval(make: Callable[[int], Query]) -> ReadKey:
    """SP nz-number (RFC 5032 section 3)"""

    def read(reader: KeyReader) -> Query:
        reader.cursor.space()
        return make(reader.cursor.nz_number())

    return read


def _text(make: Callable[[str], Query]) -> ReadKey:
    """SP astring"""
    return lambda reader: make(reader.text())


def _address(name: str) -> ReadKey:
    """SP astring"""
    return lambda reader: query.Address(name, reader.text())


def _header(reader: KeyReader) -> Query:
    """SP header-fld-name SP astring; header-fld-name = astring"""
    reader.cursor.space()
    raw_name = reader.cursor.astring()
    return query.Header(raw_name.decode("latin-1"), reader.text())


def _uid(reader: KeyReader) -> Query:
    """SP sequence-set"""
    reader.cursor.space()
    read = reader.cursor.sequence_set()
    return query.Saved() if read.is_saved_result else query.Uids(read.pairs)


def _uid_bound(bounds: Callable[[int], tuple[int, int]]) -> ReadKey:
    """SP uniqueid (RFC 9738): those above it, or below. Unlike a range of UIDs, none when there are none."""

    def read(reader: KeyReader) -> Query:
        reader.cursor.space()
        low, high = bounds(reader.cursor.nz_number())
        return query.Uids(((low, high),) if low <= high else ())

    return read


def _object_id(make: Callable[[str], Query]) -> ReadKey:
    """SP objectid; objectid = 1*255(ALPHA / DIGIT / "_" / "-") (RFC 8474 section 7)"""

    def read(reader: KeyReader) -> Query:
        reader.cursor.space()
        raw_id = reader.cursor.atom()
        if not _OBJECT_ID.fullmatch(raw_id):
            raise BadSyntax("An object id has up to 255 letters, digits, - and _")
        return make(raw_id.decode("ascii"))

    return read


def _modseq(reader: KeyReader) -> Query:
    """[search-modseq-ext] SP mod-sequence-valzer (RFC 7162 section 7)

    search-modseq-ext = SP entry-name SP entry-type-req; entry-name = DQUOTE "/flags/" attr-flag DQUOTE;
    entry-type-req = "priv" / "shared" / "all"
    """
    cursor = reader.cursor
    cursor.space()
    name = kind = ""
    if cursor.peek() == b'"':
        name = cursor.string().decode("latin-1").lower()
        cursor.space()
        kind = cursor.word()
        if not name.startswith("/flags/") or kind not in ("PRIV", "SHARED", "ALL"):
            raise BadSyntax('Expected "/flags/name" and priv, shared or all')
        cursor.space()
    return query.ModSeq(cursor.number64(), name, kind)


_UNSEEN: Final = query.negate(query.HasFlag(flags.SEEN))

SEARCH_KEYS: Final[Mapping[str, ReadKey]] = {
    "ALL": _always(query.All()),
    "ANSWERED": _with(flags.ANSWERED),
    "BCC": _address("Bcc"),
    "BEFORE": _dated(query.Before),
    "BODY": _text(query.Body),
    "CC": _address("Cc"),
    "DELETED": _with(flags.DELETED),
    "DRAFT": _with(flags.DRAFT),
    "EMAILID": _object_id(query.EmailId),
    "FILTER": KeyReader.filter,
    "FLAGGED": _with(flags.FLAGGED),
    "FROM": _address("From"),
    "FUZZY": lambda reader: reader.nested(KeyReader.fuzzy),
    "HEADER": _header,
    "KEYWORD": _keyword,
    "LARGER": _sized(query.Larger),
    "MODSEQ": _modseq,
    "NEW": _always(query.all_of((query.Recent(), _UNSEEN))),
    "NOT": lambda reader: reader.nested(_not),
    "OLD": _always(query.negate(query.Recent())),
    "OLDER": _interval(query.Older),
    "ON": _dated(query.On),
    "OR": lambda reader: reader.nested(_or),
    "RECENT": _always(query.Recent()),
    "SAVEDATESUPPORTED": _always(query.All()),
    "SAVEDBEFORE": _dated(query.SavedBefore),
    "SAVEDON": _dated(query.SavedOn),
    "SAVEDSINCE": _dated(query.SavedSince),
    "SEEN": _with(flags.SEEN),
    "SENTBEFORE": _dated(query.SentBefore),
    "SENTON": _dated(query.SentOn),
    "SENTSINCE": _dated(query.SentSince),
    "SINCE": _dated(query.Since),
    "SMALLER": _sized(query.Smaller),
    "SUBJECT": lambda reader: query.Header("Subject", reader.text()),
    "TEXT": _text(query.Text),
    "THREADID": _object_id(query.ThreadId),
    "TO": _address("To"),
    "UID": _uid,
    "UIDAFTER": _uid_bound(lambda uid: (uid + 1, MAX_NUMBER)),
    "UIDBEFORE": _uid_bound(lambda uid: (1, uid - 1)),
    "UNANSWERED": _without(flags.ANSWERED),
    "UNDELETED": _without(flags.DELETED),
    "UNDRAFT": _without(flags.DRAFT),
    "UNFLAGGED": _without(flags.FLAGGED),
    "UNKEYWORD": lambda reader: query.negate(_keyword(reader)),
    "UNSEEN": _always(_UNSEEN),
    "YOUNGER": _interval(query.Younger),
}
