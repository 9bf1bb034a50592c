"""SELECT, EXAMINE, UNSELECT: which mailbox is open (RFC 9051 section 6.3.2, 6.3.3, 6.4.2; RFC 7162 section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress, count
from operator import not_
from typing import Final

from pillarbox.imap.command import Area, Capability, Command, Trait
from pillarbox.imap.features import Feature
from pillarbox.imap.object_ids import mailbox_object_id
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.replies import LOGGED_IN, Done, Replies, State
from pillarbox.imap.session import Session
from pillarbox.imap.updates import fetch_line, flag_names, permanent_flags, shown_flags, vanished_earlier
from pillarbox.imap.view import View
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.sequence import STAR, SequenceSet
from pillarbox.imap.wire.writer import utf8_quoted
from pillarbox.mail.flags import SEEN, Carriers, FlagSet
from pillarbox.mail.uids import UidSet


@dataclass(frozen=True, slots=True)
class _Resync:
    """What a client remembers of a mailbox (RFC 7162 section 3.2.5)."""

    uidvalidity: int
    modseq: int
    known_uids: SequenceSet | None


@dataclass(frozen=True, slots=True)
class _Choice:
    name: str
    given_name: str
    condstore: bool
    resync: _Resync | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    """What SELECT answered, and all that it depends on."""

    key: tuple[object, ...]
    lines: bytes


_TOLD: Final = "told by SELECT"
"""Its name among the image's companions."""


# select-params = "(" select-param *(SP select-param) ")"; select-param =/ "CONDSTORE" / "QRESYNC" SP "(" ... ")"
def _parse(cursor: Cursor, session: Session) -> _Choice:
    raw_name = cursor.astring()
    condstore = False
    resync: _Resync | None = None
    if cursor.skip(b" ("):
        while True:
            parameter = cursor.word()
            if parameter == "QRESYNC":
                resync = _parse_resync(cursor, session)
            elif parameter != "CONDSTORE":
                raise BadSyntax("Unknown parameter")
            condstore = True
            if cursor.skip(b")"):
                break
            cursor.space()
    return _Choice(session.decode_name(raw_name), raw_name.decode("utf-8", "replace"), condstore, resync)


# "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"
# seq-match-data = "(" known-sequence-set SP known-uid-set ")"
def _parse_resync(cursor: Cursor, session: Session) -> _Resync:
    if Feature.QRESYNC not in session.features:
        raise BadSyntax("ENABLE QRESYNC first")
    cursor.space()
    cursor.expect(b"(")
    uidvalidity = cursor.nz_number()
    cursor.space()
    modseq = cursor.number64()
    known = None
    if cursor.skip(b" ") and cursor.peek() != b"(":
        known = _parse_known(cursor)
        cursor.skip(b" ")
    if cursor.skip(b"("):
        _parse_matches(cursor, session)
    cursor.expect(b")")
    return _Resync(uidvalidity, modseq, known)


def _parse_known(cursor: Cursor) -> SequenceSet:
    """known-uids = sequence-set ; "*" is not allowed"""
    known = cursor.sequence_set()
    if known.is_saved_result or any(STAR in pair for pair in known.pairs):
        raise BadSyntax("Name what you know by numbers")
    return known


def _parse_matches(cursor: Cursor, session: Session) -> None:
    """Numbers and UIDs to match, up to the parenthesis: of use only to servers that forget what vanished."""
    if Feature.UIDONLY in session.features:
        raise BadSyntax("With UIDONLY, name messages by UID", "UIDREQUIRED")
    _parse_known(cursor)
    cursor.space()
    _parse_known(cursor)
    cursor.expect(b")")


async def _select(session: Session, choice: _Choice) -> Replies:
    if session.view is not None:
        yield _closed(session)
    yield await _opened(session, choice, read_only=False)
    yield Done(b"READ-ONLY" if session.selected.read_only else b"READ-WRITE", "SELECT completed")


async def _examine(session: Session, choice: _Choice) -> Replies:
    if session.view is not None:
        yield _closed(session)
    yield await _opened(session, choice, read_only=True)
    yield Done(b"READ-ONLY", "EXAMINE completed")


def _closed(session: Session) -> bytes:
    """A mailbox that was open is closed first, whatever comes (RFC 9051 section 6.3.2)."""
    session.close_view()
    return b"* OK [CLOSED] The mailbox that was open is closed\r\n"


async def _opened(session: Session, choice: _Choice, *, read_only: bool) -> bytes:
    mailbox = await session.mail.find(choice.name)
    if choice.condstore:
        session.features.add(Feature.CONDSTORE)
    view = await session.open_view(mailbox, read_only=read_only)
    told = _state_of(session, view)
    if Feature.IMAP4REV2 in session.features:
        told += _list_line(session, choice)
    if choice.resync is not None and choice.resync.uidvalidity == mailbox.uidvalidity:
        told += await _missed(session, view, choice.resync)
    return told


