"""How far somebody knows an account: for each mailbox its name, UIDVALIDITY, UIDNEXT and mod-sequence.

As text it is a `Last-Event-ID`: made by us, given back by anybody, so it is read with suspicion.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import dataclass
from typing import Final

MAX_TEXT: Final = 8_000
"""Of a position as text: a request's header has 16 KB at most. That is several hundred mailboxes."""
_MAX_BYTES: Final = 1024 * 1024


class PositionUnreadable(ValueError):
    """No position of ours."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a mailbox is known."""

    name: str
    uidvalidity: int
    uidnext: int
    modseq: int


Position = dict[int, Place]
"""By mailbox id."""


def to_json(position: Position) -> str:
    return json.dumps({str(id): [p.name, p.uidvalidity, p.uidnext, p.modseq] for id, p in position.items()})


def from_json(text: str | bytes) -> Position:
    """Raises PositionUnreadable."""
    try:
        found = {}
        for id, (name, *numbers) in json.loads(text).items():
            uidvalidity, uidnext, modseq = (_number(each) for each in numbers)
            if not isinstance(name, str):
                raise PositionUnreadable("a name is a text")
            found[_number(int(id))] = Place(name, uidvalidity, uidnext, modseq)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise PositionUnreadable("not what was given out") from error
    return found


def to_text(position: Position) -> str | None:
    """ASCII without spaces; None when it is too long."""
    packed = zlib.compress(to_json(position).encode(), 6)
    text = base64.urlsafe_b64encode(packed).decode()
    return text if len(text) <= MAX_TEXT else None


def from_text(text: str) -> Position:
    """Raises PositionUnreadable."""
    if len(text) > MAX_TEXT:
        raise PositionUnreadable("too long")
    try:
        unpacking = zlib.decompressobj()
        data = unpacking.decompress(base64.urlsafe_b64decode(text.encode("ascii")), _MAX_BYTES)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise PositionUnreadable("not what was given out") from error
    return from_json(data)


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise PositionUnreadable("a number is missing")
    return value
