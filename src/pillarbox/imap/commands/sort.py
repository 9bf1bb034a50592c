"""SORT and UID SORT (RFC 5256), SORT=DISPLAY (RFC 5957), ESORT (RFC 5267 section 3), RELEVANCY (RFC 6203).

    sort           = ["UID" SP] "SORT" SP sort-criteria SP search-criteria
    extended-sort  = ["UID" SP] "SORT" search-return-opts SP sort-criteria SP search-criteria

Keys are those of SEARCH. Orders of the whole mailbox are remembered (answers.py); a search that found less takes
its messages out of them.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pillarbox.imap.answers import Question, answer_of, known_answer
from pillarbox.imap.command import BY_NUMBER, Area, Capability, Command
from pillarbox.imap.commands.message_limit import check_listed
from pillarbox.imap.contexts import Context, ResultKind, check_update, open_context
from pillarbox.imap.named_searches import fetch_filters
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.replies import LOGGED_IN, Replies, State
from pillarbox.imap.search_keys import KeyReader, SearchProgram
from pillarbox.imap.search_results import (
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
    still_there,
)
from pillarbox.imap.session import Session
from pillarbox.imap.sort_table import BESIDE_THE_LOOP, Facet, SortTable, sort_table
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.writer import string
from pillarbox.search.sorting import Column, Criterion, Direction, SortKey, in_order

_FACETS: Final = {
    SortKey.CC: Facet.COPIED,
    SortKey.DATE: Facet.SENT,
    SortKey.DISPLAYFROM: Facet.SHOWN_SENDER,
    SortKey.DISPLAYTO: Facet.SHOWN_RECEIVER,
    SortKey.FROM: Facet.SENDER,
    SortKey.SUBJECT: Facet.SUBJECT,
    SortKey.TO: Facet.RECEIVER,
}
"""ARRIVAL and SIZE are in the image."""
_KEYS: Final = {key.value: key for key in SortKey}
_FEW: Final = 16
"""When so many times fewer messages were found than there are, only these are sorted."""


@dataclass(frozen=True, slots=True)
class _Sort:
    criteria: tuple[Criterion, ...]
    program: SearchProgram
    options: ResultOptions | None
    """What RETURN names; None without RETURN."""


def _parse(cursor: Cursor, session: Session) -> _Sort:
    options = None
    if cursor.peek().isalpha():
        if cursor.word() != "RETURN":
            raise BadSyntax("Expected RETURN or a list of sort criteria")
        cursor.space()
        options = read_result_options(cursor, session)
        cursor.space()
    check_update(session, options)
    criteria = _parse_criteria(cursor)
    cursor.space()
    program = KeyReader(cursor, session.services.limits, session.filters.get).criteria()
    check_program(program, session)
    check_relevancy(program, {*(options.names if options else ()), *(one.key.value for one in criteria)})
    return _Sort(criteria, program, options)


def _parse_criteria(cursor: Cursor) -> tuple[Criterion, ...]:
    """sort-criteria = "(" sort-criterion *(SP sort-criterion) ")"; sort-criterion = ["REVERSE" SP] sort-key

    What repeats a key is passed over: it can't change the order any more.
    """
    criteria: dict[SortKey, Criterion] = {}
    cursor.expect(b"(")
    while True:
        direction, word = Direction.ASCENDING, cursor.word()
        if word == "REVERSE":
            direction = Direction.DESCENDING
            cursor.space()
            word = cursor.word()
        if word not in _KEYS:
            raise BadSyntax("There is no such sort key")
        criteria.setdefault(_KEYS[word], Criterion(_KEYS[word], direction))
        if cursor.skip(b")"):
            return tuple(criteria.values())
        cursor.space()


async def _sort_numbers(session: Session, asked: _Sort) -> Replies:
    saved = session.selected.saved_uids
    ordered, relevancy = await _ordered(session, asked)
    yield _answer(session, asked, ordered, [index + 1 for index in ordered], relevancy, b"")
    if asked.options and "UPDATE" in asked.options.names:
        yield _follow(session, asked, ResultKind.NUMBERS, ordered, saved)


async def _sort_uids(session: Session, asked: _Sort) -> Replies:
    saved = session.selected.saved_uids
    ordered, relevancy = await _ordered(session, asked)
    yield _answer(session, asked, ordered, session.selected.uids_of(ordered), relevancy, b" UID")
    if asked.options and "UPDATE" in asked.options.names:
        yield _follow(session, asked, ResultKind.UIDS, ordered, saved)


async def _ordered(session: Session, asked: _Sort) -> tuple[Sequence[int], Sequence[int]]:
    """The indices in order, and the score of each."""
    found = await find(session, asked.program, asked.options)
    check_listed(session, asked.options, found.indices)
    ordered = await arranged(session, asked.criteria, found)
    return ordered, found.relevancy(ordered)


def _follow(session: Session, asked: _Sort, kind: ResultKind, ordered: Sequence[int], saved: Sequence[int]) -> bytes:
    if _by_relevancy(asked.criteria):  # scores of the others change with each message that comes
        return b"* NO [NOUPDATE %b] An order by relevancy is not kept up to date\r\n" % string(session.tag)

    async def arrange(indices: Sequence[int]) -> Sequence[int]:
        return await arranged(session, asked.criteria, Found(indices, {}))

    items = asked.options.update_items if asked.options else ()
    return open_context(Context(session, asked.program.query, kind, arrange=arrange, items=items), ordered, saved)


def _by_relevancy(criteria: Sequence[Criterion]) -> bool:
    return any(criterion.key is SortKey.RELEVANCY for criterion in criteria)


def _answer(
    session: Session,
    asked: _Sort,
    ordered: Sequence[int],
    shown: Sequence[int],
    relevancy: Sequence[int],
    uid: bytes,
) -> bytes:
    save(session.selected, ordered, asked.options)
    modseq = modseq_of(session.selected, asked.program, ordered, asked.options)
    if asked.options is None:
        return number_line(b"SORT", shown, modseq)
    return esearch(correlator(session.tag), asked.options, shown, modseq, uid, relevancy)


async def arranged(session: Session, criteria: tuple[Criterion, ...], whole: Found) -> Sequence[int]:
    """The indices in the view in the order that the criteria say, without those that have vanished."""
    view, found = session.selected, whole.indices
    while True:
        uids = view.image.uids
        found = still_there(view, found)
        rows = view.rows_of(found)
        if _by_relevancy(criteria):
            ordered = await _by_scores(session, rows, criteria, whole.relevancy(found))
        else:
            ordered = await _in_order(session, rows, criteria)
        if uids is view.image.uids:  # else messages vanished meanwhile
            break
    if rows is found:
        return ordered
    index_of = dict(zip(rows, found, strict=True))
    return [index_of[row] for row in ordered]


async def _in_order(session: Session, rows: Sequence[int], criteria: tuple[Criterion, ...]) -> Sequence[int]:
    account, image, question = session.mail, session.selected.image, _question(criteria)
    whole = await known_answer(account, image, question)
    if whole is None and len(rows) * _FEW < len(image.uids):
        table = await sort_table(account, image, question.facets)
        return in_order(rows, criteria, _columns(table, criteria)) if table.uids is image.uids else rows
    if whole is None:
        whole = await answer_of(account, image, question)
    return whole if len(rows) == len(whole) else list(filter(frozenset(rows).__contains__, whole))


def _question(criteria: tuple[Criterion, ...]) -> Question[list[int]]:
    def work(table: SortTable, count: int, known: list[int] | None) -> list[int]:
        before = known or []
        return in_order([*before, *range(len(before), count)], criteria, _columns(table, criteria))

    name = " ".join(f"{one.key.value} {one.direction.name}" for one in criteria)
    return Question(f"SORT {name}", _facets(criteria), work, _pack, _unpack)


def _pack(order: list[int]) -> bytes:
    return array("I", order).tobytes()


def _unpack(packed: bytes) -> list[int]:
    return array("I", packed).tolist()


async def _by_scores(
    session: Session, rows: Sequence[int], criteria: tuple[Criterion, ...], scores: Sequence[int]
) -> Sequence[int]:
    """The highest score first (RFC 6203 section 6). Not remembered: scores are those of one search."""
    image = session.selected.image
    uids = image.uids
    table = await sort_table(session.mail, image, _facets(criteria))
    if image.uids is not uids:
        return rows
    falling = {row: -score for row, score in zip(rows, scores, strict=True)}
    columns = {**_columns(table, criteria), SortKey.RELEVANCY: falling}
    if len(rows) < BESIDE_THE_LOOP:
        return in_order(rows, criteria, columns)
    return await asyncio.to_thread(in_order, rows, criteria, columns)


def _facets(criteria: Sequence[Criterion]) -> list[Facet]:
    return [_FACETS[criterion.key] for criterion in criteria if criterion.key in _FACETS]


def _columns(table: SortTable, criteria: Sequence[Criterion]) -> dict[SortKey, Column]:
    held = {key: table.columns[_FACETS[key]] for key in (one.key for one in criteria) if key in _FACETS}
    return {SortKey.ARRIVAL: table.arrivals, SortKey.SIZE: table.sizes, **held}


def _keeps_numbers(asked: _Sort) -> bool:
    return names_numbers(asked.program)


AREA = Area(
    commands=(
        Command("SORT", State.SELECTED, _sort_numbers, "5256 3", _parse, BY_NUMBER, fetch_filters),
        Command(
            "UID SORT",
            State.SELECTED,
            _sort_uids,
            "5256 3",
            _parse,
            prepare=fetch_filters,
            keeps_numbers=_keeps_numbers,
        ),
    ),
    capabilities=(
        Capability("SORT", "5256", LOGGED_IN),
        Capability("SORT=DISPLAY", "5957", LOGGED_IN),
        Capability("ESORT", "5267", LOGGED_IN),
        Capability("CONTEXT=SORT", "5267", LOGGED_IN),
    ),
)
