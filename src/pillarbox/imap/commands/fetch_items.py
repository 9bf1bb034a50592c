"""The items that FETCH knows: an open table. Adding one is a row in FETCH_ITEMS."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pillarbox.imap.commands.fetch_batch import Batch
from pillarbox.imap.commands.fetch_sections import (
    parse_binary,
    parse_binary_size,
    parse_body,
    rfc822_column,
    rfc822_header_column,
    rfc822_text_column,
)
from pillarbox.imap.commands.objectid import thread_column
from pillarbox.imap.commands.preview import preview_column, skip_modifiers
from pillarbox.imap.features import Feature
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.dates import render_date_time
from pillarbox.store.contract import DigestField


@dataclass(frozen=True, slots=True)
class FetchItem:
    """One item of a FETCH: what it needs and how it renders a batch."""

    label: bytes
    """What it is called in the response; items of one label are one item."""
    template: bytes
    """Its part of the response line, with one `%d` or `%b` for a value of the column."""
    column: Callable[[Batch], Sequence[Any]]  # Any: int for %d, bytes or Slice for %b
    fields: tuple[DigestField, ...] = ()
    content: bool = False
    sets_seen: bool = False
    enables_condstore: bool = False


def _flags(batch: Batch) -> list[bytes]:
    flags, view = batch.view.image.flags, batch.view
    plain = [flags[row].wire for row in batch.rows]
    if Feature.IMAP4REV2 in batch.session.features or not view.recent_count():
        return plain
    return [
        (wire + b" \\Recent" if wire else b"\\Recent") if view.is_recent(uid) else wire
        for wire, uid in zip(plain, batch.uids, strict=True)
    ]


def _dates(batch: Batch) -> list[bytes]:
    image = batch.view.image
    seconds, zones = image.date_seconds, image.date_zones
    return [render_date_time(seconds[row], zones[row]) for row in batch.rows]


def _save_dates(batch: Batch) -> list[bytes]:
    """RFC 8514 section 4.2, in UTC, as SAVEDON and its like count days: the server's own zone changes twice a year."""
    seconds = batch.view.image.save_seconds
    return [render_date_time(seconds[row], 0) for row in batch.rows]


def _modseqs(batch: Batch) -> list[int]:
    modseqs = batch.view.image.modseqs
    return [modseqs[row] for row in batch.rows]


def _sizes(batch: Batch) -> list[int]:
    sizes = batch.view.image.sizes
    return [sizes[row] for row in batch.rows]


def _digest_item(name: bytes, field: DigestField) -> FetchItem:
    return FetchItem(name, name + b" %b", lambda batch: batch.digests[field], (field,))


UID_ITEM: Final = FetchItem(b"UID", b"UID %d", lambda batch: batch.uids)
FLAGS_ITEM: Final = FetchItem(b"FLAGS", b"FLAGS (%b)", _flags)
_INTERNALDATE: Final = FetchItem(b"INTERNALDATE", b"INTERNALDATE %b", _dates)
_SIZE: Final = FetchItem(b"RFC822.SIZE", b"RFC822.SIZE %d", _sizes)
_MODSEQ: Final = FetchItem(b"MODSEQ", b"MODSEQ (%d)", _modseqs, enables_condstore=True)
_ENVELOPE: Final = _digest_item(b"ENVELOPE", DigestField.ENVELOPE)
_BODY: Final = _digest_item(b"BODY", DigestField.BODY)

