r"""FETCH and UID FETCH (RFC 9051 section 6.4.5, RFC 3516 BINARY, RFC 7162 section 3.1.4 CHANGEDSINCE).

Messages are rendered in batches: each item gives a column of values, and one template is filled with all of them.
What the items are is in fetch_items.py and fetch_sections.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pillarbox.imap.command import BY_NUMBER, Area, Capability, Command
from pillarbox.imap.commands.fetch_batch import Batch, Slice
from pillarbox.imap.commands.fetch_items import CHANGED_ITEMS, FLAGS_ITEM, MACROS, UID_ITEM, FetchItem, parse_item
from pillarbox.imap.commands.message_limit import portion_of
from pillarbox.imap.features import Feature
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.replies import LOGGED_IN, Replies, State
from pillarbox.imap.session import Session
from pillarbox.imap.updates import vanished_earlier
from pillarbox.imap.view import Indices, View
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.sequence import SequenceSet
from pillarbox.mail.errors import MailError, NoPermission
from pillarbox.mail.flags import SEEN, FlagAction
from pillarbox.mail.uids import UidSet
from pillarbox.store.contract import DigestField


@dataclass(slots=True)
class _Modifiers:
    """What stands behind the items, in parentheses."""

    changed_since: int | None = None
    vanished: bool = False
    partial: tuple[int, int] | None = None
    """PARTIAL first:last; negative counts from the end (RFC 9394 section 3.1)."""


@dataclass(frozen=True, slots=True)
class _Request:
    messages: SequenceSet
    items: tuple[FetchItem, ...]
    modifiers: _Modifiers


# fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")")
#         [SP "(" fetch-modifier *(SP fetch-modifier) ")"]
def _parse(cursor: Cursor, session: Session) -> _Request:
    messages = cursor.sequence_set()
    cursor.space()
    items: dict[bytes, FetchItem] = {}
    if cursor.skip(b"("):
        while not cursor.skip(b")"):
            if items:
                cursor.space()
            item = parse_item(cursor, session)
            items[item.label] = item
            if len(items) > session.services.limits.fetch_items:
                raise BadSyntax("Too many items")
        if not items:
            raise BadSyntax("Nothing to fetch")
    else:
        items = {item.label: item for item in _parse_single(cursor, session)}
    modifiers = _parse_modifiers(cursor, session) if cursor.skip(b" (") else _Modifiers()
    if modifiers.changed_since is not None:
        items.update({item.label: item for item in CHANGED_ITEMS})
    if any(item.enables_condstore for item in items.values()):
        session.features.add(Feature.CONDSTORE)
    return _Request(messages, tuple(items.values()), modifiers)


def _parse_single(cursor: Cursor, session: Session) -> tuple[FetchItem, ...]:
    for name, items in MACROS.items():
        if cursor.skip_folded(name):
            return items
    return (parse_item(cursor, session),)


# fetch-modifier = "CHANGEDSINCE" SP mod-sequence-value / "VANISHED" / "PARTIAL" SP partial-range
def _parse_modifiers(cursor: Cursor, session: Session) -> _Modifiers:
    modifiers = _Modifiers()
    while True:
        name = cursor.word()
        if name == "CHANGEDSINCE":
            cursor.space()
            modifiers.changed_since = cursor.number64()
        elif name == "VANISHED":
            modifiers.vanished = True
        elif name == "PARTIAL":
            cursor.space()
            modifiers.partial = cursor.partial_range()
        else:
            raise BadSyntax("Unknown modifier")
        if cursor.skip(b")"):
            break
        cursor.space()
    if modifiers.vanished and (modifiers.changed_since is None or Feature.QRESYNC not in session.features):
        raise BadSyntax("VANISHED goes with CHANGEDSINCE, after ENABLE QRESYNC")
    return modifiers


async def _fetch_numbers(session: Session, request: _Request) -> Replies:
    if request.modifiers.vanished or request.modifiers.partial:
        raise BadSyntax("VANISHED and PARTIAL go with UID FETCH")
    view = session.selected
    indices = view.by_number(request.messages)
    async for reply in _fetch(session, request, request.items, indices):
        yield reply
    if view.has_vanished(indices):
        raise Refused("Some of those messages are gone", "EXPUNGEISSUED")


async def _fetch_uids(session: Session, request: _Request) -> Replies:
    modifiers, items, view = request.modifiers, request.items, session.selected
    if UID_ITEM.label not in {item.label for item in items}:
        items = (UID_ITEM, *items)
    if modifiers.vanished:
        yield await _vanished(session, request)
    indices = view.by_uid(request.messages)
    if modifiers.partial is not None:
        indices = cut_partial(indices, modifiers.partial)
    async for reply in _fetch(session, request, items, indices):
        yield reply


async def _vanished(session: Session, request: _Request) -> bytes:
    """RFC 7162 section 3.2.6: those of the named UIDs that were expunged since. `*` reaches up to the highest UID
    that was ever given, so that what vanished above the highest one left is named too."""
    view = session.selected
    since = request.modifiers.changed_since or 0
    gone = await session.mail.vanished_since(view.image.mailbox.id, since)
    if request.messages.is_saved_result:
        asked = UidSet.of(view.saved_uids)
    else:
        asked = request.messages.resolve(max(view.uidnext - 1, 1))
    return vanished_earlier(view, gone, asked)


def cut_partial(indices: Indices, partial: tuple[int, int]) -> Indices:
    """RFC 9394: the first:last of them, counted from 1, or from the end when negative."""
    low, high = sorted(map(abs, partial))
    if partial[0] > 0:
        return indices[low - 1 : high]
    return indices[max(len(indices) - high, 0) : max(len(indices) - low + 1, 0)]


async def _fetch(session: Session, request: _Request, items: tuple[FetchItem, ...], indices: Indices) -> Replies:
    view = session.selected
    if request.modifiers.changed_since is not None:
        indices = _changed(view, indices, request.modifiers.changed_since)
    portion = portion_of(session, indices)
    indices = portion.indices
    if any(item.sets_seen for item in items) and not view.read_only and await _set_seen(session, view, indices):
        told = [FLAGS_ITEM, *_with_modseq(session)]
        items = (*items, *(item for item in told if item.label not in {each.label for each in items}))
    async for chunk in rendered(session, view, items, indices):
        yield chunk
    yield portion.done


def _with_modseq(session: Session) -> tuple[FetchItem, ...]:
    """What goes with flags that changed, for clients that keep mod-sequences (RFC 7162 section 3.2.4)."""
    if Feature.CONDSTORE not in session.features:
        return ()
    return CHANGED_ITEMS if Feature.UIDONLY in session.features else (UID_ITEM, *CHANGED_ITEMS)


async def rendered(
    session: Session, view: View, items: tuple[FetchItem, ...], indices: Indices
) -> AsyncIterator[bytes]:
    """The FETCH responses, large ones in pieces; nothing is marked as seen. UIDFETCH responses have no UID item (RFC
    9586 section 3.3)."""
    if Feature.UIDONLY in session.features:
        items = tuple(item for item in items if item.label != UID_ITEM.label)
    fields = tuple(dict.fromkeys(field for item in items for field in item.fields))
    name = b"UIDFETCH" if Feature.UIDONLY in session.features else b"FETCH"
    template = b"* %d " + name + b" (" + b" ".join(item.template for item in items) + b")\r\n"
    for part in _batches(session, view, indices, items):
        batch = await _load(session, view, part, fields, items)
        for chunk in _render(session, batch, items, template):
            yield chunk


def _changed(view: View, indices: Indices, modseq: int) -> Indices:
    """Those whose mod-sequence is above `modseq`; 0 stands for all (Apple Mail sends it)."""
    image = view.image
    changed = image.changed_since(modseq)
    if view.uids is not image.uids:
        numbers = map(view.number_of, [image.uids[row] for row in changed])
        changed = [number - 1 for number in numbers if number]
    asked = indices if isinstance(indices, range) else frozenset(indices)
    return [] if image.deleted else [index for index in changed if index in asked]


async def _set_seen(session: Session, view: View, indices: Indices) -> bool:
    r"""One change for the whole command; whether there was one. The responses tell of it themselves: they have FLAGS
    then, as RFC 9051 section 6.4.5 says ("if this causes the flags to change, they SHOULD be included")."""
    flags = view.image.flags
    rows = view.rows_of(indices)
    unseen = [i for i, row in zip(indices, rows, strict=True) if row >= 0 and SEEN not in flags[row].names]
    if not unseen:
        return False
    mailbox = view.image.mailbox.id
    try:
        result = await session.mail.store_flags(mailbox, view.uids_of(unseen), FlagAction.ADD, frozenset({SEEN}))
    except NoPermission:  # RFC 4314 section 4: then it is not set
        return False
    await session.mail.image(mailbox)
    view.note_own_change(result)
    return True


def _batches(session: Session, view: View, indices: Indices, items: tuple[FetchItem, ...]) -> Iterator[Indices]:
    """Batches bounded in messages and, when message bytes are read, in bytes."""
    limits = session.services.limits
    if not any(item.content for item in items):
        light = not any(item.fields for item in items)
        step = limits.fetch_batch_messages * (16 if light else 1)
        for start in range(0, len(indices), step):
            yield indices[start : start + step]
        return
    start = size = 0
    for at, index in enumerate(indices):
        row = view.rows_of(range(index, index + 1))[0]
        bytes_here = view.image.sizes[row] if row >= 0 else 0
        if at > start and (size + bytes_here > limits.fetch_batch_bytes or at - start >= limits.fetch_batch_messages):
            yield indices[start:at]
            start, size = at, 0
        size += bytes_here
    if start < len(indices):
        yield indices[start:]


async def _load(
    session: Session, view: View, part: Indices, fields: tuple[DigestField, ...], items: tuple[FetchItem, ...]
) -> Batch:
    """Read what the items need, in one go; messages that are gone fall out."""
    batch = Batch(session, view, part)
    batch.share_bytes //= max(1, sum(item.content for item in items))
    if fields:
        batch.add_digests(fields, await session.mail.digests(view.image.mailbox.id, batch.uids, fields))
    if any(item.content for item in items):
        await asyncio.sleep(0)  # no waiting: one turn for everybody else before some milliseconds of work
        batch.add_contents(await session.mail.contents(view.image.mailbox.id, batch.uids))
    batch.settle()
    return batch


def _render(session: Session, batch: Batch, items: tuple[FetchItem, ...], template: bytes) -> Iterator[bytes]:
    if not batch.numbers:
        return
    by_uid = Feature.UIDONLY in session.features
    columns: list[Any] = [batch.uids if by_uid else batch.numbers]  # Any: numbers for %d, bytes for %b, slices
    columns += [item.column(batch) for item in items]
    if batch.has_slices:
        for values in zip(*columns, strict=True):
            yield from _stream(session, template, values)
    elif len(columns) == 1:
        yield b"".join([template % number for number in columns[0]])
    else:
        yield (template * len(batch.numbers)) % tuple(chain.from_iterable(zip(*columns, strict=True)))


def _stream(session: Session, template: bytes, values: tuple[Any, ...]) -> Iterator[bytes]:
    """One message with large literals: text and pieces of literals in turn, never the whole in memory."""
    pieces = template.replace(b"%d", b"%b").split(b"%b")
    held = bytearray()
    for piece, value in zip(pieces, (*values, b""), strict=True):
        held += piece.replace(b"%%", b"%")
        if isinstance(value, Slice):
            held += b"{%d}\r\n" % (value.end - value.start)
            yield bytes(held)
            held.clear()
            try:
                yield from value.pieces(session.services.limits.stream_bytes)
            except (MailError, OSError) as error:  # an answer here would be read as the message's bytes
                session.services.events.error("imap.stream_broken", account=session.login_name, error=str(error))
                raise ConnectionResetError("a message could not be read to its end") from error
        else:
            held += value if isinstance(value, bytes) else b"%d" % value
    yield bytes(held)


AREA = Area(
    commands=(
        Command("FETCH", State.SELECTED, _fetch_numbers, "9051 6.4.5", _parse, BY_NUMBER),
        Command("UID FETCH", State.SELECTED, _fetch_uids, "9051 6.4.9", _parse),
    ),
    capabilities=(Capability("BINARY", "3516", LOGGED_IN), Capability("PARTIAL", "9394", LOGGED_IN)),
)
