"""The tree of entities in a message, as byte offsets. One pass, no recursion, nothing copied but headers.

Must never: raise on any bytes, or take more time than the message's size times the depth limit. RFC 2046 section 5.1:

    dash-boundary     := "--" boundary
    delimiter         := CRLF dash-boundary
    close-delimiter   := delimiter "--"

Of a delimiter line only its beginning is compared (section 5.1.1); among the open multiparts the longest boundary
that fits wins, among equals the innermost. A bare LF ends a line as well as CRLF does. The line end before a
delimiter belongs to the delimiter.

How it stays linear: each open multipart knows the offset of its next delimiter, and an inner one looks for its own
only up to the outer one's. So each byte is searched once for each multipart that it lies in.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pillarbox.mime.content import CONTENT_FIELDS, Content, embedded_message, opaque, plain_text, read_content
from pillarbox.mime.envelope import ENVELOPE_FIELDS, write_envelope
from pillarbox.mime.heads import Buffer, Head, HeadEnd, find_head_end, read_fields
from pillarbox.mime.limits import MimeLimits

_MESSAGE_FIELDS: Final = CONTENT_FIELDS | ENVELOPE_FIELDS
_COUNT_CHUNK: Final = 1 << 20


class Kind(enum.IntEnum):
    """What an entity holds. The numbers are kept in part maps: never renumber."""

    LEAF = 0
    MULTIPART = 1
    MESSAGE = 2


@dataclass(slots=True)
class Entity:
    """One entity: the message itself, a part, or the message inside a message/rfc822 part."""

    parent: int
    """Index in the list of entities; -1 for the first."""
    kind: Kind
    content: Content
    header_start: int
    body_start: int
    body_end: int = -1
    lines: int = 0
    """Line ends in the body; counted for text and for messages."""
    envelope: bytes = b""
    """Of entities that are messages: the first, and the child of each MESSAGE."""
    children: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Delimiter:
    """An open multipart's boundary."""

    owner: int
    mark: bytes
    """LF, two dashes, boundary."""
    next_at: int
    """Where the next delimiter of this multipart or of one around it begins; the message's size when there is none."""


def scan(buffer: Buffer, limits: MimeLimits) -> list[Entity]:
    """The entities of a message in the order in which they begin; the first is the message itself."""
    return _Scanner(buffer, limits).scan()


def count_lines(buffer: Buffer, start: int, end: int) -> int:
    """Line feeds from `start` to `end`."""
    if isinstance(buffer, (bytes, bytearray)):
        return buffer.count(b"\n", start, end)
    return sum(
        buffer[at : min(at + _COUNT_CHUNK, end)].count(b"\n") for at in range(start, max(start, end), _COUNT_CHUNK)
    )