_SIMPLE: Final[Mapping[str, FetchItem]] = {
    "UID": UID_ITEM,
    "FLAGS": FLAGS_ITEM,
    "INTERNALDATE": _INTERNALDATE,
    "RFC822.SIZE": _SIZE,
    "MODSEQ": _MODSEQ,
    "SAVEDATE": FetchItem(b"SAVEDATE", b"SAVEDATE %b", _save_dates),
    "EMAILID": FetchItem(
        b"EMAILID", b"EMAILID (%b)", lambda batch: batch.digests[DigestField.EMAIL_ID], (DigestField.EMAIL_ID,)
    ),
    "THREADID": FetchItem(b"THREADID", b"THREADID (%b)", thread_column, (DigestField.HEADER, DigestField.EMAIL_ID)),
    "ENVELOPE": _ENVELOPE,
    "BODYSTRUCTURE": _digest_item(b"BODYSTRUCTURE", DigestField.BODYSTRUCTURE),
    "RFC822": FetchItem(b"RFC822", b"RFC822 %b", rfc822_column, content=True, sets_seen=True),
    "RFC822.HEADER": FetchItem(b"RFC822.HEADER", b"RFC822.HEADER %b", rfc822_header_column, (DigestField.HEADER,)),
    "RFC822.TEXT": FetchItem(
        b"RFC822.TEXT", b"RFC822.TEXT %b", rfc822_text_column, (DigestField.PARTS,), content=True, sets_seen=True
    ),
}

CHANGED_ITEMS: Final = (_MODSEQ,)
"""What CHANGEDSINCE adds (RFC 7162 section 3.1.4.1)."""

MACROS: Final[Mapping[bytes, tuple[FetchItem, ...]]] = {
    b"ALL": (FLAGS_ITEM, _INTERNALDATE, _SIZE, _ENVELOPE),
    b"FAST": (FLAGS_ITEM, _INTERNALDATE, _SIZE),
    b"FULL": (FLAGS_ITEM, _INTERNALDATE, _SIZE, _ENVELOPE, _BODY),
}


def _section_item(section: Any) -> FetchItem:  # Any: all kinds of sections have the same attributes
    label = section.label
    return FetchItem(
        label,
        label.replace(b"%", b"%%") + (b" %d" if section.is_number else b" %b"),
        section.column,
        section.fields,
        section.content,
        section.sets_seen,
    )


def _parse_body(cursor: Cursor, session: Session) -> FetchItem:
    """BODY alone is the structure; BODY[...] is a section."""
    return _section_item(parse_body(cursor, session, peek=False)) if cursor.peek() == b"[" else _BODY


_PREVIEW: Final = FetchItem(b"PREVIEW", b"PREVIEW %b", preview_column, (DigestField.PARTS,), content=True)


def _parse_preview(cursor: Cursor, session: Session) -> FetchItem:
    skip_modifiers(cursor)
    return _PREVIEW


FETCH_ITEMS: Final[Mapping[str, Callable[[Cursor, Session], FetchItem]]] = {
    **{name: (lambda _cursor, _session, item=item: item) for name, item in _SIMPLE.items()},  # type: ignore[misc]
    "PREVIEW": _parse_preview,
    "BODY": _parse_body,
    "BODY.PEEK": lambda cursor, session: _section_item(parse_body(cursor, session, peek=True)),
    "BINARY": lambda cursor, session: _section_item(parse_binary(cursor, peek=False)),
    "BINARY.PEEK": lambda cursor, session: _section_item(parse_binary(cursor, peek=True)),
    "BINARY.SIZE": lambda cursor, session: _section_item(parse_binary_size(cursor)),
}


def parse_item(cursor: Cursor, session: Session) -> FetchItem:
    """fetch-att"""
    read = FETCH_ITEMS.get(cursor.word())
    if read is None:
        raise BadSyntax("Unknown item to fetch")
    return read(cursor, session)


def parse_items(cursor: Cursor, session: Session) -> tuple[FetchItem, ...]:
    """fetch-att *(SP fetch-att) ")": what is told of new messages (RFC 5465 sections 3.1 and 7). Raises BadSyntax."""
    items: dict[bytes, FetchItem] = {}
    while not items or not cursor.skip(b")"):
        if items:
            cursor.space()
        item = parse_item(cursor, session)
        items[item.label] = item
        if item.enables_condstore:
            session.features.add(Feature.CONDSTORE)
        if len(items) > session.services.limits.fetch_items:
            raise BadSyntax("Too many items")
    return tuple(items.values())
