"""BODYSTRUCTURE of one part of a message (RFC 5524 BODYPARTSTRUCTURE).

Must never: recurse. The whole message's is made when it arrives (structure.py); this one is asked for rarely.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pillarbox.mime.digest import searchable_buffer
from pillarbox.mime.limits import MimeLimits
from pillarbox.mime.parts import Part
from pillarbox.mime.scan import scan
from pillarbox.mime.structure import write_structure

_DEFAULT_LIMITS: Final = MimeLimits()


def structure_of_part(message: bytes | memoryview, part: Part, limits: MimeLimits = _DEFAULT_LIMITS) -> bytes | None:
    """The body of the grammar, with extension data; None when the message has no such part within the limits."""
    entities = scan(searchable_buffer(message), limits)
    for first, entity in enumerate(entities):
        where = (entity.header_start, entity.body_start, entity.body_end)
        if where == (part.header.start, part.body.start, part.body.end):
            inside = {first}
            for index in range(first + 1, len(entities)):
                if entities[index].parent not in inside:
                    break
                inside.add(index)
            own = entities[first : first + len(inside)]
            moved = [replace(each, children=[child - first for child in each.children]) for each in own]
            return write_structure(moved).bodystructure
    return None
