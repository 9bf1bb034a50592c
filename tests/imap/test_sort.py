"""SORT and THREAD in a conversation: keys, charsets, result options, views that lag behind, tables that follow."""

from __future__ import annotations

import random

import pytest

from pillarbox.imap import sort_table
from pillarbox.store.contract import NewMessage
from tests.search.talk import Talk, letter

BY_DATE = b"(DATE) UTF-8 ALL"


def mail(subject: str, day: int = 0, *, sender: str = "ann@example.org", more: str = "") -> NewMessage:
    """Sent on a day of January 2024, or without a Date when that is 0; arrived at second 1,770,000,000."""
    date = f"Date: {day:02d} Jan 2024 12:00:00 +0000\r\n" if day else ""
    header = f"From: {sender}\r\nSubject: {subject}\r\n{date}{more}\r\n"
    return letter(header.encode(), seconds=1_770_000_000)


async def lines(talk: Talk, command: bytes) -> list[bytes]:
    return (await talk.say(b"a " + command)).split(b"\r\n")[:-1]


async def untagged(talk: Talk, command: bytes) -> bytes:
    """The one untagged response of a command that is done."""
    found = await lines(talk, command)
    assert found[-1].startswith(b"a OK"), found
    assert len(found) == 2, found
    return found[0]


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        (b"SUBJECT", b"5 1 4 2 3"),
        (b"SUBJECT DATE", b"5 4 1 2 3"),
        (b"REVERSE SUBJECT", b"3 2 1 4 5"),
        (b"REVERSE SUBJECT REVERSE DATE", b"3 2 1 4 5"),
        (b"DATE", b"4 2 1 3 5"),
        (b"ARRIVAL", b"1 2 3 4 5"),
        (b"REVERSE ARRIVAL", b"1 2 3 4 5"),
        (b"FROM SUBJECT", b"5 1 4 2 3"),
        (b"REVERSE FROM", b"3 2 1 4 5"),
        (b"DISPLAYFROM", b"3 2 1 4 5"),
        (b"TO", b"1 3 4 5 2"),
        (b"DISPLAYTO", b"1 3 4 5 2"),
        (b"CC", b"1 2 4 5 3"),
        (b"SIZE", b"5 1 4 2 3"),
        (b"date", b"4 2 1 3 5"),
    ],
)
async def test_every_key_sorts(criteria: bytes, expected: bytes) -> None:
    talk = await Talk.open(
        [
            mail("apple", 9),
            mail("Re: [list] Banana", 5, sender="Abe <carl@example.org>", more="To: somebody@example.org\r\n"),
            mail("=?utf-8?q?=C3=A9clair?=", 12, sender="Aaron <dora@example.org>", more="Cc: eve@example.org\r\n"),
            mail("Fwd: APPLE", 2),
            mail(""),
        ]
    )
    assert await untagged(talk, b"SORT (%b) UTF-8 ALL" % criteria) == b"* SORT " + expected
    assert await untagged(talk, b"UID SORT (%b) US-ASCII 1:*" % criteria) == b"* SORT " + expected


async def test_what_is_searched_for_is_sorted() -> None:
    talk = await Talk.open([mail(subject) for subject in ("c", "b", "xa", "a")])
    assert await untagged(talk, b'SORT (SUBJECT) UTF-8 NOT SUBJECT "x"') == b"* SORT 4 2 1"
    assert await untagged(talk, b'SORT (SUBJECT) UTF-8 SUBJECT "nothing"') == b"* SORT"
    assert await untagged(talk, b"SORT (SUBJECT) UTF-8 2 ") == b"* SORT 2"
    assert await untagged(talk, b"SORT (SUBJECT) UTF-8 MODSEQ 1 1:2") == b"* SORT 2 1 (MODSEQ 2)"


@pytest.mark.parametrize(
    "command",
    [
        b"SORT (SUBJECT) ALL",
        b"SORT () UTF-8 ALL",
        b"SORT (REVERSE) UTF-8 ALL",
        b"SORT (REVERSE REVERSE DATE) UTF-8 ALL",
        b"SORT (COLOUR) UTF-8 ALL",
        b"SORT SUBJECT UTF-8 ALL",
        b"SORT (SUBJECT UTF-8 ALL",
        b"SORT (SUBJECT) UTF-8",
        b"SORT RETURN (NONSENSE) (SUBJECT) UTF-8 ALL",
        b"SORT RETURN (ALL PARTIAL 1:2) (SUBJECT) UTF-8 ALL",
        b"SEARCH RETURN (PARTIAL 1:2 PARTIAL 1:2) ALL",
        b"SEARCH RETURN (PARTIAL 0:2) ALL",
        b"THREAD REFERENCES ALL",
        b"THREAD FRIENDSHIP UTF-8 ALL",
        b"THREAD REFERENCES UTF-8",
    ],
)
async def test_what_breaks_the_grammar_is_bad(command: bytes) -> None:
    talk = await Talk.open([mail("a")])
    assert (await lines(talk, command))[-1].startswith(b"a BAD")


