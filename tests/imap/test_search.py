"""SEARCH and UID SEARCH as conversations: results in both forms, `$`, mod-sequences, and a mailbox that changes."""

from __future__ import annotations

import pytest

from pillarbox.imap.features import Feature
from pillarbox.mail.flags import FlagAction
from tests.search.talk import Talk, letter

DELETED = frozenset({"\\Deleted"})


async def ten() -> Talk:
    """Messages 1 to 10 with UIDs 1, 3, 5 ... 19; subjects `letter <uid>`."""
    messages = [letter(b"Subject: letter %d\r\n\r\nbody %d\r\n" % (uid, uid)) for uid in range(1, 20)]
    talk = await Talk.open(messages)
    inbox = await talk.inbox()
    even = list(range(2, 20, 2))
    await talk.account.store_flags(inbox, even, FlagAction.ADD, DELETED)
    await talk.account.expunge(inbox)
    await talk.say(b"s SELECT INBOX")
    return talk


async def expunge(talk: Talk, *uids: int) -> None:
    """By somebody else."""
    inbox = await talk.inbox()
    await talk.account.store_flags(inbox, uids, FlagAction.ADD, DELETED)
    await talk.account.expunge(inbox, uids)


# --- SEARCH responses ----------------------------------------------------------------------------------


async def test_search_gives_numbers_and_uid_search_gives_uids() -> None:
    talk = await ten()
    assert await talk.say(b"a SEARCH 2:4") == b"* SEARCH 2 3 4\r\na OK SEARCH completed\r\n"
    assert await talk.say(b"a UID SEARCH 2:4") == b"* SEARCH 3 5 7\r\na OK UID SEARCH completed\r\n"
    assert await talk.say(b"a SEARCH UID 2:4") == b"* SEARCH 2\r\na OK SEARCH completed\r\n"


async def test_nothing_found_is_an_empty_search_response() -> None:
    talk = await ten()
    assert await talk.say(b'a SEARCH TEXT "not in mailbox"') == b"* SEARCH\r\na OK SEARCH completed\r\n"


async def test_numbers_that_are_not_there_match_nothing() -> None:
    talk = await ten()
    assert await talk.found(b"9:400") == [9, 10]
    assert await talk.found(b"400") == []
    assert await talk.found(b"*") == await talk.found(b"UID *") == await talk.found(b"UID 400:*") == [10]


async def test_an_empty_mailbox_has_no_match() -> None:
    talk = await Talk.open([])
    for keys in (b"ALL", b"*", b"1:*", b"UID 1:*", b"NOT SEEN", b"TEXT x"):
        assert await talk.found(keys) == []


async def test_a_search_without_keys_is_bad() -> None:
    talk = await ten()
    for text in (b"a SEARCH", b"a SEARCH ", b"a UID SEARCH RETURN (MIN)", b"a SEARCH RETURN (NEAR) ALL", b"a SEARCH X"):
        assert (await talk.say(text)).startswith(b"a BAD ")


async def test_search_wants_an_open_mailbox() -> None:
    talk = await ten()
    await talk.say(b"u UNSELECT")
    assert (await talk.say(b"a SEARCH ALL")).startswith(b"a BAD ")


# --- ESEARCH (RFC 4731, RFC 9051) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        (b"MIN COUNT", b" MIN 2 COUNT 4"),
        (b"", b" ALL 2:4,6"),
        (b"ALL", b" ALL 2:4,6"),
        (b"min", b" MIN 2"),
        (b"MAX", b" MAX 6"),
        (b"COUNT", b" COUNT 4"),
        (b"MAX MIN", b" MIN 2 MAX 6"),
        (b"COUNT ALL MAX MIN", b" MIN 2 MAX 6 ALL 2:4,6 COUNT 4"),
    ],
)
async def test_return_options_choose_what_is_told(options: bytes, answer: bytes) -> None:
    talk = await ten()
    expected = b'* ESEARCH (TAG "A282")%b\r\nA282 OK SEARCH completed\r\n' % answer
    assert await talk.say(b"A282 SEARCH RETURN (%b) 2:4,6" % options) == expected


async def test_esearch_says_when_it_speaks_of_uids() -> None:
    talk = await ten()
    heard = await talk.say(b"A285 UID SEARCH RETURN (MIN MAX ALL) 2:4")
    assert heard == b'* ESEARCH (TAG "A285") UID MIN 3 MAX 7 ALL 3,5,7\r\nA285 OK UID SEARCH completed\r\n'


