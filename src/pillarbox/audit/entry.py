"""One entry of the audit log: a line of JSON that holds the hash of the line before it, its own, and a seal.

    {"number":7,"time":"...","event":"login.denied","by":"server","pid":1,"fields":{...},"previous":"<64 hex>",
     "hash":"<64 hex>","seal":"<32 hex>"}

The hash is SHA-256 of the line's bytes up to (not with) `,"hash"`; so it is checked byte by byte, and no two writings
of the same JSON are the same entry.

Must never: be written other than by `sealed_line`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pillarbox.audit.sealing import SealKey
from pillarbox.events import Field

NO_HASH: Final = "0" * 64
"""What the first entry has before it."""

MOST_CHARACTERS: Final = 300
"""Of a text in a field: what clients say of themselves is no longer, and no entry may fill a file."""

_SUFFIX_BYTES: Final = len(',"hash":"","seal":""}') + 64 + 32


@dataclass(frozen=True, slots=True)
class Happening:
    """What an entry tells, before it has its place in the log."""

    seconds: float
    """Since 1970."""
    event: str
    by: str
    """`server`, or who typed the command."""
    pid: int
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it was read."""

    number: int
    time: str
    event: str
    by: str
    pid: int
    fields: Mapping[str, Field]
    previous: str
    hash: str
    seal: str


class EntryBroken(Exception):
    """A line is no entry. The text says what is wrong with it."""


def sealed_line(happening: Happening, number: int, previous: str, key: SealKey, time: str) -> tuple[bytes, str]:
    """The line, with its end, and its hash."""
    body = json.dumps(
        {
            "number": number,
            "time": time,
            "event": happening.event,
            "by": happening.by,
            "pid": happening.pid,
            "fields": {name: _short(value) for name, value in happening.fields.items()},
            "previous": previous,
        },
        separators=(",", ":"),
    ).encode()[:-1]
    digest = hashlib.sha256(body)
    return body + _suffix(digest.hexdigest(), key.seal(digest.digest())) + b"\n", digest.hexdigest()


def read_entry(line: bytes) -> Entry:
    """The entry in a line without its end. Raises EntryBroken when it is none, or its hash does not fit."""
    try:
        value = json.loads(line)
        entry = Entry(**value)
    except (ValueError, TypeError, RecursionError) as error:
        raise EntryBroken("it is not an entry") from error
    if not isinstance(entry.number, int) or not isinstance(entry.fields, dict):
        raise EntryBroken("it is not an entry")
    texts = (entry.time, entry.event, entry.by, entry.previous, entry.hash, entry.seal)
    if not all(isinstance(each, str) for each in texts):
        raise EntryBroken("it is not an entry")
    if hashlib.sha256(line[:-_SUFFIX_BYTES]).hexdigest() != entry.hash:
        raise EntryBroken("it was changed: its hash does not fit")
    if line[-_SUFFIX_BYTES:] != _suffix(entry.hash, entry.seal):
        raise EntryBroken("it was changed: it does not end with its hash and its seal")
    return entry


def _suffix(digest: str, seal: str) -> bytes:
    return f',"hash":"{digest}","seal":"{seal}"}}'.encode()


def _short(value: Field) -> Field:
    if isinstance(value, str) and len(value) > MOST_CHARACTERS:
        return value[: MOST_CHARACTERS - 1] + "…"
    return value
