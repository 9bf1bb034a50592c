"""THREAD and UID THREAD: ORDEREDSUBJECT, REFERENCES (RFC 5256) and REFS (draft-ietf-morg-inthread).

    thread         = ["UID" SP] "THREAD" SP thread-alg SP search-criteria
    thread-data    = "THREAD" [SP 1*thread-list]
    thread-list    = "(" (thread-members / thread-nested) ")"
    thread-members = nz-number *(SP nz-number) [SP thread-nested]
    thread-nested  = 2*thread-list

Threads are remembered (answers.py), those of each set of messages apart and with the image only: what was not found
counts as missing.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pillarbox.imap.answers import Question, answer_of
from pillarbox.imap.command import BY_NUMBER, Area, Capability, Command
from pillarbox.imap.commands.message_limit import check_whole
from pillarbox.imap.named_searches import fetch_filters
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.replies import LOGGED_IN, Replies, State
from pillarbox.imap.search_keys import KeyReader, SearchProgram
from pillarbox.imap.search_results import check_program, find, names_numbers, still_there
from pillarbox.imap.session import Session
from pillarbox.imap.sort_table import Facet, SortTable, sort_table
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.search.threads import Forest, Letters, by_ordered_subject, by_references, by_refs

ALGORITHMS: Final = {"ORDEREDSUBJECT": by_ordered_subject, "REFERENCES": by_references, "REFS": by_refs}
"""Adding one is one row here and one capability."""

_FACETS: Final = (Facet.SENT, Facet.SUBJECT, Facet.REPLY, Facet.MESSAGE_ID, Facet.REFERENCES)


@dataclass(frozen=True, slots=True)
class _Thread:
    algorithm: str
    program: SearchProgram


@dataclass(frozen=True, slots=True)
class _Threads:
    """Threads of messages, written down: `template % tuple of the numbers in order`."""

    template: bytes
    order: list[int]
    """Which of the messages that were threaded, counted from 0, stands where."""


def _parse(cursor: Cursor, session: Session) -> _Thread:
    algorithm = cursor.word()
    if algorithm not in ALGORITHMS:
        raise BadSyntax("There is no such threading algorithm")
    cursor.space()
    program = KeyReader(cursor, session.services.limits, session.filters.get).criteria()
    check_program(program, session)
    return _Thread(algorithm, program)


async def _thread_numbers(session: Session, asked: _Thread) -> Replies:
    found, threads = await _threaded(session, asked)
    yield _line(threads, [index + 1 for index in found])


async def _thread_uids(session: Session, asked: _Thread) -> Replies:
    found, threads = await _threaded(session, asked)
    yield _line(threads, session.selected.uids_of(found))


def _line(threads: _Threads, names: Sequence[int]) -> bytes:
    lists = threads.template % tuple(map(names.__getitem__, threads.order))
    return b"* THREAD %b\r\n" % lists if lists else b"* THREAD\r\n"


async def _threaded(session: Session, asked: _Thread) -> tuple[Sequence[int], _Threads]:
    """The indices in the view of what matches, and their threads."""
    found = (await find(session, asked.program)).indices
    check_whole(session, found)
    view, algorithm = session.selected, ALGORITHMS[asked.algorithm]
    while True:
        uids = view.image.uids
        found = still_there(view, found)
        rows = view.rows_of(found)
        if len(rows) == len(uids):
            threads = await answer_of(session.mail, view.image, _question(asked.algorithm, algorithm))
        else:
            threads = await _some(session, rows, asked.algorithm)
        if len(threads.order) == len(rows) and uids is view.image.uids:  # else the mailbox changed meanwhile
            return found, threads


def _question(name: str, algorithm: Callable[[Letters], Forest]) -> Question[_Threads]:
    def work(table: SortTable, count: int, _: _Threads | None) -> _Threads:
        return write_threads(algorithm(Letters(*(table.columns[facet][:count] for facet in _FACETS))))

    return Question(f"THREAD {name}", _FACETS, work, _pack, _unpack)


def _pack(threads: _Threads) -> bytes:
    """Their number, the order as numbers of 32 bits, the template."""
    return struct.pack("<I", len(threads.order)) + array("I", threads.order).tobytes() + threads.template


def _unpack(packed: bytes) -> _Threads:
    (count,) = struct.unpack_from("<I", packed)
    end = 4 + 4 * count
    return _Threads(packed[end:], array("I", packed[4:end]).tolist())


async def _some(session: Session, rows: Sequence[int], algorithm: str) -> _Threads:
    """Threads of some rows; whatever, when messages vanish meanwhile."""
    image = session.selected.image
    uids = image.uids
    table = await sort_table(session.mail, image, _FACETS)
    if image.uids is not uids:
        return _Threads(b"", [])

    def column(facet: Facet) -> list[Any]:  # Any: by facet
        values = table.columns[facet]
        return [values[row] for row in rows]

    name = (algorithm, array("I", rows).tobytes())
    work = ALGORITHMS[algorithm]
    return await table.worked_out(name, len(uids), lambda: write_threads(work(Letters(*map(column, _FACETS)))))


def write_threads(forest: Forest) -> _Threads:
    """1*thread-list, however deep: what is still to be written waits on a list."""
    count, children = forest.count, forest.children
    pieces: list[bytes] = []
    order: list[int] = []
    waiting = list(reversed(forest.roots))
    end = -1
    while waiting:
        node = waiting.pop()
        if node == end:
            pieces.append(b")")
            continue
        if node < count and node not in children:
            pieces.append(b"(%d)")
            order.append(node)
            continue
        pieces.append(b"(")
        while node < count:
            pieces.append(b"%d")
            order.append(node)
            below = children.get(node, ())
            if not below:
                break
            pieces.append(b" ")
            if len(below) > 1:
                break
            node = below[0]
        waiting.append(end)
        if node >= count or len(children.get(node, ())) > 1:
            waiting += reversed(children[node])
    return _Threads(b"".join(pieces), order)


def _keeps_numbers(asked: _Thread) -> bool:
    return names_numbers(asked.program)


AREA = Area(
    commands=(
        Command("THREAD", State.SELECTED, _thread_numbers, "5256 3", _parse, BY_NUMBER, fetch_filters),
        Command(
            "UID THREAD",
            State.SELECTED,
            _thread_uids,
            "5256 3",
            _parse,
            prepare=fetch_filters,
            keeps_numbers=_keeps_numbers,
        ),
    ),
    capabilities=tuple(Capability(f"THREAD={name}", "5256", LOGGED_IN) for name in ALGORITHMS),
)
