"""One message as SEARCH looks at it: decoded header and body, and the same as one text to be indexed.

Whoever verifies and whoever indexes read through the same classes, so an index can't miss what a reader finds.
RFC 9051 section 6.4.4: transfer encodings, charsets and encoded words are decoded before anything is compared.

Must never: raise on any bytes, or decode more of a message than was asked for.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pillarbox.mime.addresses import read_addresses
from pillarbox.mime.dates import sent_date
from pillarbox.mime.fields import field_values
from pillarbox.mime.heads import unfold
from pillarbox.mime.html import html_to_text, may_show
from pillarbox.mime.parts import PartMap
from pillarbox.mime.pieces import WHOLE_BYTES, part_pieces
from pillarbox.mime.text import HTML_SUBTYPES, decode_header_text, part_source
from pillarbox.search.casemap import casemap_header, casemap_pieces
from pillarbox.search.fuzzy import Vocabulary
from pillarbox.store.contract import Content

_MOST_ADDRESSES: Final = 1_000
"""Of one field, that are looked at one by one; the field's text is searched whole."""

_MOST_ASKED: Final = 8
"""Needles, and words of each, that HTML is asked about before it is read: asking for many takes as long as reading."""

_SEARCHED_TYPES: Final = ("text", "message")
"""RFC 9051 section 6.4.4: other kinds of parts may be left out."""

# field = field-name ":" unstructured CRLF; ftext = %d33-57 / %d59-126 (RFC 5322 section 2.2)
_FIELD: Final = re.compile(rb"\n([!-9;-~]++)([ \t]*):([^\n]*+(?:\n[ \t][^\n]*+)*+)")

SEPARATOR: Final = "\x01"
"""Between texts that are indexed as one. Whoever looks for it can't be helped by an index."""
REPLACEMENT: Final = "\x02"
"""For what SQLite can't keep in a text: NUL, and halves of surrogate pairs that broken charsets leave."""
UNKEPT: Final = re.compile("[\x00-\x02\ufffd-\uffff\ud800-\udfff]")
"""Characters that are not indexed as they are."""
_REPLACED: Final = re.compile("[\x00\ud800-\udfff]")

ADDRESS_FIELDS: Final = ("from", "to", "cc", "bcc")


class MessageHeader:
    """See search.corpus.HeaderTexts."""

    __slots__ = ("raw_header",)

    def __init__(self, raw_header: bytes) -> None:
        self.raw_header = raw_header

    def values(self, name: str) -> Sequence[str]:
        return [decode_header_text(raw) for raw in self._raw_values(name)]

    def addresses(self, name: str) -> Sequence[str]:
        """The field as it reads, and each address as the ENVELOPE has it: without comments, quotes and folds."""
        texts = []
        for raw in self._raw_values(name):
            texts.append(decode_header_text(raw))
            for address in read_addresses(raw, _MOST_ADDRESSES):
                texts.append(_address_text(address.name, address.mailbox, address.host))
        return texts

    def whole(self) -> str:
        return decode_header_text(self.raw_header)

    def sent_date(self) -> datetime.date | None:
        sent = sent_date(self.raw_header)
        return None if sent is None else datetime.date(*sent)

    def differing_fields(self) -> Iterator[tuple[str, str]]:
        """Name and value of the fields that may read otherwise alone than within the whole, in order: with encoded
        words, with white space before the colon, and all when the header isn't ASCII."""
        is_ascii = self.raw_header.isascii()
        for match in _FIELD.finditer(b"\n" + self.raw_header):
            if match[2] or not is_ascii or b"=?" in match[0]:
                yield match[1].decode("ascii"), decode_header_text(unfold(match[3]).strip(b" \t\r\n"))

    def _raw_values(self, name: str) -> list[bytes]:
        return field_values(self.raw_header, name.encode("latin-1", "replace"))


