"""SEARCH and UID SEARCH (RFC 9051 section 6.4.4 and 6.4.9, RFC 3501 section 6.4.4).

ESEARCH (RFC 4731), SEARCHRES (RFC 5182), WITHIN (RFC 5032), the mod-sequence of what was found (RFC 7162
section 3.1.6 and 3.1.10).

What is searched is what the client knows: messages that it was not told of yet are not found, messages that
have vanished meanwhile are not found either, and numbers mean what they mean to the client.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pillarbox.imap.command import Area, Capability, Command, Trait
from pillarbox.imap.features import Feature
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.replies import LOGGED_IN, Done, Replies, State
from pillarbox.imap.search_corpus import ViewCorpus
from pillarbox.imap.search_keys import CHARSETS, KeyReader, SearchProgram
from pillarbox.imap.session import Session
from pillarbox.imap.view import View
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.writer import string
from pillarbox.mail.uids import UidSet
from pillarbox.search.evaluate import matching_rows
from pillarbox.search.query import ModSeq, Numbers, leaves

RESULT_OPTIONS: Final = ("MIN", "MAX", "ALL", "COUNT", "SAVE")


@dataclass(frozen=True, slots=True)
class _Search:
    program: SearchProgram
    options: frozenset[str] | None
    """What RETURN names, ALL when it names nothing; None without RETURN."""


# search = "SEARCH" [search-return-opts] SP search-program
def _parse(cursor: Cursor, session: Session) -> _Search:
    first_word = cursor.word() if cursor.peek().isalpha() else ""
    options = None
    if first_word == "RETURN":
        cursor.space()
        options = _parse_options(cursor)
        cursor.space()
        first_word = ""
    program = KeyReader(cursor, session.services.limits).program(first_word)
    if Feature.UIDONLY in session.features and any(isinstance(leaf, Numbers) for leaf in leaves(program.query)):
        raise BadSyntax("With UIDONLY, name messages by UID", "UIDREQUIRED")
    if program.names_charset and Feature.UTF8_ACCEPT in session.features:
        raise BadSyntax("With UTF8=ACCEPT, SEARCH takes no CHARSET (RFC 6855 section 3)")
    return _Search(program, options)


# search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
def _parse_options(cursor: Cursor) -> frozenset[str]:
    options: set[str] = set()
    cursor.expect(b"(")
    while not cursor.skip(b")"):
        if options:
            cursor.space()
        option = cursor.word()
        if option not in RESULT_OPTIONS:
            raise BadSyntax("There is no such result option")
        options.add(option)
    return frozenset(options or {"ALL"})


async def _search_numbers(session: Session, asked: _Search) -> Replies:
    rows = await _find(session, asked)
    yield _answer(session, asked, rows, [row + 1 for row in rows], b"")
    yield _done(asked, "SEARCH")


async def _search_uids(session: Session, asked: _Search) -> Replies:
    rows = await _find(session, asked)
    yield _answer(session, asked, rows, session.selected.uids_of(rows), b" UID")
    yield _done(asked, "UID SEARCH")


async def _find(session: Session, asked: _Search) -> list[int]:
    """The indices in the view of what matches; with SAVE, `$` is set, or empty when it comes to a NO."""
    view, saved = session.selected, session.selected.saved_uids
    if _asks_modseq(asked):
        session.features.add(Feature.CONDSTORE)
    if asked.options and "SAVE" in asked.options:
        view.saved_uids = ()
    if not asked.program.charset_is_known:
        raise Refused("That charset can't be searched in", f"BADCHARSET ({' '.join(CHARSETS)})")
    await session.mail.image(view.image.mailbox.id)
    now_seconds = int(session.services.clock.now_seconds())
    corpus = ViewCorpus(view, session.mail, UidSet.of(saved), now_seconds)
    found = await matching_rows(asked.program.query, corpus)
    found = [index for index, row in zip(found, view.rows_of(found), strict=True) if row >= 0]
    if asked.options and "SAVE" in asked.options:
        view.saved_uids = view.uids_of(_reported(found, asked.options))
    return found


def _reported(found: list[int], options: frozenset[str]) -> list[int]:
    """Those of `found` that the options speak of: RFC 5182 section 2.4, RFC 4731 section 3.2."""
    if not found or not options & {"MIN", "MAX"} or options & {"ALL", "COUNT"}:
        return found
    ends = {found[0]} if "MIN" in options else set()
    return sorted(ends | ({found[-1]} if "MAX" in options else set()))


def _asks_modseq(asked: _Search) -> bool:
    return any(isinstance(leaf, ModSeq) for leaf in leaves(asked.program.query))


def _answer(session: Session, asked: _Search, found: list[int], shown: Sequence[int], uid: bytes) -> bytes:
    """The untagged response. `shown` are the numbers or UIDs of `found`; `uid` says which, in ESEARCH."""
    options = asked.options
    if options is None and Feature.IMAP4REV2 in session.features:
        options = frozenset({"ALL"})
    modseq = 0
    if found and _asks_modseq(asked):
        modseq = _highest_modseq(session.selected, _reported(found, options or frozenset()))
    if options is None:
        return _search_line(shown, modseq)
    if options == {"SAVE"}:
        return b""
    return b"* ESEARCH (TAG %b)%b%b\r\n" % (string(session.tag), uid, _return_data(shown, options, modseq))


def _highest_modseq(view: View, indices: list[int]) -> int:
    return max(view.image.modseqs[row] for row in view.rows_of(indices) if row >= 0)


def _search_line(shown: Sequence[int], modseq: int) -> bytes:
    """mailbox-data =/ "SEARCH" *(SP nz-number) [SP search-sort-mod-seq] (RFC 3501, RFC 7162 section 7)

    search-sort-mod-seq = "(" "MODSEQ" SP mod-sequence-value ")"
    """
    numbers = "".join(f" {number}" for number in shown)
    tail = f" (MODSEQ {modseq})" if modseq else ""
    return f"* SEARCH{numbers}{tail}\r\n".encode("ascii")


def _return_data(shown: Sequence[int], options: frozenset[str], modseq: int) -> bytes:
    """search-return-data = "MIN" SP nz-number / "MAX" SP nz-number / "ALL" SP sequence-set / "COUNT" SP number /
    "MODSEQ" SP mod-sequence-value; nothing but COUNT is there when nothing was found."""
    data = []
    if shown and "MIN" in options:
        data.append(f" MIN {shown[0]}")
    if shown and "MAX" in options:
        data.append(f" MAX {shown[-1]}")
    if shown and "ALL" in options:
        data.append(f" ALL {UidSet.of(shown)}")
    if "COUNT" in options:
        data.append(f" COUNT {len(shown)}")
    if modseq:
        data.append(f" MODSEQ {modseq}")
    return "".join(data).encode("ascii")


def _done(asked: _Search, name: str) -> Done:
    saved = ", result saved" if asked.options and "SAVE" in asked.options else ""
    return Done(text=f"{name} completed{saved}")


_BY_NUMBER: Final = Trait.KEEPS_NUMBERS | Trait.TAKES_NUMBERS

AREA = Area(
    commands=(
        Command("SEARCH", State.SELECTED, _search_numbers, "9051 6.4.4", _parse, _BY_NUMBER),
        Command("UID SEARCH", State.SELECTED, _search_uids, "9051 6.4.9", _parse),
    ),
    capabilities=(
        Capability("ESEARCH", "4731", LOGGED_IN),
        Capability("SEARCHRES", "5182", LOGGED_IN),
        Capability("WITHIN", "5032", LOGGED_IN),
    ),
)
