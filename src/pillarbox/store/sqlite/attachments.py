"""Texts of attachments in the index of one account: which there are, whose turn it is, and what was read.

Attachments are noted with the message that they are in, and read later, one by one, outside of any transaction. A try
is written down before it begins, so that a file that brings the machine down is not tried for ever. When the last one
of a message has been read, the words of all go to the index for fuzzy searches; the texts themselves are not kept.

Must never: be asked by exact searches: RFC 9051's BODY and TEXT mean text parts.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import apsw

from pillarbox.extract.kinds import Kind, kind_of
from pillarbox.mime.binary import UnknownEncoding, decode_body
from pillarbox.mime.fields import field_values
from pillarbox.mime.html import html_to_text
from pillarbox.mime.limits import MimeLimits
from pillarbox.mime.parameters import read_disposition, read_media_type
from pillarbox.mime.parts import Part, PartMap
from pillarbox.mime.text import decode_header_text, decode_text
from pillarbox.store.contract import Content
from pillarbox.store.sqlite.fuzzy_index import add_attachment_text

SCHEMA: Final = """
CREATE TABLE attachment (content INTEGER, part TEXT, kind TEXT NOT NULL, state INTEGER NOT NULL,
    tries INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (content, part)) WITHOUT ROWID;
CREATE INDEX attachment_waiting ON attachment (content, part) WHERE state = 0;
"""

_MOST_TRIES: Final = 3
_MOST_ATTACHMENTS: Final = 50
"""Of one message that are read: a year's invoices."""
_PLAIN_BYTES: Final = 1024 * 1024
"""Of a plain or HTML attachment, from the beginning, as it stands in the message."""
_LIMITS: Final = MimeLimits()


class State(enum.IntEnum):
    """Of one attachment."""

    WAITING = 0
    READ = 1
    UNREADABLE = 2


@dataclass(frozen=True, slots=True)
class Attachment:
    """One that has text."""

    part: str
    """As in FETCH BODY[2.1]."""
    kind: Kind
    text: str | None
    """None: it takes a process to read it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An attachment whose turn has come."""

    content: int
    part: str
    kind: Kind


def attachments_in(raw_parts: bytes, message: Content) -> list[Attachment]:
    """The attachments of a message that have text; plain and HTML ones are read at once."""
    found = []
    for part in PartMap.unpack(raw_parts).leaves():
        kind = kind_of(part.type, part.subtype, _file_name(message, part)) if part.type == "application" else None
        if kind is not None:
            text = None if kind.needs_process else _decoded(message, part, kind)
            found.append(Attachment(".".join(map(str, part.path)), kind, text))
            if len(found) == _MOST_ATTACHMENTS:
                break
    return found


def note_attachments(index: apsw.Connection, content: int, found: Sequence[Attachment]) -> None:
    """Remember the attachments of a new content, within a transaction."""
    for one in found:
        state = State.WAITING if one.text is None else State.READ
        row = (content, one.part, one.kind.value, state, one.text or "")
        index.execute("INSERT INTO attachment (content, part, kind, state, tries, text) VALUES (?, ?, ?, ?, 0, ?)", row)
    if any(one.text for one in found):
        _index_words(index, content)


def next_waiting(index: apsw.Connection) -> Waiting | None:
    """Begin a try at the attachment that waits longest, within a transaction. What was tried too often is given up."""
    while True:
        row = index.execute(
            "SELECT content, part, kind, tries FROM attachment WHERE state = 0 ORDER BY content, part LIMIT 1"
        ).fetchone()
        if row is None:
            return None
        content, part, kind, tries = row
        if tries >= _MOST_TRIES:
            keep_text(index, Waiting(content, part, Kind(kind)), None)
            continue
        index.execute("UPDATE attachment SET tries = tries + 1 WHERE content = ? AND part = ?", (content, part))
        return Waiting(content, part, Kind(kind))


def give_back_try(index: apsw.Connection, begun: Waiting) -> None:
    """A try that was none: nobody looked at the attachment. Within a transaction."""
    where = (begun.content, begun.part)
    index.execute("UPDATE attachment SET tries = max(0, tries - 1) WHERE content = ? AND part = ?", where)


def keep_text(index: apsw.Connection, read: Waiting, text: str | None) -> None:
    """Remember what an attachment says, or (None) that it can't be read, within a transaction."""
    index.execute(
        "UPDATE attachment SET state = ?, text = ? WHERE content = ? AND part = ?",
        (State.UNREADABLE if text is None else State.READ, text or "", read.content, read.part),
    )
    if not index.execute("SELECT count(*) FROM attachment WHERE content = ? AND state = 0", (read.content,)).get:
        _index_words(index, read.content)


def _index_words(index: apsw.Connection, content: int) -> None:
    """Give the words of what was read to the fuzzy index. Texts are kept only while others of the message wait."""
    rows = index.execute("SELECT state, text FROM attachment WHERE content = ? ORDER BY part", (content,)).fetchall()
    index.execute("DELETE FROM attachment_terms WHERE rowid = ?", (content,))
    text = "\n".join(str(text) for _, text in rows if text)
    if text:
        add_attachment_text(index, content, text)
    if all(state != State.WAITING for state, _ in rows):
        index.execute("UPDATE attachment SET text = '' WHERE content = ?", (content,))


def forget_attachments(index: apsw.Connection, contents: Collection[int]) -> None:
    """Forget those of contents that are gone, within a transaction. Their words are fuzzy_index.remove_terms'."""
    index.executemany("DELETE FROM attachment WHERE content = ?", ((content,) for content in contents))


def raw_attachment(raw_parts: bytes, message: Content, waiting: Waiting) -> bytes | None:
    """The attachment without its transfer encoding; None when there is no such part."""
    part = PartMap.unpack(raw_parts).part(tuple(map(int, waiting.part.split("."))))
    return None if part is None else _bytes_of(message, part, part.size)


def count_attachments(index: apsw.Connection) -> Sequence[int]:
    """How many were read, can't be read, and wait."""
    rows = index.execute("SELECT state, count(*) FROM attachment GROUP BY state")
    counts = {int(state): int(count) for state, count in rows}
    return [counts.get(state, 0) for state in (State.READ, State.UNREADABLE, State.WAITING)]


def _file_name(message: Content, part: Part) -> str:
    """RFC 2183 section 2.3; the parameter `name` of the media type where mailers put it before."""
    header = bytes(message.whole()[part.header.start : part.header.end])
    for values, read in (
        (field_values(header, b"content-disposition"), read_disposition),
        (field_values(header, b"content-type"), read_media_type),
    ):
        said = read(values[0], _LIMITS) if values else None
        for name, value in said.parameters if said else ():
            if name.lower().rstrip(b"*") in (b"filename", b"name"):
                return decode_header_text(value)
    return ""


def _bytes_of(message: Content, part: Part, most_bytes: int) -> bytes:
    data = bytes(message.whole()[part.body.start : min(part.body.end, part.body.start + most_bytes)])
    try:
        return decode_body(data, part.encoding)
    except UnknownEncoding:
        return data


def _decoded(message: Content, part: Part, kind: Kind) -> str:
    text = decode_text(_bytes_of(message, part, _PLAIN_BYTES), "binary", part.charset)
    text = text.replace("\x00", " ").encode("utf-8", "replace").decode()
    return html_to_text(text) if kind is Kind.HTML else text


__all__ = [
    "SCHEMA",
    "Attachment",
    "Waiting",
    "attachments_in",
    "count_attachments",
    "forget_attachments",
    "give_back_try",
    "keep_text",
    "next_waiting",
    "note_attachments",
    "raw_attachment",
]
