"""The part of BER that LDAP uses: one-octet tags and definite lengths (RFC 4511 section 5.1; X.690 section 8).

Must never: read past the end of an element, or take a size from the wire without a bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
BOOLEAN: Final = 0x01
ENUMERATED: Final = 0x0A
SEQUENCE: Final = 0x30
SET: Final = 0x31

_MAX_LENGTH_OCTETS: Final = 4
_MAX_INTEGER_OCTETS: Final = 8


class Malformed(ValueError):
    """Not BER as LDAP has it."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element as it was read."""

    tag: int
    content: bytes

    def children(self) -> Iterator[Element]:
        """What a constructed element holds. Raises Malformed."""
        at = 0
        while at < len(self.content):
            element, at = _read(self.content, at)
            yield element

    def number(self) -> int:
        """The content of an INTEGER or ENUMERATED. Raises Malformed."""
        if self.tag not in (INTEGER, ENUMERATED) or not 0 < len(self.content) <= _MAX_INTEGER_OCTETS:
            raise Malformed("a number was expected")
        return int.from_bytes(self.content, "big", signed=True)

    def octets(self) -> bytes:
        """The content of an OCTET STRING. Raises Malformed."""
        if self.tag != OCTET_STRING:
            raise Malformed("an octet string was expected")
        return self.content


def element(tag: int, *parts: bytes) -> bytes:
    """An element of these contents."""
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + content


def number(value: int, tag: int = INTEGER) -> bytes:
    """A number that is not negative, in the fewest octets."""
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(value: bytes, tag: int = OCTET_STRING) -> bytes:
    """An octet string."""
    return element(tag, value)


def whole_size(data: bytes | bytearray, most: int) -> int | None:
    """How many octets the first element of `data` takes in all; None until enough is there to tell.

    Raises Malformed, also for more than `most`.
    """
    head = _header(data, 0)
    if head is None:
        return None
    start, length = head
    if start + length > most:
        raise Malformed("larger than anything that was asked for")
    return start + length


def parse(data: bytes) -> Element:
    """The one element that `data` is. Raises Malformed."""
    found, end = _read(data, 0)
    if end != len(data):
        raise Malformed("something follows the element")
    return found


def _read(data: bytes, at: int) -> tuple[Element, int]:
    head = _header(data, at)
    if head is None or head[0] + head[1] > len(data):
        raise Malformed("an element is cut off")
    start, length = head
    return Element(data[at], data[start : start + length]), start + length


def _header(data: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """Where the content begins and how long it is."""
    if len(data) < at + 2:
        return None
    if data[at] & 0x1F == 0x1F:
        raise Malformed("a tag of several octets")
    first = data[at + 1]
    if first < 0x80:
        return at + 2, first
    count = first & 0x7F
    if not 0 < count <= _MAX_LENGTH_OCTETS:
        raise Malformed("an indefinite or endless length")
    if len(data) < at + 2 + count:
        return None
    return at + 2 + count, int.from_bytes(data[at + 2 : at + 2 + count], "big")
