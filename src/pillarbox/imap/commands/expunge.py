r"""EXPUNGE, UID EXPUNGE, CLOSE: messages marked `\Deleted` go (RFC 9051 section 6.4.1, 6.4.3; UIDPLUS: RFC 4315)."""

from __future__ import annotations

import contextlib

from pillarbox.imap.command import Area, Capability, Command, Trait
from pillarbox.imap.features import Feature
from pillarbox.imap.replies import LOGGED_IN, Done, Replies, State
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.sequence import SequenceSet
from pillarbox.mail.errors import NoPermission


async def _expunge(session: Session, _: None) -> Replies:
    """The EXPUNGE responses are the updates that follow. Only what this client knows of goes: a message that
    arrived and was marked meanwhile by another client is that client's to expunge."""
    view = session.writable
    expunged = await session.mail.expunge(view.image.mailbox.id, view.uids[: view.count])
    yield _done(session, expunged.modseq if expunged.uids else 0)


def _parse_uids(cursor: Cursor, session: Session) -> SequenceSet:
    return cursor.sequence_set()


async def _uid_expunge(session: Session, uids: SequenceSet) -> Replies:
    view = session.writable
    expunged = await session.mail.expunge(view.image.mailbox.id, view.uids_of(view.by_uid(uids)))
    yield _done(session, expunged.modseq if expunged.uids else 0)


def _done(session: Session, modseq: int) -> Done:
    """RFC 7162 section 3.2.7: with CONDSTORE, the tagged OK tells the new highest mod-sequence."""
    if modseq and Feature.CONDSTORE in session.features:
        return Done(b"HIGHESTMODSEQ %d" % modseq, "Expunged")
    return Done()


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