@pytest.mark.parametrize("command", [b"SORT (SUBJECT)", b"UID SORT (DATE)", b"THREAD REFS", b"UID THREAD REFERENCES"])
async def test_an_unknown_charset_is_refused_with_those_that_are_known(command: bytes) -> None:
    talk = await Talk.open([mail("a")])
    assert (await lines(talk, command + b" KOI8-X ALL"))[-1].startswith(b"a NO [BADCHARSET (US-ASCII UTF-8)]")


async def test_esort_answers_in_order_and_writes_ranges_only_where_numbers_ascend() -> None:
    talk = await Talk.open([mail(subject) for subject in ("e", "f", "g", "d", "c", "a", "b")])

    async def asked(options: bytes) -> bytes:
        return await untagged(talk, b"UID SORT RETURN (%b) (SUBJECT) UTF-8 ALL" % options)

    assert await asked(b"") == b'* ESEARCH (TAG "a") UID ALL 6:7,5,4,1:3'
    assert await asked(b"MIN MAX COUNT") == b'* ESEARCH (TAG "a") UID MIN 6 MAX 3 COUNT 7'
    assert await asked(b"PARTIAL 2:4") == b'* ESEARCH (TAG "a") UID PARTIAL (2:4 7,5,4)'
    assert await asked(b"PARTIAL 4:2 COUNT") == b'* ESEARCH (TAG "a") UID PARTIAL (4:2 7,5,4) COUNT 7'
    assert await asked(b"PARTIAL 6:90") == b'* ESEARCH (TAG "a") UID PARTIAL (6:90 2:3)'
    assert await asked(b"PARTIAL -1:-2") == b'* ESEARCH (TAG "a") UID PARTIAL (-1:-2 2:3)'
    assert await asked(b"PARTIAL 8:9") == b'* ESEARCH (TAG "a") UID PARTIAL (8:9 NIL)'
    assert await asked(b"PARTIAL -8:-9") == b'* ESEARCH (TAG "a") UID PARTIAL (-8:-9 NIL)'


@pytest.mark.parametrize(
    ("options", "answer", "saved"),
    [
        (b"SAVE", b"", b"1:4"),
        (b"SAVE PARTIAL 2:3", b" PARTIAL (2:3 3,2)", b"2:3"),
        (b"SAVE PARTIAL -1:-1 MIN", b" MIN 4 PARTIAL (-1:-1 1)", b"1,4"),
        (b"SAVE PARTIAL 2:2 MAX", b" MAX 1 PARTIAL (2:2 3)", b"1,3"),
        (b"SAVE PARTIAL 2:2 MIN MAX", b" MIN 4 MAX 1 PARTIAL (2:2 3)", b"1,3:4"),
        (b"SAVE PARTIAL 2:2 COUNT", b" PARTIAL (2:2 3) COUNT 4", b"1:4"),
        (b"SAVE MIN", b" MIN 4", b"4"),
    ],
)
async def test_save_keeps_what_the_options_speak_of(options: bytes, answer: bytes, saved: bytes) -> None:
    """RFC 9394 section 3.2, table 1."""
    talk = await Talk.open([mail(subject) for subject in ("d", "c", "b", "a")])
    found = await lines(talk, b"SORT RETURN (%b) (SUBJECT) UTF-8 ALL" % options)
    assert found[:-1] == ([b'* ESEARCH (TAG "a")' + answer] if answer else [])
    assert await untagged(talk, b"SEARCH RETURN () $") == b'* ESEARCH (TAG "a") ALL ' + saved


async def test_with_uidonly_only_the_commands_that_speak_of_uids_are_left() -> None:
    talk = await Talk.open([mail("b"), mail("a")])
    await talk.enable(b"UIDONLY")
    assert (await lines(talk, b"SORT (SUBJECT) UTF-8 ALL"))[-1].startswith(b"a BAD [UIDREQUIRED]")
    assert (await lines(talk, b"THREAD REFS UTF-8 ALL"))[-1].startswith(b"a BAD [UIDREQUIRED]")
    assert (await lines(talk, b"UID SORT (SUBJECT) UTF-8 1:2"))[-1].startswith(b"a BAD [UIDREQUIRED]")
    assert await untagged(talk, b"UID SORT (SUBJECT) UTF-8 UID 1:2") == b"* SORT 2 1"


