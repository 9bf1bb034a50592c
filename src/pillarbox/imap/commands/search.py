"""SEARCH and UID SEARCH (RFC 9051 section 6.4.4 and 6.4.9, RFC 3501 section 6.4.4).

ESEARCH (RFC 4731), SEARCHRES (RFC 5182), WITHIN (RFC 5032), PARTIAL (RFC 9394), the mod-sequence of what was found
(RFC 7162 section 3.1.6 and 3.1.10). Result options are those of search_results.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pillarbox.imap.command import BY_NUMBER, Area, Capability, Command
from pillarbox.imap.commands.message_limit import Portion, listed_portion
from pillarbox.imap.contexts import Context, ResultKind, check_update, open_context
from pillarbox.imap.features import Feature
from pillarbox.imap.named_searches import fetch_filters
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.replies import LOGGED_IN, Done, Replies, State
from pillarbox.imap.search_keys import KeyReader, SearchProgram
from pillarbox.imap.search_results import (
    ALL_RESULTS,
    Found,
    ResultOptions,
    check_program,
    check_relevancy,
    correlator,
    esearch,
    find,
    modseq_of,
    names_numbers,
    number_line,
    read_result_options,
    save,
)
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor


@dataclass(frozen=True, slots=True)
class _Search:
    program: SearchProgram
    options: ResultOptions | None
    """What RETURN names; None without RETURN."""


# search = "SEARCH" [search-return-opts] SP search-program
def _parse(cursor: Cursor, session: Session) -> _Search:
    first_word = cursor.word() if cursor.peek().isalpha() else ""
    options = None
    if first_word == "RETURN":
        cursor.space()
        options = read_result_options(cursor, session)
        cursor.space()
        first_word = ""
    check_update(session, options)
    program = KeyReader(cursor, session.services.limits, session.filters.get).program(first_word)
    check_program(program, session)
    check_relevancy(program, options.names if options else ())
    if program.names_charset and Feature.UTF8_ACCEPT in session.features:
        raise BadSyntax("With UTF8=ACCEPT, SEARCH takes no CHARSET (RFC 6855 section 3)")
    return _Search(program, options)


async def _search_numbers(session: Session, asked: _Search) -> Replies:
    saved = session.selected.saved_uids
    whole = await find(session, asked.program, asked.options)
    portion = listed_portion(session, asked.options, whole.indices)
    found = portion.indices
    yield _answer(session, asked, Found(found, whole.scores), [index + 1 for index in found], b"")
    if asked.options and "UPDATE" in asked.options.names:
        yield open_context(
            Context(session, asked.program.query, ResultKind.NUMBERS, items=asked.options.update_items), found, saved
        )
    yield _done(asked, "SEARCH", portion)


async def _search_uids(session: Session, asked: _Search) -> Replies:
    saved = session.selected.saved_uids
    whole = await find(session, asked.program, asked.options)
    portion = listed_portion(session, asked.options, whole.indices)
    found = portion.indices
    yield _answer(session, asked, Found(found, whole.scores), session.selected.uids_of(found), b" UID")
    if asked.options and "UPDATE" in asked.options.names:
        yield open_context(
            Context(session, asked.program.query, ResultKind.UIDS, items=asked.options.update_items), found, saved
        )
    yield _done(asked, "UID SEARCH", portion)


def _answer(session: Session, asked: _Search, found: Found, shown: Sequence[int], uid: bytes) -> bytes:
    """The untagged response. `shown` are the numbers or UIDs of `found`; `uid` says which, in ESEARCH."""
    options = asked.options
    if options is None and Feature.IMAP4REV2 in session.features:
        options = ALL_RESULTS
    save(session.selected, found.indices, options)
    modseq = modseq_of(session.selected, asked.program, found.indices, options)
    if options is None:
        return number_line(b"SEARCH", shown, modseq)
    return esearch(correlator(session.tag), options, shown, modseq, uid, found.relevancy(found.indices))


def _done(asked: _Search, name: str, portion: Portion) -> Done:
    if portion.code:
        return portion.done
    saved = ", result saved" if asked.options and "SAVE" in asked.options.names else ""
    return Done(text=f"{name} completed{saved}")


def _keeps_numbers(asked: _Search) -> bool:
    return names_numbers(asked.program)


AREA = Area(
    commands=(
        Command("SEARCH", State.SELECTED, _search_numbers, "9051 6.4.4", _parse, BY_NUMBER, fetch_filters),
        Command(
            "UID SEARCH",
            State.SELECTED,
            _search_uids,
            "9051 6.4.9",
            _parse,
            prepare=fetch_filters,
            keeps_numbers=_keeps_numbers,
        ),
    ),
    capabilities=(
        Capability("ESEARCH", "4731", LOGGED_IN),
        Capability("SEARCHRES", "5182", LOGGED_IN),
        Capability("CONTEXT=SEARCH", "5267", LOGGED_IN),
        Capability("FILTERS", "5466", LOGGED_IN),
        Capability("SEARCH=FUZZY", "6203", LOGGED_IN),
        Capability("WITHIN", "5032", LOGGED_IN),
    ),
)
