"""What SEARCH and SORT share beyond their keys: result options, ESEARCH responses, and the finding itself.

RFC 9051 section 6.4.4 and 7.3.4, ESEARCH (RFC 4731), SEARCHRES (RFC 5182), ESORT (RFC 5267 section 3), PARTIAL
(RFC 9394), RELEVANCY (RFC 6203), mod-sequences (RFC 7162 section 3.1.6 and 3.1.10).

What is searched is what the client knows: messages that it was not told of yet are not found, messages that
have vanished meanwhile are not found either, and numbers mean what they mean to the client.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pillarbox.imap.commands.fetch_items import FetchItem, parse_items
from pillarbox.imap.features import Feature
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.search_corpus import ViewCorpus
from pillarbox.imap.search_keys import CHARSETS, SearchProgram
from pillarbox.imap.session import Session
from pillarbox.imap.view import View
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.writer import string
from pillarbox.mail.uids import UidSet
from pillarbox.search.evaluate import ranked_rows
from pillarbox.search.query import ModSeq, Numbers, leaves
from pillarbox.search.ranking import HIGHEST

RESULT_OPTIONS: Final = ("MIN", "MAX", "ALL", "COUNT", "SAVE", "PARTIAL", "CONTEXT", "UPDATE", "RELEVANCY")


@dataclass(frozen=True, slots=True)
class ResultOptions:
    """What RETURN names."""

    names: frozenset[str]
    partial: tuple[int, int] | None = None
    """Ends of a range of results from 1, or negative, from the last."""
    update_items: tuple[FetchItem, ...] = ()
    """What UPDATE wants to be told of messages that are new in the result."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found."""

    indices: Sequence[int]
    """In the view, ascending."""
    scores: Mapping[int, int]
    """By index, where keys were matched fuzzily."""

    def relevancy(self, ordered: Sequence[int]) -> list[int]:
        """The score of each of these indices, 1 to 100 (RFC 6203 section 4): what only exact keys found has 100."""
        return [self.scores.get(index, HIGHEST) for index in ordered]


ALL_RESULTS: Final = ResultOptions(frozenset({"ALL"}))


def read_result_options(cursor: Cursor, session: Session) -> ResultOptions:
    """search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")": from the parenthesis.

    modifier-context = "CONTEXT"; modifier-partial = "PARTIAL" SP partial-range.
    modifier-update = "UPDATE" [SP "(" fetch-att *(SP fetch-att) ")"] (RFC 5465 section 7).
    "A single command MUST NOT contain more than one PARTIAL or ALL" (RFC 9394 section 3.1). An empty list means ALL.
    """
    names: list[str] = []
    partial = None
    update_items: tuple[FetchItem, ...] = ()
    cursor.expect(b"(")
    while not cursor.skip(b")"):
        if names:
            cursor.space()
        name = cursor.word()
        if name not in RESULT_OPTIONS:
            raise BadSyntax("There is no such result option")
        names.append(name)
        if name == "PARTIAL":
            cursor.space()
            partial = cursor.partial_range()
        elif name == "UPDATE" and cursor.skip(b" ("):
            update_items = parse_items(cursor, session)
    if names.count("PARTIAL") > 1 or {"PARTIAL", "ALL"} <= set(names):
        raise BadSyntax("PARTIAL may be asked for once, and not together with ALL")
    return ResultOptions(frozenset(names), partial, update_items) if names else ALL_RESULTS


def check_program(program: SearchProgram, session: Session) -> None:
    """Raises BadSyntax for numbers where only UIDs may be used (RFC 9586 section 3.1)."""
    if Feature.UIDONLY in session.features and names_numbers(program):
        raise BadSyntax("With UIDONLY, name messages by UID", "UIDREQUIRED")


def check_relevancy(program: SearchProgram, names: Collection[str]) -> None:
    """Raises BadSyntax when result options or sort keys have RELEVANCY, and no search key is FUZZY (RFC 6203 section 4
    and 6)."""
    if "RELEVANCY" in names and not program.is_fuzzy:
        raise BadSyntax("RELEVANCY goes with the search key FUZZY")


def names_numbers(program: SearchProgram) -> bool:
    """Whether there are message numbers among the keys: then no EXPUNGE may follow (RFC 7162 section 3.2.10.2)."""
    return any(isinstance(leaf, Numbers) for leaf in leaves(program.query))


async def find(session: Session, program: SearchProgram, options: ResultOptions | None = None) -> Found:
    """What matches. Raises Refused for an unknown charset.

    With SAVE, `$` is empty until save() is called, so also when it comes to a NO (RFC 5182 section 2.1).
    """
    view, saved = session.selected, session.selected.saved_uids
    if options and "SAVE" in options.names:
        view.saved_uids = ()
    return await find_in(session, view, program, saved)


async def find_in(session: Session, view: View, program: SearchProgram, saved: Sequence[int]) -> Found:
    """The same in any view; `saved` is what `$` stands for. Raises MailboxMissing."""
    if asks_modseq(program):
        session.features.add(Feature.CONDSTORE)
    if not program.charset_is_known:
        raise Refused("That charset can't be searched in", f"BADCHARSET ({' '.join(CHARSETS)})")
    await session.mail.image(view.image.mailbox.id)
    now_seconds = int(session.services.clock.now_seconds())
    corpus = ViewCorpus(view, session.mail, UidSet.of(saved), now_seconds)
    found = await ranked_rows(program.query, corpus)
    return Found(still_there(view, found.rows), found.scores)


