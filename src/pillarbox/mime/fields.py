"""Header fields by name, from a raw header block: HEADER.FIELDS, HEADER.FIELDS.NOT, SEARCH HEADER.

Must never: change the bytes of a field that is sent. RFC 9051 section 6.4.5.1: "The field-matching is ASCII-range case
insensitive but is otherwise exact", and the empty line that ends the header "is included in all header fetches, except
in the case of a message that has no body and no blank line".
"""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Callable, Collection

from pillarbox.mime.heads import unfold


class FieldChoice(enum.Enum):
    """Whether the named fields are wanted, or all but them."""

    ONLY = "HEADER.FIELDS"
    EXCEPT = "HEADER.FIELDS.NOT"


def field_selector(names: Collection[bytes], choice: FieldChoice) -> Callable[[bytes], bytes]:
    """A function that gives the chosen fields of a header block as they are, in their order, then an empty line (CRLF)
    when the header has one. Made once for many headers."""
    lower_names = frozenset(name.lower() for name in names)
    if choice is FieldChoice.EXCEPT:
        drop = _fields_named(lower_names).sub
        return lambda header: drop(b"", b"\n" + _lines(header))[1:] + _empty_line(header)
    find, find_runs = _fields_named(lower_names).findall, _runs_named(lower_names).findall
    join = b"".join

    def select(header: bytes) -> bytes:
        if header[-3:] == b"\n\r\n":  # nearly all there are
            return join((*find_runs(b"\n" + header), b"\r\n"))
        chosen = join(find(b"\n" + _lines(header)))
        return (chosen[1:] + b"\n" if chosen else b"") + _empty_line(header)

    return select


def field_values(header: bytes, name: bytes) -> list[bytes]:
    """The raw unfolded values of all fields of that name, in order, without white space around them."""
    found: list[bytes] = _fields_named(frozenset((name.lower(),))).findall(b"\n" + header)
    return [unfold(field).partition(b":")[2].strip(b" \t\r\n") for field in found]


def _lines(header: bytes) -> bytes:
    """The header's lines, the last one ended too, without the empty one."""
    if header.endswith(b"\n\r\n"):
        return header[:-2]
    if header.endswith(b"\n\n"):
        return header[:-1]
    if header in (b"", b"\n", b"\r\n"):
        return b""
    return header if header.endswith(b"\n") else header + b"\r\n"


def _empty_line(header: bytes) -> bytes:
    """What the subset ends with."""
    return b"\r\n" if header in (b"\n", b"\r\n") or header.endswith((b"\n\r\n", b"\n\n")) else b""


@functools.lru_cache(maxsize=256)
def _fields_named(names: frozenset[bytes]) -> re.Pattern[bytes]:
    """Matches a whole field with its folded lines, from the line feed before it to before its own.

    A cache of immutable values, not state: clients ask for the same few lists again and again.
    """
    alternatives = b"|".join(re.escape(name) for name in sorted(names)) or b"(?!)"
    return re.compile(rb"\n(?:%b)[ \t]*:[^\n]*+(?:\n[ \t][^\n]*+)*+" % alternatives, re.IGNORECASE)


@functools.lru_cache(maxsize=256)
def _runs_named(names: frozenset[bytes]) -> re.Pattern[bytes]:
    """Finds the same fields, as many at once as stand together, each with its line end: what is found costs more than
    what is read. A cache as above.
    """
    alternatives = b"|".join(re.escape(name) for name in sorted(names)) or b"(?!)"
    return re.compile(rb"\n((?:(?:%b)[ \t]*:[^\n]*+\n(?:[ \t][^\n]*+\n)*+)++)" % alternatives, re.IGNORECASE)