async def _missed(session: Session, view: View, resync: _Resync) -> bytes:
    """What vanished and what changed since the client looked last, of the messages that it named (RFC 7162
    section 3.2.5.1)."""
    gone = await session.mail.vanished_since(view.image.mailbox.id, resync.modseq)
    highest = max(view.uidnext - 1, 1)
    asked = resync.known_uids.resolve(highest) if resync.known_uids else UidSet(((1, highest),))
    image = view.image
    lines = [vanished_earlier(view, gone, asked)]
    for row in image.changed_since(resync.modseq):
        uid = image.uids[row]
        number = view.number_of(uid)
        if number and uid in asked:
            items = [b"FLAGS (%b)" % shown_flags(view, image.flags[row].wire, uid, session.features)]
            items.append(b"MODSEQ (%d)" % image.modseqs[row])
            lines.append(fetch_line(number, uid, uid, items, session.features))
    return b"".join(lines)


def _state_of(session: Session, view: View) -> bytes:
    """What SELECT tells of the mailbox: the same as the last time while nothing has changed of what is in it."""
    image = view.image
    key = (
        *(image.highest_modseq, image.uidnext, image.mailbox, len(image.keywords)),
        *(view.recent[0], view.read_only, view.rights),
        *(session.mail.account, session.mail.origin(image.mailbox.id)),
        *(Feature.IMAP4REV2 in session.features, Feature.UIDONLY in session.features),
    )
    told = image.companions.get(_TOLD)
    if not isinstance(told, _Told) or told.key != key:
        told = image.companions[_TOLD] = _Told(key, _describe(session, view))
    return told.lines


def _describe(session: Session, view: View) -> bytes:
    """URLMECH (RFC 4467) where GENURLAUTH works: in the client's own mailboxes."""
    image = view.image
    lines = [b"* FLAGS (%b)" % flag_names(view), b"* %d EXISTS" % view.count]
    if Feature.IMAP4REV2 not in session.features:
        lines.append(b"* %d RECENT" % view.recent_count())
        unseen = _first_unseen(image.flags)
        if unseen and Feature.UIDONLY not in session.features:
            lines.append(b"* OK [UNSEEN %d] First unseen message" % unseen)
    lines += [
        b"* OK [PERMANENTFLAGS (%b)] Flags that are kept" % permanent_flags(view),
        b"* OK [UIDVALIDITY %d] UIDs are valid" % image.mailbox.uidvalidity,
        b"* OK [UIDNEXT %d] Predicted next UID" % image.uidnext,
        b"* OK [HIGHESTMODSEQ %d] Highest mod-sequence" % image.highest_modseq,
        f"* OK [MAILBOXID ({mailbox_object_id(*session.mail.origin(image.mailbox.id))})] Id".encode("ascii"),
    ]
    if session.mail.origin(image.mailbox.id)[0] == session.mail.account:
        lines.append(b"* OK [URLMECH INTERNAL] URLs may be authorised")
    return b"\r\n".join(lines) + b"\r\n"


def _first_unseen(flags: Sequence[FlagSet]) -> int:
    """The number of the first message that nobody has seen, or 0."""
    return next(compress(count(1), map(not_, map(Carriers(SEEN).__getitem__, flags))), 0)


def _list_line(session: Session, choice: _Choice) -> bytes:
    """RFC 9051 section 6.3.2: LIST with the name; OLDNAME when the server normalised what was given."""
    old = b""
    if choice.given_name != choice.name:
        old = b' ("OLDNAME" (%b))' % utf8_quoted(choice.given_name)
    return b'* LIST () "/" %b%b\r\n' % (session.encode_name(choice.name), old)


async def _unselect(session: Session, _: None) -> Replies:
    session.close_view()
    return
    yield  # makes it a generator


AREA = Area(
    commands=(
        Command("SELECT", LOGGED_IN, _select, "9051 6.3.2", _parse, Trait.NO_UPDATES),
        Command("EXAMINE", LOGGED_IN, _examine, "9051 6.3.3", _parse, Trait.NO_UPDATES),
        Command("UNSELECT", State.SELECTED, _unselect, "3691 2", None, Trait.NO_UPDATES),
    ),
    capabilities=(
        Capability("CONDSTORE", "7162", LOGGED_IN),
        Capability("QRESYNC", "7162", LOGGED_IN),
        Capability("UIDONLY", "9586", LOGGED_IN),
        Capability("UNSELECT", "3691", LOGGED_IN),
    ),
    features=(Feature.CONDSTORE, Feature.QRESYNC, Feature.UIDONLY),
)
