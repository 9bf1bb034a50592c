"""Header fields by name, from a raw header block: HEADER.FIELDS, HEADER.FIELDS.NOT, SEARCH HEADER.

Must never: change the bytes of a field that is sent. RFC 9051 section 6.4.5.1: "The field-matching is ASCII-range case
insensitive but is otherwise exact"; the subset always ends with an empty line.
"""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Collection

from pillarbox.mime.heads import unfold


class FieldChoice(enum.Enum):
    """Whether the named fields are wanted, or all but them."""

    ONLY = "HEADER.FIELDS"
    EXCEPT = "HEADER.FIELDS.NOT"


def select_fields(header: bytes, names: Collection[bytes], choice: FieldChoice) -> bytes:
    """The chosen fields of a header block as they are, in their order, then an empty line (CRLF)."""
    fields = b"\n" + _lines(header)
    pattern = _fields_named(frozenset(name.lower() for name in names))
    if choice is FieldChoice.EXCEPT:
        return pattern.sub(b"", fields)[1:] + b"\r\n"
    chosen = b"".join([match[0] for match in pattern.finditer(fields)])
    return chosen[1:] + b"\n\r\n" if chosen else b"\r\n"


def field_values(header: bytes, name: bytes) -> list[bytes]:
    """The raw unfolded values of all fields of that name, in order, without white space around them."""
    pattern = _fields_named(frozenset((name.lower(),)))
    fields = b"\n" + _lines(header)
    return [unfold(match[0]).partition(b":")[2].strip(b" \t\r\n") for match in pattern.finditer(fields)]


def _lines(header: bytes) -> bytes:
    """The header's lines, the last one ended too, without the empty one."""
    if header.endswith(b"\n\r\n"):
        return header[:-2]
    if header.endswith(b"\n\n"):
        return header[:-1]
    if header in (b"", b"\n", b"\r\n"):
        return b""
    return header if header.endswith(b"\n") else header + b"\r\n"


@functools.lru_cache(maxsize=256)
def _fields_named(names: frozenset[bytes]) -> re.Pattern[bytes]:
    """Matches a whole field with its folded lines, from the line feed before it to before its own.

    A cache of immutable values, not state: clients ask for the same few lists again and again.
    """
    alternatives = b"|".join(re.escape(name) for name in sorted(names)) or b"(?!)"
    return re.compile(rb"\n(?:%b)[ \t]*:[^\n]*+(?:\n[ \t][^\n]*+)*+" % alternatives, re.IGNORECASE)
