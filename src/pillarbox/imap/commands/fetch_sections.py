"""The sections of a message in FETCH: BODY[...], RFC822, BINARY[...] (RFC 9051 section 6.4.5.1, RFC 3516).

Offsets come from the part map that was computed when the message arrived (mime/parts.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from pillarbox.imap.commands.fetch_batch import Batch, Slice
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.writer import astring
from pillarbox.mime.binary import UnknownEncoding, decode_body
from pillarbox.mime.common_fields import COMMON_FIELDS
from pillarbox.mime.fields import FieldChoice, field_selector
from pillarbox.mime.parts import PartMap, SectionText, Span
from pillarbox.store.contract import Content, DigestField

_BARE_LF: Final = re.compile(rb"(?<!\r)\n")


@dataclass(frozen=True, slots=True)
class Partial:
    """`<first.count>`; count None for all the rest."""

    first: int
    count: int

    def cut(self, start: int, end: int) -> tuple[int, int]:
        """The part of the octets start..end that is asked for."""
        begin = min(start + self.first, end)
        return begin, min(begin + self.count, end)


# partial = "<" number64 "." nz-number64 ">"
def _parse_partial(cursor: Cursor) -> Partial | None:
    if not cursor.skip(b"<"):
        return None
    first = cursor.number64()
    cursor.expect(b".")
    count = cursor.number64()
    cursor.expect(b">")
    if count == 0:
        raise BadSyntax("A partial fetch needs a length above 0")
    return Partial(first, count)


# section-part = nz-number *("." nz-number)
def _parse_path(cursor: Cursor) -> tuple[tuple[int, ...], bool]:
    """The part numbers, and whether a dot follows them."""
    path: list[int] = []
    while cursor.peek().isdigit():
        path.append(cursor.nz_number())
        if not cursor.skip(b"."):
            return tuple(path), False
    return tuple(path), bool(path)


def _literal(data: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(data), data)


def _literals(many: Iterable[bytes]) -> list[bytes]:
    """The same for each of very many."""
    return [b"{%d}\r\n%b" % (len(data), data) for data in many]


def _content_value(batch: Batch, content: Content, start: int, end: int) -> bytes | Slice:
    """A literal: whole when small, else to be streamed."""
    if end - start > batch.share_bytes:
        batch.has_slices = True
        return Slice(content, start, end)
    return _literal(content.read(start, end))


@dataclass(frozen=True, slots=True)
class BodySection:
    """BODY[section]<partial>."""

    label: bytes
    path: tuple[int, ...]
    text: SectionText
    partial: Partial | None
    sets_seen: bool
    is_number = False

    @property
    def content(self) -> bool:
        return not self._is_header

    @property
    def fields(self) -> tuple[DigestField, ...]:
        if self._is_header:
            return (DigestField.HEADER,)
        return (DigestField.PARTS,) if self.path or self.text is not SectionText.WHOLE else ()

    @property
    def _is_header(self) -> bool:
        return not self.path and self.text is SectionText.HEADER

    def column(self, batch: Batch) -> Sequence[bytes | Slice]:
        """One literal (or NIL) for each message."""
        if self._is_header:
            return _literals(map(self._cut_bytes, batch.digests[DigestField.HEADER]))
        if not self.fields:
            return [self._value(batch, content, Span(0, content.size_bytes)) for content in batch.contents]
        maps = batch.digests[DigestField.PARTS]
        return [
            self._value(batch, content, PartMap.unpack(parts).locate(self.path, self.text))
            for content, parts in zip(batch.contents, maps, strict=True)
        ]

    def _value(self, batch: Batch, content: Content, span: Span | None) -> bytes | Slice:
        if span is None:
            return b"NIL"
        start, end = self.partial.cut(span.start, span.end) if self.partial else (span.start, span.end)
        return _content_value(batch, content, start, end)

    def _cut_bytes(self, data: bytes) -> bytes:
        if self.partial is None:
            return data
        start, end = self.partial.cut(0, len(data))
        return data[start:end]


@dataclass(frozen=True, slots=True)
class FieldsSection:
    """BODY[HEADER.FIELDS (...)] and .NOT, of the message or of an enclosed one."""

    label: bytes
    path: tuple[int, ...]
    names: tuple[bytes, ...]
    choice: FieldChoice
    partial: Partial | None
    sets_seen: bool
    is_number = False

    @property
    def content(self) -> bool:
        return bool(self.path)

    @property
    def fields(self) -> tuple[DigestField, ...]:
        return (DigestField.PARTS,) if self.path else (self._header,)

    @property
    def _header(self) -> DigestField:
        """Where the fields of the message itself are: the common ones lie apart."""
        common = self.choice is FieldChoice.ONLY and COMMON_FIELDS.issuperset(map(bytes.lower, self.names))
        return DigestField.COMMON_FIELDS if common else DigestField.HEADER

    def column(self, batch: Batch) -> Sequence[bytes]:
        """One literal (or NIL) for each message."""
        select = field_selector(self.names, self.choice)
        if not self.path:
            chosen = map(select, batch.digests[self._header])
            return _literals(chosen if self.partial is None else map(self._cut, chosen))
        values = []
        for content, parts in zip(batch.contents, batch.digests[DigestField.PARTS], strict=True):
            span = PartMap.unpack(parts).locate(self.path, SectionText.HEADER)
            values.append(b"NIL" if span is None else _literal(self._cut(select(content.read(span.start, span.end)))))
        return values

    def _cut(self, data: bytes) -> bytes:
        if self.partial is None:
            return data
        start, end = self.partial.cut(0, len(data))
        return data[start:end]


# section = "[" [section-spec] "]"; section-spec = section-msgtext / (section-part ["." section-text])
# section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"; section-text = section-msgtext / "MIME"
def parse_body(cursor: Cursor, session: Session, *, peek: bool) -> BodySection | FieldsSection:
    """What follows BODY or BODY.PEEK."""
    cursor.expect(b"[")
    path, dot = _parse_path(cursor)
    number = b".".join(b"%d" % each for each in path)
    if not dot and (path or cursor.peek() == b"]"):
        cursor.expect(b"]")
        return _whole(cursor, b"BODY[%b]" % number, path, SectionText.WHOLE, peek=peek)
    word = cursor.word()
    prefix = number + b"." if path else b""
    if word in ("HEADER.FIELDS", "HEADER.FIELDS.NOT"):
        choice = FieldChoice.EXCEPT if word.endswith("NOT") else FieldChoice.ONLY
        cursor.space()
        names = _parse_header_list(cursor, session)
        cursor.expect(b"]")
        partial = _parse_partial(cursor)
        listed = b" ".join(map(astring, names))
        label = b"BODY[%b%b (%b)]%b" % (prefix, word.encode("ascii"), listed, _origin(partial))
        return FieldsSection(label, path, names, choice, partial, not peek)
    if word not in ("HEADER", "TEXT", "MIME") or (word == "MIME" and not path):
        raise BadSyntax("Unknown section")
    cursor.expect(b"]")
    return _whole(cursor, b"BODY[%b%b]" % (prefix, word.encode("ascii")), path, SectionText[word], peek=peek)


def _whole(cursor: Cursor, label: bytes, path: tuple[int, ...], text: SectionText, *, peek: bool) -> BodySection:
    partial = _parse_partial(cursor)
    return BodySection(label + _origin(partial), path, text, partial, not peek)


def _origin(partial: Partial | None) -> bytes:
    return b"" if partial is None else b"<%d>" % partial.first


# header-list = "(" header-fld-name *(SP header-fld-name) ")"
def _parse_header_list(cursor: Cursor, session: Session) -> tuple[bytes, ...]:
    cursor.expect(b"(")
    names = [cursor.astring()]
    while not cursor.skip(b")"):
        cursor.space()
        names.append(cursor.astring())
        if len(names) > session.services.limits.list_items:
            raise BadSyntax("Too many header names")
    return tuple(names)


@dataclass(frozen=True, slots=True)
class BinarySection:
    """BINARY[part]<partial>: the transfer encoding undone."""

    label: bytes
    path: tuple[int, ...]
    partial: Partial | None
    sets_seen: bool
    is_number = False
    content = True
    fields = (DigestField.PARTS,)

    def column(self, batch: Batch) -> Sequence[bytes]:
        """A literal, or a literal8 where there is a NUL; NIL where there is no such part."""
        maps = batch.digests[DigestField.PARTS]
        return [self._value(batch, content, parts) for content, parts in zip(batch.contents, maps, strict=True)]

    def _value(self, batch: Batch, content: Content, parts: bytes) -> bytes:
        data = batch.decoded_once(content, self.path, partial(decoded_part, content, parts, self.path))
        if data is None:
            return b"NIL"
        if self.partial is not None:
            start, end = self.partial.cut(0, len(data))
            data = data[start:end]
        return (b"~" if b"\0" in data else b"") + _literal(data)


@dataclass(frozen=True, slots=True)
class BinarySize:
    """BINARY.SIZE[part]: how many octets BINARY[part] has."""

    label: bytes
    path: tuple[int, ...]
    sets_seen = False
    is_number = True
    content = True
    fields = (DigestField.PARTS,)

    def column(self, batch: Batch) -> Sequence[int]:
        """0 where there is no such part: the grammar has no NIL here."""
        maps = batch.digests[DigestField.PARTS]
        return [
            len(batch.decoded_once(content, self.path, partial(decoded_part, content, parts, self.path)) or b"")
            for content, parts in zip(batch.contents, maps, strict=True)
        ]


# section-binary = "[" [section-part] "]"
def _parse_binary_path(cursor: Cursor) -> tuple[tuple[int, ...], bytes]:
    cursor.expect(b"[")
    path, dot = _parse_path(cursor)
    if dot:
        raise BadSyntax("A part number can't end in a dot")
    cursor.expect(b"]")
    return path, b".".join(b"%d" % each for each in path)


def parse_binary(cursor: Cursor, *, peek: bool) -> BinarySection:
    """What follows BINARY or BINARY.PEEK."""
    path, number = _parse_binary_path(cursor)
    partial = _parse_partial(cursor)
    return BinarySection(b"BINARY[%b]%b" % (number, _origin(partial)), path, partial, not peek)


def parse_binary_size(cursor: Cursor) -> BinarySize:
    """What follows BINARY.SIZE."""
    path, number = _parse_binary_path(cursor)
    return BinarySize(b"BINARY.SIZE[%b]" % number, path)


def decoded_part(content: Content, parts: bytes, path: tuple[int, ...]) -> bytes | None:
    """The decoded octets of a part; whole messages and multiparts have no encoding of their own.

    Text goes out with CRLF line ends whatever it came with: "servers MUST ensure that" (RFC 9051 section 7.5.2).
    """
    part_map = PartMap.unpack(parts)
    span = part_map.locate(path, SectionText.WHOLE)
    if span is None:
        return None
    data = content.read(span.start, span.end)
    part = part_map.part(path) if path else None
    if part is None:
        return data
    try:
        decoded = decode_body(data, part.encoding)
    except UnknownEncoding:
        raise Refused("The part has a transfer encoding that is not known here", "UNKNOWN-CTE") from None
    return _BARE_LF.sub(b"\r\n", decoded) if part.type == "text" else decoded


def rfc822_column(batch: Batch) -> Sequence[bytes | Slice]:
    """RFC822: the message."""
    return [_content_value(batch, content, 0, content.size_bytes) for content in batch.contents]


def rfc822_header_column(batch: Batch) -> Sequence[bytes]:
    """RFC822.HEADER"""
    return _literals(batch.digests[DigestField.HEADER])


def rfc822_text_column(batch: Batch) -> Sequence[bytes | Slice]:
    """RFC822.TEXT"""
    values: list[bytes | Slice] = []
    for content, parts in zip(batch.contents, batch.digests[DigestField.PARTS], strict=True):
        span = PartMap.unpack(parts).locate((), SectionText.TEXT) or Span(0, 0)
        values.append(_content_value(batch, content, span.start, span.end))
    return values
