"""Search keys as they come over the wire: each key, the grammar around them, and what is refused."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.imap.limits import ImapLimits
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.search_keys import SEARCH_KEYS, KeyReader, SearchProgram
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.framer import Literal, RawCommand
from pillarbox.search import query as q
from pillarbox.search.fuzzy import Fuzzy, Where

DAY = datetime.date(1994, 2, 1)
SEEN, DELETED = q.HasFlag("\\Seen"), q.HasFlag("\\Deleted")
LIMITS = ImapLimits()
FILTERS = {
    "unread": b"UNSEEN",
    "vague": b"FUZZY TEXT lantern",
    "both": b"SEEN (DELETED)",
    "literal": b"SUBJECT {5}\r\nK\xc3\xa4se SEEN",
    "short": b"SUBJECT {5}\r\nKs",
    "half": b"OR SEEN",
    "again": b"NOT FILTER again",
    "bomb": b" ".join([b"OR FILTER bomb1 NOT FILTER bomb1"] * 9),
    **{f"bomb{n}": b"OR FILTER bomb%d NOT FILTER bomb%d" % (n + 1, n + 1) for n in range(1, 7)},
    "bomb7": b" ".join([b"NOT SEEN"] * 9),
    "chain0": b"SEEN",
    **{f"chain{n}": b"FILTER chain%d" % (n - 1) for n in range(1, 12)},
    "large": b"TEXT {60000}\r\n" + b"x" * 60_000,
}


def read(*pieces: bytes, limits: ImapLimits = LIMITS) -> SearchProgram:
    """Text, literal, text, literal ... text."""
    literals = tuple(Literal(piece, binary=False) for piece in pieces[1::2])
    cursor = Cursor(RawCommand(pieces[::2], literals))
    program = KeyReader(cursor, limits, FILTERS.get).program()
    cursor.end()
    return program


def query_of(*pieces: bytes) -> q.Query:
    return read(*pieces).query


KNOWN = {
    b"1,3:5,*:7": q.Numbers(((1, 1), (3, 5), (0, 7))),
    b"$": q.Saved(),
    b"ALL": q.All(),
    b"ANSWERED": q.HasFlag("\\Answered"),
    b"BCC x": q.Address("Bcc", "x"),
    b"BEFORE 1-Feb-1994": q.Before(DAY),
    b'BODY "two words"': q.Body("two words"),
    b"CC x": q.Address("Cc", "x"),
    b"DELETED": DELETED,
    b"DRAFT": q.HasFlag("\\Draft"),
    b"FILTER Unread": q.Not(SEEN),
    b"FLAGGED": q.HasFlag("\\Flagged"),
    b'FUZZY SUBJECT "IMAP break"': Fuzzy(Where.SUBJECT, "IMAP break"),
    b"FROM Smith": q.Address("From", "Smith"),
    b'HEADER X-Odd ""': q.Header("X-Odd", ""),
    b'HEADER "message-id" <a@b>': q.Header("message-id", "<a@b>"),
    b"KEYWORD $Junk": q.HasFlag("$Junk"),
    b"LARGER 4294967296": q.Larger(4294967296),
    b"MODSEQ 620162338": q.ModSeq(620162338),
    b'MODSEQ "/flags/\\\\draft" all 620162338': q.ModSeq(620162338, "/flags/\\draft", "ALL"),
    b"NEW": q.And((q.Recent(), q.Not(SEEN))),
    b"NOT SEEN": q.Not(SEEN),
    b"OLD": q.Not(q.Recent()),
    b"OLDER 259200": q.Older(259200),
    b'ON "01-feb-1994"': q.On(DAY),
    b"OR SEEN DELETED": q.Or((SEEN, DELETED)),
    b"RECENT": q.Recent(),
    b"SAVEDATESUPPORTED": q.All(),
    b"SAVEDBEFORE 1-Feb-1994": q.SavedBefore(DAY),
    b"SAVEDON 1-Feb-1994": q.SavedOn(DAY),
    b"SAVEDSINCE 1-Feb-1994": q.SavedSince(DAY),
    b"SEEN": SEEN,
    b"SENTBEFORE 1-Feb-1994": q.SentBefore(DAY),
    b"SENTON 1-Feb-1994": q.SentOn(DAY),
    b"SENTSINCE 1-Feb-1994": q.SentSince(DAY),
    b"SINCE 1-Feb-1994": q.Since(DAY),
    b"SMALLER 4096": q.Smaller(4096),
    b"SUBJECT x": q.Header("Subject", "x"),
    b"TEXT x": q.Text("x"),
    b"EMAILID m-1_A": q.EmailId("m-1_A"),
    b"THREADID T64b478a75b7ea9": q.ThreadId("T64b478a75b7ea9"),
    b"TO x": q.Address("To", "x"),
    b"UIDAFTER 7": q.Uids(((8, 4294967295),)),
    b"UIDAFTER 4294967295": q.Uids(()),
    b"UIDBEFORE 7": q.Uids(((1, 6),)),
    b"UIDBEFORE 1": q.Uids(()),
    b"UID 7:*": q.Uids(((7, 0),)),
    b"UID $": q.Saved(),
    b"UNANSWERED": q.Not(q.HasFlag("\\Answered")),
    b"UNDELETED": q.Not(DELETED),
    b"UNDRAFT": q.Not(q.HasFlag("\\Draft")),
    b"UNFLAGGED": q.Not(q.HasFlag("\\Flagged")),
    b"UNKEYWORD $Junk": q.Not(q.HasFlag("$Junk")),
    b"UNSEEN": q.Not(SEEN),
    b"YOUNGER 259200": q.Younger(259200),
}


@pytest.mark.parametrize("text", KNOWN)
def test_a_key_is_read(text: bytes) -> None:
    assert query_of(text) == KNOWN[text]


def test_every_key_of_the_table_is_tried() -> None:
    assert {text.split()[0].decode() for text in KNOWN} >= {*SEARCH_KEYS}


@pytest.mark.parametrize("text", [text for text in KNOWN if b"/flags/" not in text])
def test_names_of_keys_come_in_any_case(text: bytes) -> None:
    name, space, argument = text.partition(b" ")
    if name != b"NOT" and name != b"OR":
        assert query_of(name.lower() + space + argument) == KNOWN[text]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        (b"FUZZY FROM x", Fuzzy(Where.FROM, "x")),
        (b"FUZZY TO x", Fuzzy(Where.TO, "x")),
        (b"FUZZY CC x", Fuzzy(Where.CC, "x")),
        (b"FUZZY BCC x", Fuzzy(Where.BCC, "x")),
        (b"FUZZY BODY x", Fuzzy(Where.BODY, "x")),
        (b"FUZZY TEXT x", Fuzzy(Where.TEXT, "x")),
        (b"FUZZY HEADER From x", Fuzzy(Where.FROM, "x")),
        (b"FUZZY FUZZY TEXT x", Fuzzy(Where.TEXT, "x")),
        (b"FUZZY (TEXT x SEEN)", q.And((Fuzzy(Where.TEXT, "x"), SEEN))),
        (b"FUZZY OR TEXT x SUBJECT y", q.Or((Fuzzy(Where.TEXT, "x"), Fuzzy(Where.SUBJECT, "y")))),
        (b"FUZZY SUBJECT work FROM a", q.And((Fuzzy(Where.SUBJECT, "work"), q.Address("From", "a")))),
        (b"NOT FUZZY TEXT x", q.Not(Fuzzy(Where.TEXT, "x"))),
        (b"FUZZY NOT TEXT x", q.Not(q.Text("x"))),
        (b'FUZZY SUBJECT ""', q.Header("Subject", "")),
        (b'FUZZY TEXT "!?"', q.Text("!?")),
        (b"FUZZY HEADER X-Odd x", q.Header("X-Odd", "x")),
        (b"FUZZY SINCE 1-Feb-1994", q.Since(DAY)),
    ],
)
def test_texts_within_fuzzy_are_fuzzy_and_all_else_is_exact(text: bytes, query: q.Query) -> None:
    program = read(text)
    assert program.query == query
    assert program.is_fuzzy


def test_the_number_of_different_fuzzy_texts_is_bounded() -> None:
    assert read(b" ".join(b"FUZZY TEXT w%d" % (number % 16) for number in range(40))).is_fuzzy
    with pytest.raises(Refused) as refused:
        read(b" ".join(b"FUZZY TEXT w%d" % number for number in range(17)))
    assert refused.value.code == "LIMIT"


def test_a_filter_may_be_fuzzy() -> None:
    assert read(b"FILTER vague").is_fuzzy
    assert not read(b"FILTER unread").is_fuzzy


def test_keys_side_by_side_must_all_match() -> None:
    expected = q.And((DELETED, q.Address("From", "SMITH"), q.Since(DAY)))
    assert query_of(b'DELETED FROM "SMITH" SINCE 1-Feb-1994') == expected


def test_parentheses_hold_keys_together() -> None:
    assert query_of(b"(OR $ 1,3000:3021) TEXT x") == q.And(
        (q.Or((q.Saved(), q.Numbers(((1, 1), (3000, 3021))))), q.Text("x"))
    )
    assert query_of(b"NOT (SEEN DELETED)") == q.Not(q.And((SEEN, DELETED)))
    assert query_of(b"((SEEN))") == SEEN


@pytest.mark.parametrize(
    "text", [b"OR SEEN OR DELETED 1", b"OR OR SEEN DELETED 1", b"OR (OR SEEN DELETED) (1)", b"OR SEEN (OR DELETED 1)"]
)
def test_or_of_or_is_one_or(text: bytes) -> None:
    assert query_of(text) == q.Or((SEEN, DELETED, q.Numbers(((1, 1),))))


def test_not_of_not_is_nothing_special() -> None:
    assert query_of(b"NOT NOT SEEN") == SEEN
    assert query_of(b"NOT NOT NOT SEEN DELETED") == q.And((q.Not(SEEN), DELETED))


def test_long_chains_of_or_and_not_are_no_nesting() -> None:
    terms = tuple(q.Header("Message-ID", str(number)) for number in range(300))
    keys = [b"HEADER Message-ID %d" % number for number in range(300)]
    assert query_of(b"OR " * 299 + b" ".join(keys)) == q.Or(terms)
    assert query_of(b"OR " + b" OR ".join(keys) + b" ALL") == q.Or((*terms, q.All()))
    assert query_of(b"NOT " * 700 + b"SEEN") == SEEN


# --- texts and charsets --------------------------------------------------------------------------------


def test_a_text_comes_as_atom_quoted_string_or_literal() -> None:
    assert query_of(b"SUBJECT x") == query_of(b'SUBJECT "x"') == query_of(b"SUBJECT ", b"x", b"")
    assert query_of(b"OR SUBJECT ", b'a"b\r\n', b" BODY ", b"", b"") == q.Or(
        (q.Header("Subject", 'a"b\r\n'), q.Body(""))
    )


@pytest.mark.parametrize("charset", [b"", b"CHARSET UTF-8 ", b"charset utf-8 ", b'CHARSET "UTF-8" '])
def test_texts_are_utf8(charset: bytes) -> None:
    assert query_of(charset + b"TEXT ", "отпуск".encode(), b"") == q.Text("отпуск")
    assert query_of(charset + b'TEXT "' + "мать".encode() + b'"') == q.Text("мать")


def test_whether_a_charset_is_named_and_known_is_told() -> None:
    assert read(b"TEXT x") == SearchProgram(q.Text("x"))
    assert read(b"CHARSET US-ASCII TEXT x") == SearchProgram(q.Text("x"), names_charset=True)
    unknown = read(b"CHARSET KOI8-R (OR $ 1,3000:3021) TEXT ", b"\xcd\xc1\xd4\xd8", b"")
    assert (unknown.names_charset, unknown.charset_is_known) == (True, False)


@pytest.mark.parametrize("charset", [b"rot13", b"unicode_escape", b"idna", b"utf-7", b"latin-1", b'""'])
def test_only_the_two_charsets_are_known(charset: bytes) -> None:
    assert not read(b"CHARSET %b TEXT x" % charset).charset_is_known


@pytest.mark.parametrize(
    "pieces", [(b"CHARSET US-ASCII TEXT ", b"\xc3\xa9", b""), (b"TEXT ", b"\xe9", b""), (b'SUBJECT "\xe9"',)]
)
def test_a_text_that_is_not_in_its_charset_is_bad(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(BadSyntax):
        read(*pieces)


# --- what is refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        b"", b" ", b"NOSUCHKEY", b"()", b"(SEEN", b"SEEN)", b"( SEEN)", b"SEEN,DELETED", b"NOT", b"OR SEEN", b"OR",
        b"FROM", b"HEADER x", b"SINCE 2003-07-01", b"SINCE 31-Feb-2003", b"SINCE", b"LARGER -1", b"LARGER x",
        b"LARGER 9223372036854775808", b"YOUNGER 0", b"OLDER", b"UID", b"UID x", b"0", b"1:0", b"4294967296", b"1,,2",
        b"KEYWORD \\Seen", b"KEYWORD", b'KEYWORD "x"', b"MODSEQ", b'MODSEQ "/flags/x" 5', b'MODSEQ "/x" all 5',
        b'MODSEQ "/flags/x" none 5', b'SUBJECT "x', b"CHARSET", b"CHARSET UTF-8", b"RETURN (ALL) SEEN",
        b"SEEN CHARSET UTF-8",
        b"SEENDELETED", b'SEEN"x"', b"{3}", b"\xff", b"NOT(SEEN)",
    ],
)  # fmt: skip
def test_what_is_no_search_program_is_bad(text: bytes) -> None:
    with pytest.raises(BadSyntax):
        read(text)


@pytest.mark.parametrize("opening", [b"(", b"NOT (", b"OR NOT ALL ("])
def test_nesting_is_bounded(opening: bytes) -> None:
    per_level = 2 if opening != b"(" else 1
    levels = LIMITS.nesting_depth // per_level
    assert read(opening * levels + b"SEEN" + b")" * levels + b"") is not None
    with pytest.raises(BadSyntax, match="nested"):
        read(opening * (levels + 1) + b"SEEN" + b")" * (levels + 1))
    with pytest.raises(BadSyntax, match="nested"):
        read(opening * 10_000)


@pytest.mark.parametrize("text", [b"SEEN " * 2_000 + b"SEEN", b"OR " * 20_000, b"NOT " * 20_000, b"1 " * 2_000])
def test_the_number_of_keys_is_bounded(text: bytes) -> None:
    with pytest.raises(BadSyntax, match="many"):
        read(text)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([*KNOWN, b"(", b")", b" ", b"NOT ", b"OR ", b'"', b"x", b"\xe9", b"CHARSET ", b"UTF-8"]),
        max_size=12,
    )
)
def test_any_text_is_read_or_bad(pieces: list[bytes]) -> None:
    try:
        program = read(b"".join(pieces))
    except (BadSyntax, Refused):
        return
    assert list(q.leaves(program.query))


# --- FILTER (RFC 5466) ---------------------------------------------------------------------------------


def test_a_filter_is_one_key_wherever_it_stands() -> None:
    assert query_of(b"NOT FILTER both") == q.Not(q.And((SEEN, DELETED)))
    assert query_of(b"OR FILTER both FILTER unread UID 5") == q.And(
        (q.Or((q.And((SEEN, DELETED)), q.Not(SEEN))), q.Uids(((5, 5),)))
    )
    assert query_of(b"FILTER literal FLAGGED") == q.And(
        (q.Header("Subject", "K\u00e4se"), SEEN, q.HasFlag("\\Flagged"))
    )


def test_filters_name_filters_up_to_eight_deep() -> None:
    assert query_of(b"FILTER chain7") == SEEN


@pytest.mark.parametrize("name", ["none", "again", "half", "short", "chain9", "bomb"])
def test_a_filter_that_leads_nowhere_is_undefined(name: str) -> None:
    with pytest.raises(Refused) as refused:
        read(b"SEEN FILTER " + name.encode())
    assert refused.value.code.startswith("UNDEFINED-FILTER ")


def test_filters_are_not_read_past_the_size_of_a_command() -> None:
    with pytest.raises(Refused, match="too long together"):
        read(b" ".join([b"FILTER large"] * 18))


def test_a_filter_goes_with_utf_8_alone() -> None:
    assert query_of(b"CHARSET US-ASCII FILTER unread") == q.Not(SEEN)
    with pytest.raises(BadSyntax) as refused:
        read(b"CHARSET KOI8-R FILTER unread")
    assert refused.value.code == "BADCHARSET (US-ASCII UTF-8)"