def still_there(view: View, indices: Sequence[int]) -> Sequence[int]:
    """Without those whose messages have vanished."""
    rows = view.rows_of(indices)
    if rows is indices:
        return indices
    return [index for index, row in zip(indices, rows, strict=True) if row >= 0]


def save(view: View, ordered: Sequence[int], options: ResultOptions | None) -> None:
    """Set `$` to what the options speak of, when they ask for it. `ordered`: indices in the order of the answer."""
    if options and "SAVE" in options.names:
        view.saved_uids = view.uids_of(sorted(_reported(ordered, options)))


def asks_modseq(program: SearchProgram) -> bool:
    """Whether the answer must name a mod-sequence."""
    return any(isinstance(leaf, ModSeq) for leaf in leaves(program.query))


def modseq_of(view: View, program: SearchProgram, ordered: Sequence[int], options: ResultOptions | None) -> int:
    """The highest mod-sequence of what the options speak of (RFC 4731 section 3.2); 0 when it is not to be told."""
    if not asks_modseq(program):
        return 0
    told = sorted(_reported(ordered, options) if options else ordered)
    return max((view.image.modseqs[row] for row in view.rows_of(told) if row >= 0), default=0)


def _reported(ordered: Sequence[int], options: ResultOptions) -> Iterable[int]:
    """Those that the options speak of: RFC 5182 section 2.4, RFC 4731 section 3.2, RFC 9394 section 3.2 (table 1)."""
    names = options.names
    if not ordered or names & {"ALL", "COUNT"} or not names & {"MIN", "MAX", "PARTIAL"}:
        return ordered
    told = set(part_of(ordered, options.partial)) if options.partial else set()
    if "MIN" in names:
        told.add(ordered[0])
    if "MAX" in names:
        told.add(ordered[-1])
    return told


def part_of(ordered: Sequence[int], partial: tuple[int, int]) -> Sequence[int]:
    """The results in a range, which may reach over either end."""
    first, last = sorted(partial)
    if first > 0:
        return ordered[first - 1 : last]
    count = len(ordered)
    return ordered[max(count + first, 0) : max(count + last + 1, 0)]


def correlator(tag: bytes) -> bytes:
    """search-correlator = SP "(" "TAG" SP tag-string ")", without the space"""
    return b"(TAG %b)" % string(tag)


def esearch(
    about: bytes, options: ResultOptions, shown: Sequence[int], modseq: int, uid: bytes, relevancy: Sequence[int]
) -> bytes:
    """esearch-response = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data); nothing for SAVE alone.

    `about`: the correlator; `shown`: numbers or UIDs, in the order of the answer; `uid`: ` UID` for UIDs;
    `relevancy`: the score of each that is shown.
    """
    if options.names - {"CONTEXT", "UPDATE"} == {"SAVE"}:
        return b""
    data = b"".join(_return_data(options, shown, modseq, relevancy))
    return b"* ESEARCH %b%b%b\r\n" % (about, uid, data)


def _return_data(
    options: ResultOptions, shown: Sequence[int], modseq: int, relevancy: Sequence[int]
) -> Iterator[bytes]:
    """search-return-data = "MIN" SP nz-number / "MAX" SP nz-number / "ALL" SP sequence-set / "COUNT" SP number /
    "MODSEQ" SP mod-sequence-value / "PARTIAL" SP "(" partial-range SP (sequence-set / "NIL") ")" /
    "RELEVANCY" SP score-list

    Nothing but COUNT and PARTIAL is there when nothing was found.
    score-list = "(" [score *(SP score)] ")": with PARTIAL of those in the range, else of all, in their order.
    """
    if shown and "MIN" in options.names:
        yield b" MIN %d" % shown[0]
    if shown and "MAX" in options.names:
        yield b" MAX %d" % shown[-1]
    if shown and "ALL" in options.names:
        yield b" ALL " + ordered_set(shown)
    if options.partial:
        yield b" PARTIAL (%d:%d %b)" % (*options.partial, ordered_set(part_of(shown, options.partial)) or b"NIL")
    scores = part_of(relevancy, options.partial) if options.partial else relevancy
    if scores and "RELEVANCY" in options.names:
        yield b" RELEVANCY (%b)" % b" ".join(b"%d" % score for score in scores)
    if "COUNT" in options.names:
        yield b" COUNT %d" % len(shown)
    if modseq:
        yield b" MODSEQ %d" % modseq


def ordered_set(numbers: Sequence[int]) -> bytes:
    """A sequence-set in the order given; ranges only for numbers that ascend one by one (RFC 5267 section 3.2)."""
    pieces: list[str] = []
    first = last = 0
    for number in numbers:
        if number == last + 1 and first:
            last = number
            continue
        if first:
            pieces.append(str(first) if first == last else f"{first}:{last}")
        first = last = number
    if first:
        pieces.append(str(first) if first == last else f"{first}:{last}")
    return ",".join(pieces).encode("ascii")


def number_line(name: bytes, shown: Sequence[int], modseq: int) -> bytes:
    """mailbox-data =/ "SEARCH" *(SP nz-number) [SP search-sort-mod-seq] (RFC 3501, RFC 7162 section 7)

    sort-data = "SORT" *(SP nz-number) [SP search-sort-mod-seq] (RFC 5256, RFC 7162)
    search-sort-mod-seq = "(" "MODSEQ" SP mod-sequence-value ")"
    """
    numbers = (b" %d" * len(shown)) % tuple(shown)
    return b"* %b%b%b\r\n" % (name, numbers, b" (MODSEQ %d)" % modseq if modseq else b"")
