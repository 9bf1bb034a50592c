r"""EXPUNGE, UID EXPUNGE, CLOSE: messages marked `\Deleted` go (RFC 9051 section 6.4.1, 6.4.3; UIDPLUS: RFC 4315)."""

from __future__ import annotations

import contextlib

from pillarbox.imap.command import Area, Capability, Command, Trait
from pillarbox.imap.commands.message_limit import portion_of
from pillarbox.imap.features import Feature
from pillarbox.imap.replies import LOGGED_IN, Done, Replies, State
from pillarbox.imap.session import Session
from pillarbox.imap.view import Indices, View
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.sequence import SequenceSet
from pillarbox.mail.errors import NoPermission
from pillarbox.mail.flags import DELETED


async def _expunge(session: Session, _: None) -> Replies:
    """The EXPUNGE responses are the updates that follow. Only what this client knows of goes: a message that
    arrived and was marked meanwhile by another client is that client's to expunge."""
    async for reply in _remove(session, range(session.writable.count)):
        yield reply


def _parse_uids(cursor: Cursor, session: Session) -> SequenceSet:
    return cursor.sequence_set()


async def _uid_expunge(session: Session, uids: SequenceSet) -> Replies:
    async for reply in _remove(session, session.writable.by_uid(uids)):
        yield reply


async def _remove(session: Session, indices: Indices) -> Replies:
    """RFC 7162 section 3.2.7: with CONDSTORE, the tagged OK tells the new highest mod-sequence."""
    view = session.selected
    portion = portion_of(session, _deleted(view, indices) if session.services.limits.message_limit else indices)
    expunged = await session.mail.expunge(view.image.mailbox.id, view.uids_of(portion.indices))
    if expunged.uids and Feature.CONDSTORE in session.features:
        yield portion.line
        yield Done(b"HIGHESTMODSEQ %d" % expunged.modseq, "Expunged")
    else:
        yield portion.done


def _deleted(view: View, indices: Indices) -> Indices:
    flags, rows = view.image.flags, view.rows_of(indices)
    return [index for index, row in zip(indices, rows, strict=True) if row >= 0 and DELETED in flags[row].names]


async def _close(session: Session, _: None) -> Replies:
    """Without HIGHESTMODSEQ: a client would take it for the sign that it knows all up to there (RFC 7162 section
    3.2.8)."""
    view = session.selected
    if not view.read_only and not view.image.deleted:
        with contextlib.suppress(NoPermission):  # RFC 4314 section 4: then nothing is expunged
            await session.mail.expunge(view.image.mailbox.id, view.uids[: view.count])
    session.close_view()
    return
    yield  # makes it a generator


AREA = Area(
    commands=(
        Command("EXPUNGE", State.SELECTED, _expunge, "9051 6.4.3", None, Trait.EXPUNGES),
        Command("UID EXPUNGE", State.SELECTED, _uid_expunge, "4315 2.1", _parse_uids, Trait.EXPUNGES),
        Command("CLOSE", State.SELECTED, _close, "9051 6.4.1", None, Trait.NO_UPDATES),
    ),
    capabilities=(Capability("UIDPLUS", "4315", LOGGED_IN),),
)
