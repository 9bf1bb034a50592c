"""STORE and UID STORE: flags (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.imap.command import BY_NUMBER, Area, Command
from pillarbox.imap.commands.append import storable_flags
from pillarbox.imap.commands.message_limit import Portion, portion_of
from pillarbox.imap.features import Feature
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.replies import Done, Replies, Reply, State
from pillarbox.imap.session import Session
from pillarbox.imap.updates import fetch_line, flags_line, shown_flags
from pillarbox.imap.view import Indices
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.sequence import SequenceSet
from pillarbox.mail.flags import FlagAction
from pillarbox.mail.uids import UidSet
from pillarbox.store.contract import Flagged


@dataclass(frozen=True, slots=True)
class _Change:
    messages: SequenceSet
    action: FlagAction
    silent: bool
    flags: frozenset[str]
    unchanged_since: int | None


# store = "STORE" SP sequence-set [SP "(" "UNCHANGEDSINCE" SP mod-sequence-value ")"] SP store-att-flags
# store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
def _parse(cursor: Cursor, session: Session) -> _Change:
    messages = cursor.sequence_set()
    cursor.space()
    unchanged_since: int | None = None
    if cursor.skip(b"("):
        if cursor.word() != "UNCHANGEDSINCE":
            raise BadSyntax("Unknown modifier")
        cursor.space()
        unchanged_since = cursor.number64()
        cursor.expect(b")")
        cursor.space()
        session.features.add(Feature.CONDSTORE)
    sign = "+" if cursor.skip(b"+") else "-" if cursor.skip(b"-") else ""
    name, _, suffix = cursor.word().partition(".")
    if name != "FLAGS" or suffix not in ("", "SILENT"):
        raise BadSyntax("STORE takes FLAGS, +FLAGS or -FLAGS, with or without .SILENT")
    cursor.space()
    flags = storable_flags(_parse_flags(cursor, session.services.limits.list_items))
    return _Change(messages, FlagAction(f"{sign}FLAGS"), bool(suffix), flags, unchanged_since)


def _parse_flags(cursor: Cursor, most: int) -> list[str]:
    if cursor.peek() == b"(":
        return cursor.flag_list(most)
    flags = [cursor.flag()]
    while cursor.skip(b" ") and not cursor.at_end():
        flags.append(cursor.flag())
        if len(flags) > most:
            raise BadSyntax("Too many flags")
    return flags


async def _store_numbers(session: Session, change: _Change) -> Replies:
    view = session.writable
    portion = portion_of(session, view.by_number(change.messages))
    indices = portion.indices
    result = await _store(session, change, indices)
    yield _answers(session, change, indices, result, with_uid=False)
    if view.has_vanished(indices) and not change.silent:
        raise Refused("Some of those messages are gone", "EXPUNGEISSUED")
    for reply in _done([number for number in map(view.number_of, result.refused) if number], portion):
        yield reply


async def _store_uids(session: Session, change: _Change) -> Replies:
    view = session.writable
    portion = portion_of(session, view.by_uid(change.messages))
    result = await _store(session, change, portion.indices)
    yield _answers(session, change, portion.indices, result, with_uid=True)
    for reply in _done(result.refused, portion):
        yield reply


async def _store(session: Session, change: _Change, indices: Indices) -> Flagged:
    view = session.selected
    mailbox = view.image.mailbox.id
    result = await session.mail.store_flags(
        mailbox, view.uids_of(indices), change.action, change.flags, change.unchanged_since
    )
    view.note_own_change(result)
    await session.mail.image(mailbox)
    return result


def _done(refused: Sequence[int], portion: Portion) -> tuple[Reply, ...]:
    """RFC 7162 section 3.1.3: those that changed meanwhile are named in MODIFIED, and the answer is OK."""
    if not refused:
        return (portion.done,)
    code = f"MODIFIED {UidSet.of(refused)}".encode("ascii")
    return portion.line, Done(code, "Some messages had changed and were left alone")


def _answers(session: Session, change: _Change, indices: Indices, result: Flagged, *, with_uid: bool) -> bytes:
    """The FETCH responses: all named messages, or with .SILENT only what CONDSTORE wants to know."""
    view, features = session.selected, session.features
    condstore = Feature.CONDSTORE in features
    if change.silent and not condstore:
        return b""
    image, changed = view.image, frozenset(result.changed) if change.silent else ()
    refused = frozenset(result.refused)
    lines = flags_line(view)
    for index, row in zip(indices, view.rows_of(indices), strict=True):
        uid = view.uids[index]
        if row < 0 or uid in refused or (change.silent and uid not in changed):
            continue
        items = []
        if not change.silent:
            items.append(b"FLAGS (%b)" % shown_flags(view, image.flags[row].wire, uid, features))
        if condstore:
            items.append(b"MODSEQ (%d)" % image.modseqs[row])
        lines.append(fetch_line(index + 1, uid if with_uid or condstore else 0, uid, items, features))
    return b"".join(lines)


AREA = Area(
    commands=(
        Command("STORE", State.SELECTED, _store_numbers, "9051 6.4.6", _parse, BY_NUMBER),
        Command("UID STORE", State.SELECTED, _store_uids, "9051 6.4.9", _parse),
    ),
)