async def test_with_no_match_only_count_is_told() -> None:
    talk = await ten()
    heard = await talk.say(b"a SEARCH RETURN (MIN MAX ALL) DRAFT")
    assert heard == b'* ESEARCH (TAG "a")\r\na OK SEARCH completed\r\n'
    heard = await talk.say(b"a SEARCH RETURN (MIN MAX ALL COUNT) DRAFT")
    assert heard == b'* ESEARCH (TAG "a") COUNT 0\r\na OK SEARCH completed\r\n'


async def test_imap4rev2_clients_always_get_esearch() -> None:
    talk = await ten()
    await talk.enable(b"IMAP4rev2")
    assert await talk.say(b"a SEARCH 2:4") == b'* ESEARCH (TAG "a") ALL 2:4\r\na OK SEARCH completed\r\n'
    assert await talk.say(b"a SEARCH DRAFT") == b'* ESEARCH (TAG "a")\r\na OK SEARCH completed\r\n'


# --- SEARCHRES (RFC 5182) ------------------------------------------------------------------------------


async def test_saving_alone_tells_nothing_and_the_result_can_be_used() -> None:
    talk = await ten()
    assert await talk.say(b"a SEARCH RETURN (SAVE) 2:4") == b"a OK SEARCH completed, result saved\r\n"
    assert await talk.found(b"$") == await talk.found(b"UID $") == [2, 3, 4]
    assert await talk.found(b"OR $ 9") == [2, 3, 4, 9]
    assert await talk.say(b"b UID SEARCH $ NOT 3") == b"* SEARCH 3 7\r\nb OK UID SEARCH completed\r\n"


async def test_saving_tells_nothing_to_imap4rev2_clients_either() -> None:
    talk = await ten()
    await talk.enable(b"IMAP4rev2")
    assert await talk.say(b"a UID SEARCH RETURN (SAVE) 2") == b"a OK UID SEARCH completed, result saved\r\n"


@pytest.mark.parametrize(
    ("options", "saved"),
    [
        (b"SAVE MIN", [2]),
        (b"SAVE MAX", [6]),
        (b"MAX SAVE MIN", [2, 6]),
        (b"SAVE ALL", [2, 3, 4, 6]),
        (b"SAVE COUNT MIN", [2, 3, 4, 6]),
        (b"SAVE ALL MIN MAX", [2, 3, 4, 6]),
        (b"SAVE", [2, 3, 4, 6]),
    ],
)
async def test_what_is_saved_depends_on_the_other_options(options: bytes, saved: list[int]) -> None:
    talk = await ten()
    await talk.say(b"a SEARCH RETURN (%b) 2:4,6" % options)
    assert await talk.found(b"$") == saved


async def test_min_and_max_of_one_match_save_it_once() -> None:
    talk = await ten()
    await talk.say(b"a UID SEARCH RETURN (MIN MAX SAVE) 5")
    assert await talk.found(b"$") == [5]


async def test_a_search_may_save_what_it_found_in_what_was_saved() -> None:
    talk = await ten()
    await talk.say(b"a SEARCH RETURN (SAVE) 2:4")
    heard = await talk.say(b"b SEARCH RETURN (SAVE COUNT) $ NOT 3")
    assert heard == b'* ESEARCH (TAG "b") COUNT 2\r\nb OK SEARCH completed, result saved\r\n'
    assert await talk.found(b"$") == [2, 4]


async def test_other_searches_leave_the_saved_result_alone() -> None:
    talk = await ten()
    await talk.say(b"a SEARCH RETURN (SAVE) 2:4")
    for text in (
        b"b SEARCH 1",
        b"b SEARCH RETURN (ALL) 1",
        b"b SEARCH CHARSET KOI8-R TEXT x",
        b"b SEARCH RETURN (SAVE) X",
    ):
        await talk.say(text)
        assert await talk.found(b"$") == [2, 3, 4]


async def test_a_refused_search_that_saves_empties_the_saved_result() -> None:
    talk = await ten()
    await talk.say(b"a SEARCH RETURN (SAVE) 2:4")
    heard = await talk.say(
        b"B283 SEARCH RETURN (SAVE) CHARSET KOI8-R (OR $ 1,3000:3021) TEXT ", b"\xcd\xc1\xd4\xd8", b""
    )
    assert heard.startswith(b"B283 NO [BADCHARSET (US-ASCII UTF-8)] ")
    assert await talk.found(b"$") == []


async def test_the_saved_result_is_empty_at_first_and_after_select() -> None:
    talk = await ten()
    assert await talk.found(b"$") == []
    await talk.say(b"a SEARCH RETURN (SAVE) 2:4")
    await talk.say(b"s SELECT INBOX")
    assert await talk.found(b"$") == []


