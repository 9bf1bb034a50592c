"""SELECT, EXAMINE, UNSELECT: which mailbox is open (RFC 9051 section 6.3.2, 6.3.3, 6.4.2; RFC 7162 section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

from pillarbox.imap.command import Area, Capability, Command, Trait
from pillarbox.imap.features import Feature
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.replies import LOGGED_IN, Done, Replies, State
from pillarbox.imap.session import Session
from pillarbox.imap.updates import flag_names
from pillarbox.imap.view import View
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.writer import utf8_quoted
from pillarbox.mail.flags import SEEN


@dataclass(frozen=True, slots=True)
class _Choice:
    name: str
    given_name: str
    condstore: bool


# select-params = "(" select-param *(SP select-param) ")"; condstore-param = "CONDSTORE"
def _parse(cursor: Cursor, session: Session) -> _Choice:
    raw_name = cursor.astring()
    condstore = False
    if cursor.skip(b" ("):
        while True:
            if cursor.word() != "CONDSTORE":
                raise BadSyntax("Unknown parameter")
            condstore = True
            if cursor.skip(b")"):
                break
            cursor.space()
    return _Choice(session.decode_name(raw_name), raw_name.decode("utf-8", "replace"), condstore)


async def _select(session: Session, choice: _Choice) -> Replies:
    async for line in _open(session, choice, read_only=False):
        yield line
    yield Done(b"READ-WRITE", "SELECT completed")


async def _examine(session: Session, choice: _Choice) -> Replies:
    async for line in _open(session, choice, read_only=True):
        yield line
    yield Done(b"READ-ONLY", "EXAMINE completed")


async def _open(session: Session, choice: _Choice, *, read_only: bool) -> Replies:
    """A mailbox that was open is closed first, whatever comes (RFC 9051 section 6.3.2)."""
    if session.view is not None:
        session.close_view()
        yield b"* OK [CLOSED] The mailbox that was open is closed\r\n"
    mailbox = await session.mail.find(choice.name)
    if choice.condstore:
        session.features.add(Feature.CONDSTORE)
    view = await session.open_view(mailbox, read_only=read_only)
    yield _state_of(session, view)
    if Feature.IMAP4REV2 in session.features:
        yield _list_line(session, choice)


def _state_of(session: Session, view: View) -> bytes:
    image = view.image
    lines = [b"* FLAGS (%b)" % flag_names(view), b"* %d EXISTS" % view.count]
    if Feature.IMAP4REV2 not in session.features:
        lines.append(b"* %d RECENT" % view.recent_count())
        unseen = next((number for number, flags in enumerate(image.flags, 1) if SEEN not in flags.names), 0)
        if unseen:
            lines.append(b"* OK [UNSEEN %d] First unseen message" % unseen)
    permanent = b"" if view.read_only else flag_names(view) + b" \\*"
    lines += [
        b"* OK [PERMANENTFLAGS (%b)] Flags that are kept" % permanent,
        b"* OK [UIDVALIDITY %d] UIDs are valid" % image.mailbox.uidvalidity,
        b"* OK [UIDNEXT %d] Predicted next UID" % image.uidnext,
        b"* OK [HIGHESTMODSEQ %d] Highest mod-sequence" % image.highest_modseq,
    ]
    return b"\r\n".join(lines) + b"\r\n"


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
    capabilities=(Capability("CONDSTORE", "7162", LOGGED_IN), Capability("UNSELECT", "3691", LOGGED_IN)),
    features=(Feature.CONDSTORE,),
)
