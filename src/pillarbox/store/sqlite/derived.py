"""What is computed from a message's bytes, and the tables that keep it: a row of each for a content, or none yet.

Each table lies apart so that reading one for a whole mailbox reads nothing else. Must never: know how it is computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import apsw

from pillarbox.store.contract import DigestField
from pillarbox.store.digesting import Digest

Pieces = tuple[bytes, ...]

DERIVED: Final[Mapping[str, Mapping[DigestField, str]]] = {
    "digest": {
        DigestField.ENVELOPE: "envelope",
        DigestField.BODYSTRUCTURE: "bodystructure",
        DigestField.BODY: "body",
        DigestField.PARTS: "parts",
    },
    "sort_keys": {DigestField.SORT_KEYS: "sort_keys"},
    "common_fields": {DigestField.COMMON_FIELDS: "common_fields"},
}
"""Table -> its fields and columns, which stand behind the content's id in this order."""

FIELDS: Final = tuple(field for columns in DERIVED.values() for field in columns)


def pieces_of(digest: Digest) -> Pieces:
    """A digest in the order of FIELDS."""
    return tuple(getattr(digest, field.value) for field in FIELDS)


def keep_derived(connection: apsw.Connection, content: int, pieces: Pieces) -> None:
    """Keep what was computed of a message's bytes, unless they are gone or it was kept before."""
    first = 0
    for table, columns in DERIVED.items():
        marks = ", ".join("?" * len(columns))
        connection.execute(
            f"INSERT OR IGNORE INTO {table} SELECT id, {marks} FROM content WHERE id = ?",  # noqa: S608 - constants
            (*pieces[first : first + len(columns)], content),
        )
        first += len(columns)