class MessageBody:
    """See search.corpus.BodyTexts."""

    __slots__ = ("_content", "_parts")

    def __init__(self, raw_parts: bytes, content: Content) -> None:
        self._parts = PartMap.unpack(raw_parts)
        self._content = content

    def part_headers(self) -> Iterator[str]:
        """MIME headers, and headers of forwarded messages, in the order in which they stand there."""
        spans = self._parts.inner_headers()
        message = self._content.whole() if spans else b""
        return (decode_header_text(bytes(message[start:end])) for start, end in spans)

    def texts(self) -> Iterator[Iterator[str]]:
        """Text parts, and what mail systems report; "this doesn't match any header fields" (RFC 9051, BODY)."""
        message = self._content.whole()
        return (part_pieces(message, part) for part in self._parts.leaves() if part.type in _SEARCHED_TYPES)

    def texts_with(self, needles: Sequence[str]) -> Iterator[Iterator[str]]:
        """The same without HTML that shows none of the needles as it stands there, which is told in no time."""
        message = self._content.whole()
        words = [needle.split()[:_MOST_ASKED] for needle in needles]
        for part in self._parts.leaves():
            if part.type not in _SEARCHED_TYPES:
                continue
            if part.subtype not in HTML_SUBTYPES or part.size > WHOLE_BYTES or len(words) > _MOST_ASKED:
                yield part_pieces(message, part)
                continue
            source = part_source(message, part)
            folded = source.lower() if source.isascii() else ""
            if not folded or any(may_show(folded, asked) for asked in words):
                yield iter((html_to_text(source),))

    def encoded_size_bytes(self) -> int:
        """How large the parts are that `texts` would decode."""
        return sum(part.size for part in self._parts.leaves() if part.type in _SEARCHED_TYPES)


@dataclass(frozen=True, slots=True)
class IndexText:
    """One message in the form in which texts are compared, pieces divided by SEPARATOR.

    What a search key compares is a substring of these, unless it holds a character of UNKEPT: the value of any
    field lies in `header` or `header_extras`, the header as a whole and each part's in `header`, each of the
    body's texts in `body`.
    """

    fields: Mapping[str, str]
    """Subject, and the address fields as MessageHeader.addresses() has them, by lower-case name; those there are."""
    header: str
    header_extras: str
    """Readings of the header that differ from the whole: fields decoded alone, addresses, names of fields."""
    body: str

    def values(self, name: str) -> Sequence[str]:
        """See search.fuzzy.Fields."""
        return (self.fields[name],) if name in self.fields else ()


def vocabulary_of(text: IndexText) -> Vocabulary:
    """The words of a message whose texts are at hand."""
    vocabulary = Vocabulary()
    vocabulary.add_header(text)
    for _ in vocabulary.add_texts((text.body,)):
        pass
    return vocabulary


def vocabulary_read(header: MessageHeader, body: MessageBody) -> Vocabulary:
    """The words of a message that is too large to have its texts at hand."""
    vocabulary = Vocabulary()
    vocabulary.add_header(header)
    for text in body.texts():
        for _ in vocabulary.add_texts(text):
            pass
    return vocabulary


def index_text(header: MessageHeader, body: MessageBody) -> IndexText:
    """What is to be indexed of a message."""
    whole = casemap_header(header.whole())
    fields = {name: _joined(map(casemap_header, texts)) for name, texts in _searched_fields(header) if texts}
    extras = [text for text in fields.values() if text not in whole]
    for name, value in header.differing_fields():
        extras += [piece for piece in (name.lower() + ":", casemap_header(value)) if piece not in whole]
    headings = _joined((whole, *map(casemap_header, body.part_headers())))
    texts = ("".join(casemap_pieces(text, 0)) for text in body.texts())
    return IndexText(fields, headings, _joined(extras), _joined(texts))


def _searched_fields(header: MessageHeader) -> Iterator[tuple[str, Sequence[str]]]:
    yield "subject", header.values("subject")
    for name in ADDRESS_FIELDS:
        yield name, header.addresses(name)


def _joined(pieces: Iterable[str]) -> str:
    text = SEPARATOR.join(pieces)
    return text.replace("\x00", REPLACEMENT) if text.isascii() else _REPLACED.sub(REPLACEMENT, text)


def _address_text(name: bytes | None, mailbox: bytes | None, host: bytes | None) -> str:
    address = (mailbox or b"") + (b"@" + host if host else b"")
    text = decode_header_text(name) + " " if name else ""
    return f"{text}<{address.decode('utf-8', 'replace')}>"