async def test_expunged_messages_leave_the_saved_result() -> None:
    talk = await ten()
    await talk.say(b"a SEARCH RETURN (SAVE) 2:4")
    await expunge(talk, 5)
    assert await talk.say(b"n NOOP") == b"* 3 EXPUNGE\r\nn OK NOOP completed\r\n"
    assert await talk.found(b"$") == [2, 3]
    assert await talk.say(b"b UID SEARCH $") == b"* SEARCH 3 7\r\nb OK UID SEARCH completed\r\n"


# --- charsets ------------------------------------------------------------------------------------------


async def test_an_unknown_charset_is_refused_with_those_that_are_known() -> None:
    talk = await ten()
    heard = await talk.say(b"a SEARCH CHARSET X-NO-SUCH TEXT x")
    assert heard.startswith(b"a NO [BADCHARSET (US-ASCII UTF-8)] ")
    assert heard.endswith(b"\r\n")


async def test_utf8_accept_clients_may_not_name_a_charset() -> None:
    talk = await ten()
    await talk.enable(b"UTF8=ACCEPT")
    assert (await talk.say(b"a SEARCH CHARSET UTF-8 TEXT x")).startswith(b"a BAD ")
    assert await talk.found(b'SUBJECT "letter 19"') == [10]


# --- CONDSTORE (RFC 7162) ------------------------------------------------------------------------------


async def flagged() -> tuple[Talk, list[int]]:
    """Messages 2, 4 and 6 changed last, in the order 4, 6, 2: their mod-sequences in the order 2, 4, 6."""
    talk = await ten()
    inbox = await talk.inbox()
    modseqs = {}
    for uid in (7, 11, 3):
        changed = await talk.account.store_flags(inbox, [uid], FlagAction.ADD, frozenset({"\\Flagged"}))
        modseqs[uid] = changed.modseq
    await talk.say(b"n NOOP")
    return talk, [modseqs[3], modseqs[7], modseqs[11]]


async def test_a_search_by_mod_sequence_tells_the_highest_one_found() -> None:
    talk, (two, four, six) = await flagged()
    assert (
        await talk.say(b"a SEARCH MODSEQ %d" % four) == b"* SEARCH 2 4 6 (MODSEQ %d)\r\na OK SEARCH completed\r\n" % two
    )
    heard = await talk.say(b'a SEARCH MODSEQ "/flags/\\\\draft" all %d NOT 2' % four)
    assert heard == b"* SEARCH 4 6 (MODSEQ %d)\r\na OK SEARCH completed\r\n" % six
    assert await talk.say(b"t SEARCH OR NOT MODSEQ 1 LARGER 50000") == b"* SEARCH\r\nt OK SEARCH completed\r\n"


@pytest.mark.parametrize(
    ("options", "data", "which"),
    [
        (b"MIN", b"MIN 2", 0),
        (b"MAX", b"MAX 6", 2),
        (b"MIN MAX", b"MIN 2 MAX 6", 0),
        (b"MAX COUNT", b"MAX 6 COUNT 3", 0),
        (b"ALL", b"ALL 2,4,6", 0),
    ],
)
async def test_esearch_tells_the_highest_mod_sequence_of_what_it_tells(options: bytes, data: bytes, which: int) -> None:
    talk, modseqs = await flagged()
    heard = await talk.say(b"a SEARCH RETURN (%b) MODSEQ %d" % (options, min(modseqs)))
    assert heard == b'* ESEARCH (TAG "a") %b MODSEQ %d\r\na OK SEARCH completed\r\n' % (data, modseqs[which])


async def test_esearch_tells_no_mod_sequence_when_nothing_was_found() -> None:
    talk, modseqs = await flagged()
    heard = await talk.say(b"a SEARCH RETURN (COUNT) MODSEQ %d" % (max(modseqs) + 1))
    assert heard == b'* ESEARCH (TAG "a") COUNT 0\r\na OK SEARCH completed\r\n'


async def test_a_search_by_mod_sequence_enables_condstore() -> None:
    talk, _ = await flagged()
    assert Feature.CONDSTORE not in talk.session.features
    await talk.say(b"a SEARCH NOT MODSEQ 1")
    assert Feature.CONDSTORE in talk.session.features


# --- WITHIN (RFC 5032), flags, \Recent -----------------------------------------------------------------


