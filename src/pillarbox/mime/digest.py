"""What is computed once from a message's bytes and kept ready to send.

Must never: raise on any bytes, or copy a large message. The pieces: scan.py finds the entities, envelope.py and
structure.py write them for IMAP, parts.py keeps where they are.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import Final

from pillarbox.mime.common_fields import common_fields
from pillarbox.mime.heads import Buffer, find_head_end
from pillarbox.mime.limits import MimeLimits
from pillarbox.mime.parts import pack_parts
from pillarbox.mime.scan import scan
from pillarbox.mime.sort_keys import pack_sort_keys
from pillarbox.mime.structure import write_structure

_DEFAULT_LIMITS: Final = MimeLimits()


@dataclass(frozen=True, slots=True)
class Digest:
    """Of one message. The first three are IMAP's, ready to be sent, with their outer parentheses."""

    envelope: bytes
    bodystructure: bytes
    body: bytes
    parts: bytes
    """For PartMap.unpack()."""
    sort_keys: bytes
    """For unpack_sort_keys()."""
    common_fields: bytes
    """See common_fields.py."""
    header_size: int
    """Bytes of the header block with the empty line that ends it."""


def digest(message: bytes | memoryview | mmap.mmap, limits: MimeLimits = _DEFAULT_LIMITS) -> Digest:
    """The digest of a message; any bytes are one."""
    buffer = searchable_buffer(message)
    entities = scan(buffer, limits)
    structure = write_structure(entities)
    root = entities[0]
    header = bytes(buffer[: root.body_start])
    return Digest(
        root.envelope,
        structure.bodystructure,
        structure.body,
        pack_parts(entities),
        pack_sort_keys(header),
        common_fields(header),
        root.body_start,
    )


def header_size(message: bytes | memoryview | mmap.mmap, limits: MimeLimits = _DEFAULT_LIMITS) -> int:
    """Digest.header_size alone, which is quick."""
    return find_head_end(searchable_buffer(message), 0, len(message), limits.header_bytes).end


def searchable_buffer(message: bytes | memoryview | mmap.mmap) -> Buffer:
    """The message as an object that can be searched. A view of a whole object is that object; a view of
    a piece of one is copied."""
    if not isinstance(message, memoryview):
        return message
    whole = message.obj
    if isinstance(whole, (bytes, bytearray, mmap.mmap)) and len(whole) == message.nbytes and message.c_contiguous:
        return whole
    return bytes(message)
