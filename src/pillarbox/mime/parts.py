"""Where the sections of a message are: kept with it, so that FETCH never parses again.

Must never: point outside of the message. RFC 9051 section 6.4.5.1 (RFC 3501 section 6.4.5) for the meaning of part
numbers. Packed: one byte of version, then for each entity a fixed record and four short strings.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from pillarbox.mime.content import Content
from pillarbox.mime.scan import Entity, Kind

Path = tuple[int, ...]
"""Part numbers, from 1, as in `4.2.1`; empty for the message itself."""

_VERSION: Final = 1
_RECORD: Final = struct.Struct("<iBQQQBBBB")
"""Parent (-1 for the first), kind, header start, body start, body end, lengths of the four strings behind it."""
_MAX_STRING: Final = 255


class SectionText(enum.Enum):
    """What of a part is asked for."""

    WHOLE = "BODY[]"
    HEADER = "HEADER"
    TEXT = "TEXT"
    MIME = "MIME"


class Span(NamedTuple):
    """Byte offsets into the message; `end` is exclusive."""

    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Part:
    """One part as its number names it."""

    path: Path
    kind: Kind
    type: str
    """Lower case, as are the next three."""
    subtype: str
    charset: str
    """Empty when none is said."""
    encoding: str
    header: Span
    body: Span

    @property
    def size(self) -> int:
        """Bytes of the body as it stands in the message, encoded."""
        return self.body.end - self.body.start


class _Entry(NamedTuple):
    kind: Kind
    header_start: int
    body_start: int
    body_end: int
    strings: tuple[str, str, str, str]
    children: list[int]


def pack_parts(entities: Sequence[Entity]) -> bytes:
    """The part map of scanned entities."""
    packed = [bytes((_VERSION,))]
    for entity in entities:
        strings = _strings(entity.content)
        packed.append(
            _RECORD.pack(
                entity.parent,
                entity.kind,
                entity.header_start,
                entity.body_start,
                entity.body_end,
                *map(len, strings),
            )
        )
        packed.extend(strings)
    return b"".join(packed)


def _strings(content: Content) -> tuple[bytes, bytes, bytes, bytes]:
    charset = content.parameter(b"charset")
    if charset is None:
        charset = (content.parameter(b"charset*") or b"").rpartition(b"'")[2]
    texts = (content.type, content.subtype, charset, content.encoding)
    type_, subtype, charset, encoding = (text[:_MAX_STRING].lower() for text in texts)
    return type_, subtype, charset, encoding


class PartMap:
    """The entities of one message, ready to be asked."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Sequence[_Entry]) -> None:
        self._entries = entries

    @classmethod
    def unpack(cls, data: bytes) -> PartMap:
        """Of what pack_parts() made. Raises ValueError for anything else."""
        if data[:1] != bytes((_VERSION,)):
            raise ValueError("unknown version of part map")
        entries: list[_Entry] = []
        at = 1
        while at < len(data):
            try:
                parent, kind, header_start, body_start, body_end, *lengths = _RECORD.unpack_from(data, at)
            except struct.error as error:
                raise ValueError("part map is cut off") from error
            at += _RECORD.size
            strings: list[str] = []
            for length in lengths:
                strings.append(data[at : at + length].decode("latin-1"))
                at += length
            type_, subtype, charset, encoding = strings
            if parent >= 0:
                entries[parent].children.append(len(entries))
            entry = _Entry(Kind(kind), header_start, body_start, body_end, (type_, subtype, charset, encoding), [])
            entries.append(entry)
        if not entries or at != len(data):
            raise ValueError("part map is cut off")
        return cls(entries)

    def locate(self, path: Path, text: SectionText) -> Span | None:
        """The bytes of a section, or None when there is no such part or it has no such text.

        HEADER and TEXT exist for the message (empty path) and for message/rfc822 parts, MIME for any part.
        """
        if not path:
            message = self._entries[0]
        else:
            index = self._find(path)
            if index is None:
                return None
            entry = self._entries[index]
            if text is SectionText.WHOLE:
                return Span(entry.body_start, entry.body_end)
            if text is SectionText.MIME:
                return Span(entry.header_start, entry.body_start)
            if entry.kind is not Kind.MESSAGE:
                return None
            message = self._entries[entry.children[0]]
        match text:
            case SectionText.WHOLE:
                return Span(message.header_start, message.body_end)
            case SectionText.HEADER:
                return Span(message.header_start, message.body_start)
            case SectionText.TEXT:
                return Span(message.body_start, message.body_end)
            case SectionText.MIME:
                return None

    def part(self, path: Path) -> Part | None:
        """The part of that number; the message itself, as an entity, for the empty path."""
        index = self._find(path) if path else 0
        return None if index is None else self._part(index, path)

    def leaves(self) -> Iterator[Part]:
        """All parts that hold no others, in order; also those inside forwarded messages."""
        return (part for part in self.parts() if part.kind is Kind.LEAF)

    def inner_headers(self) -> list[Span]:
        """The header blocks of all entities but the message's own, in the order in which they stand there."""
        own, *inner = self._entries
        spans = {Span(entry.header_start, entry.body_start) for entry in inner}
        return sorted(spans - {(own.header_start, own.body_start)})

    def parts(self) -> Iterator[Part]:
        """All parts that have a number, each before those inside it."""
        waiting: list[tuple[int, Path]] = self._numbered_in_message(0, ())
        while waiting:
            index, path = waiting.pop()
            yield self._part(index, path)
            entry = self._entries[index]
            if entry.kind is Kind.MULTIPART:
                waiting += self._numbered(entry.children, path)
            elif entry.kind is Kind.MESSAGE:
                waiting += self._numbered_in_message(entry.children[0], path)

    def _numbered_in_message(self, index: int, path: Path) -> list[tuple[int, Path]]:
        """The parts right below a message, last first: those of its multipart, or itself as part 1."""
        entry = self._entries[index]
        return self._numbered(entry.children if entry.kind is Kind.MULTIPART else [index], path)

    @staticmethod
    def _numbered(children: Sequence[int], path: Path) -> list[tuple[int, Path]]:
        return [(child, (*path, number)) for number, child in enumerate(children, 1)][::-1]

    def _find(self, path: Path) -> int | None:
        """The entity of a number that is not empty."""
        below: Sequence[int] = self._below_message(0)
        found = None
        for number in path:
            if not 1 <= number <= len(below):
                return None
            found = below[number - 1]
            entry = self._entries[found]
            if entry.kind is Kind.MULTIPART:
                below = entry.children
            elif entry.kind is Kind.MESSAGE:
                below = self._below_message(entry.children[0])
            else:
                below = ()
        return found

    def _below_message(self, index: int) -> Sequence[int]:
        entry = self._entries[index]
        return entry.children if entry.kind is Kind.MULTIPART else (index,)

    def _part(self, index: int, path: Path) -> Part:
        entry = self._entries[index]
        header = Span(entry.header_start, entry.body_start)
        return Part(path, entry.kind, *entry.strings, header, Span(entry.body_start, entry.body_end))
