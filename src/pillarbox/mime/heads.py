"""Header blocks: where one ends, and the unfolded values of the fields that are asked for.

Must never: decode anything, or take more than linear time. RFC 5322 sections 2.2 and 4.5, tolerant: a name may be
followed by white space, lines may end with a bare LF, lines that are no field are passed over.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import NamedTuple, Protocol


class Buffer(Protocol):
    """What a message is read from: bytes, bytearray or mmap."""

    def find(self, needle: bytes, start: int, end: int, /) -> int: ...
    def rfind(self, needle: bytes, start: int, end: int, /) -> int: ...
    def __len__(self) -> int: ...
    def __getitem__(self, key: slice, /) -> bytes | bytearray: ...


class HeadEnd(enum.Enum):
    """What ended a header block."""

    EMPTY_LINE = 1
    """As it should be."""
    NO_MORE = 2
    """The message, or the part around it, ended first."""
    LIMIT = 3
    """It is too long."""


class Head(NamedTuple):
    end: int
    """The offset behind the empty line, where the body begins."""
    ended_by: HeadEnd


def find_head_end(buffer: Buffer, start: int, end: int, limit_bytes: int) -> Head:
    """Where the header block that begins at `start` ends, no further than `end`.

    The empty line may be the very first. When there is none within `limit_bytes`, the block ends behind the last
    whole line within them.
    """
    reach = min(end, start + limit_bytes)
    opening = buffer[start : min(start + 2, reach)]
    if opening[:1] == b"\n":
        return Head(start + 1, HeadEnd.EMPTY_LINE)
    if opening == b"\r\n":
        return Head(start + 2, HeadEnd.EMPTY_LINE)
    crlf = buffer.find(b"\n\r\n", start, reach)
    bare = buffer.find(b"\n\n", start, reach if crlf < 0 else crlf + 1)
    if bare >= 0:
        return Head(bare + 2, HeadEnd.EMPTY_LINE)
    if crlf >= 0:
        return Head(crlf + 3, HeadEnd.EMPTY_LINE)
    if reach == end:
        return Head(end, HeadEnd.NO_MORE)
    last_line_end = buffer.rfind(b"\n", start, reach)
    return Head(reach if last_line_end < 0 else last_line_end + 1, HeadEnd.LIMIT)


def unfold(header: bytes) -> bytes:
    """The header with every field on one line: line ends before white space taken out, the white space kept."""
    header = header.replace(b"\r\n ", b" ").replace(b"\r\n\t", b"\t")
    if b"\n " in header or b"\n\t" in header:
        header = header.replace(b"\n ", b" ").replace(b"\n\t", b"\t")
    return header


def read_fields(header: bytes, wanted: Collection[bytes]) -> dict[bytes, list[bytes]]:
    """The raw unfolded values of the fields with the `wanted` lower-case names, by name, in the order they came.

    White space before a value is dropped, behind it kept.
    """
    found: dict[bytes, list[bytes]] = {}
    for line in unfold(header).split(b"\n"):
        name, colon, value = line.partition(b":")
        name = name.lower()
        if name not in wanted:
            name = name.rstrip(b" \t")
            if name not in wanted:
                continue
        if colon:
            value = value.lstrip(b" \t").removesuffix(b"\r")
            if name in found:
                found[name].append(value)
            else:
                found[name] = [value]
    return found