class _Scanner:
    """The state of one pass."""

    __slots__ = (
        "_buffer",
        "_counted_lines",
        "_counted_to",
        "_delimiters",
        "_entities",
        "_limits",
        "_messages_open",
        "_path",
        "_size",
    )

    def __init__(self, buffer: Buffer, limits: MimeLimits) -> None:
        self._buffer = buffer
        self._size = len(buffer)
        self._limits = limits
        self._entities: list[Entity] = []
        self._path: list[int] = []
        """Entities that are open, outermost first."""
        self._delimiters: list[_Delimiter] = []
        self._messages_open = 0
        self._counted_to = 0
        self._counted_lines = 0

    def scan(self) -> list[Entity]:
        start: int | None = 0
        while start is not None:
            self._open(start)
            start = self._next_part()
        self._close_down_to(-1, self._size)
        for index, entity in enumerate(self._entities[:]):
            if entity.kind is Kind.MULTIPART and not entity.children:
                self._add_empty_part(index, entity.body_start)
        return self._entities

    # --- opening ---------------------------------------------------------------------------------

    def _open(self, start: int) -> None:
        """Read the entity that begins at `start`, and those that begin where a body does."""
        delimiter_at = self._delimiters[-1].next_at if self._delimiters else self._size
        end = self._end_before(delimiter_at, start)
        reach = max(start, min(delimiter_at + 1, self._size))
        holds_message = True
        while holds_message:
            parent = self._path[-1] if self._path else -1
            # The empty line behind the header may be the line end that a delimiter begins with.
            head = find_head_end(self._buffer, start, reach, self._limits.header_bytes)
            if head.ended_by is HeadEnd.NO_MORE:
                head = Head(max(start, end), HeadEnd.NO_MORE)
            raw_header = bytes(self._buffer[start : head.end])
            if parent < 0 or self._entities[parent].kind is Kind.MESSAGE:
                fields = read_fields(raw_header, _MESSAGE_FIELDS)
                entity = Entity(parent, Kind.LEAF, self._message_content(fields), start, head.end)
                entity.envelope = write_envelope(fields, self._limits)
            else:
                fields = read_fields(raw_header, CONTENT_FIELDS)
                entity = Entity(parent, Kind.LEAF, self._part_content(fields, parent), start, head.end)
            self._add(entity)
            holds_message = self._descend(entity, head.ended_by)
            start = head.end
            reach = max(start, reach)

    def _message_content(self, fields: Mapping[bytes, list[bytes]]) -> Content:
        """Without MIME-Version and Content-Type a message is no MIME (RFC 2045 section 4).

        An encoding is believed all the same: BINARY and SEARCH decode, so clients must know too.
        """
        if b"content-type" not in fields and b"mime-version" not in fields:
            fields = {name: values for name, values in fields.items() if name == b"content-transfer-encoding"}
        return read_content(fields, plain_text(), self._limits)

    def _part_content(self, fields: Mapping[bytes, list[bytes]], parent: int) -> Content:
        in_digest = self._entities[parent].content.subtype.lower() == b"digest"
        return read_content(fields, embedded_message() if in_digest else plain_text(), self._limits)

    def _add(self, entity: Entity) -> None:
        index = len(self._entities)
        self._entities.append(entity)
        if entity.parent >= 0:
            self._entities[entity.parent].children.append(index)
        self._path.append(index)

    def _descend(self, entity: Entity, head_ended_by: HeadEnd) -> bool:
        """Decide what an entity holds and prepare for it. True when a message begins with its body."""
        content = entity.content
        major = content.type.lower()
        if major == b"multipart":
            entity.kind = Kind.MULTIPART
        elif major == b"message" and content.subtype.lower() in (b"rfc822", b"global"):
            entity.kind = Kind.MESSAGE
        elif major != b"text":
            return False
        if entity.kind is not Kind.LEAF and self._is_past_limits(head_ended_by):
            entity.kind = Kind.LEAF
            entity.content = opaque()
            return False
        if entity.kind is Kind.MULTIPART:
            self._await_delimiter(entity, head_ended_by)
            return False
        if not self._messages_open:
            self._counted_to = entity.body_start
        entity.lines = self._lines_before(entity.body_start)
        if entity.kind is Kind.MESSAGE:
            self._messages_open += 1
        return entity.kind is Kind.MESSAGE

    def _is_past_limits(self, head_ended_by: HeadEnd) -> bool:
        return (
            head_ended_by is HeadEnd.LIMIT
            or len(self._path) > self._limits.depth
            or len(self._entities) >= self._limits.parts
        )

    def _await_delimiter(self, entity: Entity, head_ended_by: HeadEnd) -> None:
        boundary = (entity.content.parameter(b"boundary") or b"").rstrip()
        if boundary and head_ended_by is HeadEnd.EMPTY_LINE:
            self._delimiters.append(_Delimiter(self._path[-1], b"\n--" + boundary, -1))
            self._seek(-1, entity.body_start - 1)

    def _add_rest(self, start: int) -> None:
        """One opaque part for all that is left."""
        self._delimiters.clear()
        self._add(Entity(self._path[-1], Kind.LEAF, opaque(), start, start))

    def _add_empty_part(self, parent: int, at: int) -> None:
        """IMAP has no multipart without parts: show an empty text there, as other servers do."""
        self._entities[parent].children.append(len(self._entities))
        self._entities.append(Entity(parent, Kind.LEAF, plain_text(), at, at, at))

    # --- closing ---------------------------------------------------------------------------------

    def _next_part(self) -> int | None:
        """Go to the next delimiter that begins a part; None when there is none."""
        while self._delimiters:
            at = self._delimiters[-1].next_at
            if at >= self._size:
                return None
            position = self._position_of_owner(at)
            delimiter = self._delimiters[position]
            del self._delimiters[position + 1 :]
            self._close_down_to(delimiter.owner, at)
            behind = at + len(delimiter.mark)
            is_last = self._buffer[behind : behind + 2] == b"--"
            if is_last:
                self._delimiters.pop()
            line_end = self._buffer.find(b"\n", behind, self._size)
            if line_end < 0:
                line_end = self._size
            self._seek(at, line_end)
            if is_last:
                continue
            start = min(line_end + 1, self._size)
            if len(self._entities) < self._limits.parts:
                return start
            self._add_rest(start)
        return None

    def _position_of_owner(self, at: int) -> int:
        """Which of the open multiparts the delimiter line at `at` belongs to: position in the list of delimiters."""
        best = -1
        longest = 0
        for position in range(len(self._delimiters) - 1, -1, -1):
            delimiter = self._delimiters[position]
            if delimiter.next_at != at:
                break
            length = len(delimiter.mark)
            if length > longest and self._buffer[at : at + length] == delimiter.mark:
                best, longest = position, length
        return best

    def _seek(self, behind: int, start: int) -> None:
        """Let all whose next delimiter is no further than `behind` look for it again, from `start` on."""
        limit = self._size
        for delimiter in self._delimiters:
            if delimiter.next_at <= behind:
                mark = delimiter.mark
                found = self._buffer.find(mark, start, min(limit + len(mark), self._size))
                delimiter.next_at = found if found >= 0 else limit
            limit = delimiter.next_at

    def _close_down_to(self, owner: int, at: int) -> None:
        """Close all entities inside the entity `owner` before the delimiter at `at`."""
        while self._path and self._path[-1] != owner:
            entity = self._entities[self._path.pop()]
            # An empty part may begin behind the line end that the delimiter around it begins with.
            floor = self._entities[entity.children[-1]].body_end if entity.children else entity.body_start
            entity.body_end = self._end_before(at, floor)
            if entity.kind is Kind.MESSAGE:
                self._messages_open -= 1
            elif entity.kind is Kind.MULTIPART or entity.content.type.lower() != b"text":
                continue
            entity.lines = self._lines_before(entity.body_end) - entity.lines

    def _end_before(self, at: int, floor: int) -> int:
        """The end of what stands before the delimiter at `at`: its line end is not part of it."""
        if floor < at < self._size and self._buffer[at - 1 : at] == b"\r":
            at -= 1
        return max(at, floor)

    def _lines_before(self, at: int) -> int:
        """Lines counted so far. Asked for ascending offsets, so each byte is counted once at most."""
        if at > self._counted_to:
            self._counted_lines += count_lines(self._buffer, self._counted_to, at)
            self._counted_to = at
        return self._counted_lines
