"""MESSAGELIMIT and SAVELIMIT (RFC 9738): what is done in part goes on below the UID that was named."""

from __future__ import annotations

import pytest

from pillarbox.imap.limits import ImapLimits
from pillarbox.mail.dates import InternalDate
from pillarbox.store.contract import AccountId, NewMessage
from tests.imap.administered import Talk
from tests.transcripts.memory import USER, MemoryStage

LETTER = NewMessage(b"Subject: x\r\n\r\n", InternalDate(0, 0))
TWO = ImapLimits(message_limit=2)


async def talk_to_five(limits: ImapLimits) -> Talk:
    """INBOX with UIDs 1 to 5 is open; Copies is empty."""
    stage = MemoryStage(limits=limits)
    account = await stage.store.open(AccountId(USER))
    await account.append((await account.find("INBOX")).id, [LETTER] * 5)
    await account.create("Copies")
    talk = await Talk.begin(stage)
    await talk(b"SELECT INBOX")
    return talk


async def capabilities(limits: ImapLimits) -> list[bytes]:
    told = await (await talk_to_five(limits))(b"CAPABILITY")
    return [name for name in told[0].split() if b"LIMIT=" in name and not name.startswith(b"APPEND")]


async def test_what_is_off_is_not_told() -> None:
    assert await capabilities(ImapLimits()) == []
    assert await capabilities(TWO) == [b"MESSAGELIMIT=2"]
    assert await capabilities(ImapLimits(save_limit=3)) == [b"SAVELIMIT=3"]
    assert await capabilities(ImapLimits(message_limit=5, save_limit=3)) == [b"MESSAGELIMIT=5", b"SAVELIMIT=3"]
    assert await capabilities(ImapLimits(message_limit=2, save_limit=3)) == [b"MESSAGELIMIT=2"]


async def test_fetch_goes_on_below_the_uid_that_was_named() -> None:
    talk = await talk_to_five(TWO)
    assert (await talk(b"FETCH 1:5 (UID)"))[:2] == [b"* 4 FETCH (UID 4)", b"* 5 FETCH (UID 5)"]
    assert (await talk(b"UID FETCH 1:* (UID)"))[-1].startswith(b"t OK [MESSAGELIMIT 2 4] ")
    told = await talk(b"UID FETCH 1:3 (UID)")
    assert told[0] == b"* 2 FETCH (UID 2)"
    assert told[-1].startswith(b"t OK [MESSAGELIMIT 2 2] ")
    assert await talk(b"UID FETCH 1:1 (UID)") == [b"* 1 FETCH (UID 1)", b"t OK UID FETCH completed"]


async def test_search_lists_the_highest_and_counts_all() -> None:
    talk = await talk_to_five(TWO)
    told = await talk(b"SEARCH ALL")
    assert told[0] == b"* SEARCH 4 5"
    assert told[-1].startswith(b"t OK [MESSAGELIMIT 2 4] ")
    assert (await talk(b"UID SEARCH UIDBEFORE 4"))[0] == b"* SEARCH 2 3"
    assert await talk(b"UID SEARCH UIDBEFORE 2 UIDAFTER 4294967295") == [b"* SEARCH", b"t OK UID SEARCH completed"]
    counted = await talk(b"SEARCH RETURN (COUNT MIN) ALL")
    assert counted == [b'* ESEARCH (TAG "t") MIN 1 COUNT 5', b"t OK SEARCH completed"]
    assert (await talk(b"SEARCH RETURN (PARTIAL 1:2) ALL"))[0] == b'* ESEARCH (TAG "t") PARTIAL (1:2 1:2)'
    assert (await talk(b"UID SEARCH RETURN (SAVE) ALL"))[-1].startswith(b"t OK [MESSAGELIMIT 2 4] ")
    assert (await talk(b"UID SEARCH $"))[0] == b"* SEARCH 4 5"


@pytest.mark.parametrize(
    "command",
    [
        b"SEARCH RETURN (PARTIAL 1:3) ALL",
        b"SORT (ARRIVAL) UTF-8 ALL",
        b"UID SORT RETURN (PARTIAL 1:3) (ARRIVAL) UTF-8 ALL",
        b"UID THREAD REFERENCES UTF-8 ALL",
        b"ESEARCH IN (personal) ALL",
        b"COPY 1:3 Copies",
        b"UID COPY 1:3 Copies",
        b"APPEND Copies {1+}\r\nx {1+}\r\ny {1+}\r\nz",
    ],
)
async def test_what_must_be_whole_is_refused(command: bytes) -> None:
    talk = await talk_to_five(TWO)
    assert (await talk(command))[-1].startswith(b"t NO [MESSAGELIMIT 2] ")
    assert (await talk(b"STATUS Copies (MESSAGES)"))[0] == b"* STATUS Copies (MESSAGES 0)"


async def test_what_is_small_enough_is_whole() -> None:
    talk = await talk_to_five(TWO)
    assert (await talk(b"UID SORT (ARRIVAL) UTF-8 UIDAFTER 3"))[0] == b"* SORT 4 5"
    assert (await talk(b"UID SORT RETURN (PARTIAL 2:3) (ARRIVAL) UTF-8 ALL"))[-1].startswith(b"t OK ")
    assert (await talk(b"UID COPY 1:2 Copies"))[-1].startswith(b"t OK [COPYUID ")


async def test_store_and_move_go_on_below_too() -> None:
    talk = await talk_to_five(TWO)
    told = await talk(b"UID STORE 1:5 +FLAGS.SILENT (\\Seen)")
    assert len(told) == 1
    assert told[0].startswith(b"t OK [MESSAGELIMIT 2 4] ")
    assert (await talk(b"SEARCH SEEN"))[0] == b"* SEARCH 4 5"
    told = await talk(b"MOVE 1:5 Copies")
    assert told[0].startswith(b"* OK [COPYUID ")
    assert told[1:3] == [b"* 5 EXPUNGE", b"* 4 EXPUNGE"]
    assert told[-1].startswith(b"t OK [MESSAGELIMIT 2 4] ")


async def test_a_store_of_what_changed_names_both() -> None:
    talk = await talk_to_five(TWO)
    told = await talk(b"UID STORE 1:5 (UNCHANGEDSINCE 0) +FLAGS.SILENT (\\Seen)")
    assert told[0].startswith(b"* OK [MESSAGELIMIT 2 4] ")
    assert told[-1].startswith(b"t OK [MODIFIED 4:5] ")


async def test_expunge_counts_what_is_marked() -> None:
    talk = await talk_to_five(TWO)
    await talk(b"STORE 1:2 +FLAGS.SILENT (\\Deleted)")
    await talk(b"STORE 3 +FLAGS.SILENT (\\Deleted)")
    told = await talk(b"UID EXPUNGE 1:5")
    assert told[:2] == [b"* 3 EXPUNGE", b"* 2 EXPUNGE"]
    assert told[-1].startswith(b"t OK [MESSAGELIMIT 2 2] ")
    await talk(b"STATUS INBOX (HIGHESTMODSEQ)")
    assert (await talk(b"EXPUNGE"))[-1].startswith(b"t OK [HIGHESTMODSEQ ")


async def test_a_limit_on_saving_cuts_nothing_else() -> None:
    talk = await talk_to_five(ImapLimits(save_limit=2))
    assert (await talk(b"UID FETCH 1:* (UID)"))[-1] == b"t OK UID FETCH completed"
    assert (await talk(b"UID COPY 1:3 Copies"))[-1].startswith(b"t NO [MESSAGELIMIT 2] ")
    assert (await talk(b"UID MOVE 1:3 Copies"))[-1] == b"t OK UID MOVE completed"
