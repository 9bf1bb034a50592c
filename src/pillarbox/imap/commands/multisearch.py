"""ESEARCH: one search over many mailboxes (RFC 7377).

    esearch             = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program
    esearch-source-opts = "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")"

Each mailbox is searched as UID SEARCH would; one where nothing is found isn't named. Must never: change what is
selected, or tell a mailbox that is not there from one where nothing is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.imap.command import Area, Capability, Command
from pillarbox.imap.commands.listing import name_order
from pillarbox.imap.commands.message_limit import check_listed
from pillarbox.imap.contexts import Context, ResultKind, check_update, open_context
from pillarbox.imap.features import Feature
from pillarbox.imap.mailbox_filters import MailboxFilter, Scope, read_filters
from pillarbox.imap.named_searches import fetch_filters
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.replies import LOGGED_IN, Replies
from pillarbox.imap.search_keys import KeyReader, SearchProgram
from pillarbox.imap.search_results import (
    ALL_RESULTS,
    ResultOptions,
    check_program,
    check_relevancy,
    esearch,
    find_in,
    modseq_of,
    read_result_options,
    save,
)
from pillarbox.imap.session import Session
from pillarbox.imap.view import View
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.writer import string
from pillarbox.mail.errors import MailboxMissing, NoPermission
from pillarbox.store.contract import Mailbox, MailboxId

_SELECTED = MailboxFilter(Scope.SELECTED)


@dataclass(frozen=True, slots=True)
class _Question:
    sources: Sequence[MailboxFilter]
    options: ResultOptions
    program: SearchProgram


def _parse(cursor: Cursor, session: Session) -> _Question:
    sources, options = [_SELECTED], ALL_RESULTS
    word = _word(cursor)
    if word == "IN":
        cursor.space()
        cursor.expect(b"(")
        sources = read_filters(cursor, session)
        cursor.space()
        word = _word(cursor)
    if word == "RETURN":
        cursor.space()
        options = read_result_options(cursor, session)
        cursor.space()
        word = ""
    _check(session, sources, options)
    program = KeyReader(cursor, session.services.limits, session.filters.get).program(word)
    check_program(program, session)
    check_relevancy(program, options.names)
    if program.names_charset and Feature.UTF8_ACCEPT in session.features:
        raise BadSyntax("With UTF8=ACCEPT, ESEARCH takes no CHARSET (RFC 6855 section 3)")
    return _Question(sources, options, program)


def _word(cursor: Cursor) -> str:
    return cursor.word() if cursor.peek().isalpha() else ""


def _check(session: Session, sources: Sequence[MailboxFilter], options: ResultOptions) -> None:
    """What RFC 7377 section 2.2 wants to be BAD."""
    if session.view is None and (_SELECTED in sources or "UPDATE" in options.names):
        raise BadSyntax("No mailbox is selected")
    if "SAVE" in options.names and any(source != _SELECTED for source in sources):
        raise BadSyntax("SAVE goes with the selected mailbox alone")
    check_update(session, options)


async def _search(session: Session, asked: _Question) -> Replies:
    updates = "UPDATE" in asked.options.names
    for mailbox in await _chosen(session, asked.sources):
        view = await _view(session, mailbox)
        if view is None:
            continue
        is_selected = view is session.view
        saved = view.saved_uids
        if "SAVE" in asked.options.names:
            view.saved_uids = ()
        try:
            found = await find_in(session, view, asked.program, saved)
            check_listed(session, asked.options, found.indices)
        except (MailboxMissing, NoPermission):  # deleted since the list was taken, or no longer to be read
            continue
        about = b"(TAG %b MAILBOX %b UIDVALIDITY %d)" % (
            string(session.tag), session.encode_name(mailbox.name), mailbox.uidvalidity
        )  # fmt: skip
        if is_selected:
            save(view, found.indices, asked.options)
        if found.indices:
            shown, modseq = view.uids_of(found.indices), modseq_of(view, asked.program, found.indices, asked.options)
            yield esearch(about, asked.options, shown, modseq, b" UID", found.relevancy(found.indices))
        if is_selected and updates:
            updates = False
            yield open_context(
                Context(session, asked.program.query, ResultKind.UIDS, items=asked.options.update_items, about=about),
                found.indices,
                saved,
            )
    if updates:
        yield b"* NO [NOUPDATE %b] Only the selected mailbox can be followed\r\n" % string(session.tag)


async def _chosen(session: Session, sources: Sequence[MailboxFilter]) -> list[Mailbox]:
    """The mailboxes, each once, in the order of LIST."""
    subscribed = await session.mail.subscriptions()
    selected: MailboxId | None = None
    if session.view is not None and _SELECTED in sources:
        selected = session.view.image.mailbox.id
    chosen = [
        mailbox
        for mailbox in await session.mail.mailboxes()
        if mailbox.id == selected or any(source.holds(mailbox, subscribed) for source in sources)
    ]
    return sorted(chosen, key=lambda mailbox: name_order(mailbox.name))


async def _view(session: Session, mailbox: Mailbox) -> View | None:
    """The session's own view of what is selected, a passing one of any other; None when that can't be read."""
    if session.view is not None and session.view.image.mailbox.id == mailbox.id:
        return session.view
    try:
        image = await session.mail.image(mailbox.id)
    except (MailboxMissing, NoPermission):
        return None
    return View(image, lambda: None, read_only=True, first_recent_uid=image.uidnext)


AREA = Area(
    commands=(Command("ESEARCH", LOGGED_IN, _search, "7377 2", _parse, prepare=fetch_filters),),
    capabilities=(Capability("MULTISEARCH", "7377", LOGGED_IN),),
)