async def test_the_table_follows_arrivals_and_what_vanishes() -> None:
    """Compared with a table that is made anew, over many changes."""
    dice = random.Random("changes")

    def some(count: int) -> list[NewMessage]:
        ids = [
            f"Message-ID: <m{dice.randrange(60)}@x>\r\nReferences: <m{dice.randrange(60)}@x>\r\n" for _ in range(count)
        ]
        return [mail(dice.choice("abcdefgh"), dice.randrange(0, 28), more=more) for more in ids]

    talk = await Talk.open(some(20))
    inbox = await talk.inbox()
    commands = [
        b"UID SORT (SUBJECT) UTF-8 ALL", b"UID SORT (REVERSE DATE SUBJECT) UTF-8 ALL", b"UID SORT (ARRIVAL) UTF-8 ALL",
        b"UID THREAD REFERENCES UTF-8 ALL", b"UID THREAD ORDEREDSUBJECT UTF-8 NOT SUBJECT a",
        b"SORT (REVERSE SUBJECT) UTF-8 SUBJECT b",
    ]  # fmt: skip
    for _ in range(25):
        if dice.random() < 0.6:
            await talk.account.append(inbox, some(dice.randrange(1, 6)))
        else:
            uids = sorted(dice.sample(list(talk.session.selected.image.uids), 3))
            await talk.say(b"a UID STORE %b +FLAGS.SILENT (\\Deleted)" % b",".join(b"%d" % uid for uid in uids))
            await talk.account.expunge(inbox)
        warm = [(await lines(talk, command))[0] for command in commands]
        await talk.say(b"a NOOP")
        warm = [(await lines(talk, command))[0] for command in commands]
        talk.session.selected.image.companions.clear()
        assert [(await lines(talk, command))[0] for command in commands] == warm


async def test_messages_that_the_client_was_not_told_of_are_not_sorted() -> None:
    talk = await Talk.open([mail("b"), mail("a"), mail("c")])
    await talk.account.append(await talk.inbox(), [mail("aa")])
    found = await lines(talk, b"SORT (SUBJECT) UTF-8 ALL")
    assert found[0] == b"* SORT 2 1 3"
    assert b"* 4 EXISTS" in found
    assert await untagged(talk, b"SORT (SUBJECT) UTF-8 ALL") == b"* SORT 2 4 1 3"


async def test_messages_that_have_vanished_are_not_sorted_and_numbers_stay() -> None:
    talk = await Talk.open([mail("c"), mail("b"), mail("a")])
    assert await untagged(talk, b"THREAD REFS UTF-8 ALL") == b"* THREAD (1)(2)(3)"
    inbox = await talk.inbox()
    await talk.say(b"a STORE 2 +FLAGS.SILENT (\\Deleted)")
    await talk.account.expunge(inbox)
    assert await lines(talk, b"SORT (SUBJECT) UTF-8 ALL") == [b"* SORT 3 1", b"a OK SORT completed"]
    assert await lines(talk, b"THREAD REFS UTF-8 ALL") == [b"* THREAD (1)(3)", b"a OK THREAD completed"]
    assert await lines(talk, b"UID SORT (SUBJECT) UTF-8 ALL") == [
        b"* SORT 3 1", b"* 2 EXPUNGE", b"a OK UID SORT completed",
    ]  # fmt: skip
    assert await untagged(talk, b"SORT (SUBJECT) UTF-8 ALL") == b"* SORT 2 1"


async def test_large_mailboxes_are_sorted_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sort_table, "BESIDE_THE_LOOP", 3)
    talk = await Talk.open([mail(subject) for subject in "hgfedcba"])
    assert await untagged(talk, b"SORT (SUBJECT) UTF-8 ALL") == b"* SORT 8 7 6 5 4 3 2 1"
    assert await untagged(talk, b"THREAD ORDEREDSUBJECT UTF-8 ALL") == b"* THREAD (1)(2)(3)(4)(5)(6)(7)(8)"


async def test_a_very_deep_thread_is_answered() -> None:
    chain = [mail("x", more=f"Message-ID: <{row}@x>\r\nReferences: <{row - 1}@x>\r\n") for row in range(10_000)]
    talk = await Talk.open(chain)
    expected = b"* THREAD (" + b" ".join(b"%d" % number for number in range(1, 10_001)) + b")"
    assert await untagged(talk, b"UID THREAD REFERENCES UTF-8 ALL") == expected


async def test_capabilities_name_what_is_there() -> None:
    talk = await Talk.open([])
    names = (await untagged(talk, b"CAPABILITY")).split()
    for name in (b"SORT", b"SORT=DISPLAY", b"ESORT", b"PARTIAL"):
        assert name in names
    for name in (b"ORDEREDSUBJECT", b"REFERENCES", b"REFS"):
        assert b"THREAD=" + name in names