async def test_younger_and_older_count_from_now() -> None:
    talk = await Talk.open([letter(b"\r\n", seconds=1_770_000_000), letter(b"\r\n", seconds=1_770_000_100)])
    talk.clock.seconds = 1_770_000_160
    assert await talk.found(b"YOUNGER 60") == [2]
    assert await talk.found(b"OLDER 60") == [1, 2]
    assert await talk.found(b"UNSEEN YOUNGER 259200") == [1, 2]


async def test_flags_are_as_they_are_now_and_keywords_come_in_any_case() -> None:
    talk = await ten()
    inbox = await talk.inbox()
    await talk.account.store_flags(inbox, [3], FlagAction.ADD, frozenset({"Urgent", "\\Seen"}))
    heard = await talk.say(b"a SEARCH KEYWORD uRGENT")
    assert heard.startswith(b"* SEARCH 2\r\n")
    assert await talk.found(b"UNKEYWORD urgent UNSEEN") == [1, 3, 4, 5, 6, 7, 8, 9, 10]


async def test_recent_new_and_old_are_the_session_s() -> None:
    talk = await Talk.open([letter(b"\r\n"), letter(b"\r\n", ["\\Seen"])])
    assert await talk.found(b"RECENT") == [1, 2]
    assert await talk.found(b"NEW") == [1]
    assert await talk.found(b"OLD") == []
    await talk.say(b"s SELECT INBOX")
    assert await talk.found(b"RECENT") == await talk.found(b"NEW") == []
    assert await talk.found(b"OLD") == [1, 2]


# --- a mailbox that changes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", [b"ALL", b"NOT DRAFT", b"TEXT letter", b"NOT TEXT nowhere", b"NOT BODY nowhere", b"1:*"]
)
async def test_vanished_messages_are_not_found_and_numbers_stay(key: bytes) -> None:
    talk = await ten()
    await expunge(talk, 3, 9)
    heard = await talk.say(b"a SEARCH " + key)
    assert heard == b"* SEARCH 1 3 4 6 7 8 9 10\r\na OK SEARCH completed\r\n"
    heard = await talk.say(b"a SEARCH 5:6 SUBJECT letter")
    assert heard == b"* SEARCH 6\r\na OK SEARCH completed\r\n"


async def test_expunge_is_told_after_uid_search_but_never_where_numbers_are_used() -> None:
    talk = await ten()
    await expunge(talk, 3)
    assert b"EXPUNGE" not in await talk.say(b"a SEARCH ALL")
    assert await talk.say(b"a UID SEARCH 1:3") == b"* SEARCH 1 5\r\na OK UID SEARCH completed\r\n"
    heard = await talk.say(b"a UID SEARCH UID 1:5")
    assert heard == b"* SEARCH 1 5\r\n* 2 EXPUNGE\r\na OK UID SEARCH completed\r\n"


async def test_arrivals_are_found_once_the_client_was_told_of_them() -> None:
    talk = await ten()
    await talk.account.append(await talk.inbox(), [letter(b"Subject: letter 20\r\n\r\n")])
    heard = await talk.say(b"a SEARCH SUBJECT letter")
    assert heard.startswith(b"* SEARCH 1 2 3 4 5 6 7 8 9 10\r\n* 11 EXISTS\r\n")
    assert await talk.found(b'SUBJECT "letter 20"') == await talk.found(b"*") == [11]


async def test_a_deleted_mailbox_has_no_match() -> None:
    talk = await ten()
    await talk.account.create("Other")
    await talk.account.append((await talk.account.find("Other")).id, [letter(b"Subject: letter\r\n\r\n")])
    await talk.say(b"s SELECT Other")
    await talk.account.delete("Other")
    assert (await talk.say(b"a SEARCH OR ALL SUBJECT letter")).startswith(b"* SEARCH\r\n")


async def test_a_mailbox_that_shrinks_during_the_search_is_no_trouble() -> None:
    talk = await ten()
    digests = talk.account.digests

    async def expunging(*arguments: object) -> object:
        talk.account.digests = digests
        await expunge(talk, 1, 19)
        return await digests(*arguments)

    talk.account.digests = expunging
    heard = await talk.say(b"a SEARCH NOT SUBJECT nowhere")
    assert heard == b"* SEARCH 2 3 4 5 6 7 8 9\r\na OK SEARCH completed\r\n"


# --- capabilities --------------------------------------------------------------------------------------


async def test_the_extensions_are_advertised() -> None:
    talk = await ten()
    assert {b"ESEARCH", b"SEARCHRES", b"WITHIN"} <= {*(await talk.say(b"a CAPABILITY")).split()}
