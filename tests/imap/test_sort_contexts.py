"""RFC 5267: results that are kept up to date (UPDATE), seen by a client that believes every word."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from pillarbox.imap.limits import ImapLimits
from pillarbox.mail.flags import FlagAction
from pillarbox.store.contract import MailboxId, NewMessage
from tests.grammar import ResponseSplitter, parse_response
from tests.grammar.tree import ESearch, Expunge, Numbers, Response, Sort
from tests.search.talk import Talk, letter

SEEN, DELETED = frozenset({"\\Seen"}), frozenset({"\\Deleted"})


def mail(subject: str, *flags: str, day: int = 1) -> NewMessage:
    return letter(f"Subject: {subject}\r\nDate: {day:02d} Jan 2024 00:00:00 +0000\r\n\r\n{subject}\r\n".encode(), flags)


def numbers(pairs: Numbers) -> list[int]:
    return [number for low, high in pairs for number in range(low, high + 1)]


async def say(talk: Talk, command: bytes) -> list[Response]:
    heard = await talk.say(command)
    return [parse_response(one) for one in ResponseSplitter().feed(heard)]


async def lines(talk: Talk, command: bytes) -> list[bytes]:
    return (await talk.say(command)).split(b"\r\n")[:-1]


class Client:
    """Keeps the results of one context as RFC 5267 sections 4.3.3 and 4.3.4 tell it to."""

    def __init__(self, tag: str, result: list[int], *, by_uid: bool) -> None:
        self.tag, self.result, self.by_uid = tag, result, by_uid
        self.updates = 0

    def hear(self, responses: list[Response]) -> None:
        for one in responses:
            if isinstance(one, Expunge) and not self.by_uid:
                assert one.number not in self.result, "REMOVEFROM comes before the EXPUNGE"
                self.result = [number - (number > one.number) for number in self.result]
            elif isinstance(one, ESearch) and one.tag == self.tag:
                assert one.by_uid == self.by_uid
                for item, changes in one.updates:
                    for change in changes:
                        self.updates += 1
                        (self._add if item == "ADDTO" else self._remove)(change.position, numbers(change.numbers))

    def _add(self, position: int, added: list[int]) -> None:
        assert not set(added) & set(self.result)
        if position:
            assert position <= len(self.result) + 1
            self.result[position - 1 : position - 1] = added
        else:
            self.result = sorted(self.result + added)

    def _remove(self, position: int, gone: list[int]) -> None:
        assert set(gone) <= set(self.result)
        if position:
            assert self.result[position - 1 : position - 1 + len(gone)] == gone
            del self.result[position - 1 : position - 1 + len(gone)]
        else:
            self.result = [number for number in self.result if number not in gone]


async def test_flags_arrivals_and_expunges_are_told() -> None:
    talk = await Talk.open([mail("a", "\\Flagged"), mail("b"), mail("c", "\\Flagged")])
    assert await lines(talk, b"B01 UID SEARCH RETURN (UPDATE COUNT) FLAGGED") == [
        b'* ESEARCH (TAG "B01") UID COUNT 2',
        b"B01 OK UID SEARCH completed",
    ]
    inbox = await talk.inbox()
    await talk.account.append(inbox, [mail("d", "\\Flagged"), mail("e"), mail("f", "\\Flagged")])
    await talk.account.store_flags(inbox, [2], FlagAction.ADD, frozenset({"\\Flagged"}))
    await talk.account.store_flags(inbox, [1], FlagAction.REMOVE, frozenset({"\\Flagged"}))
    heard = await lines(talk, b"B02 NOOP")
    assert b"* 6 EXISTS" in heard
    assert heard[-2] == b'* ESEARCH (TAG "B01") UID REMOVEFROM (0 1) ADDTO (0 2,4,6)'
    await talk.account.store_flags(inbox, [3, 5], FlagAction.ADD, DELETED)
    await talk.account.expunge(inbox)
    heard = await lines(talk, b"B03 NOOP")
    assert heard[:3] == [b'* ESEARCH (TAG "B01") UID REMOVEFROM (0 3)', b"* 5 EXPUNGE", b"* 3 EXPUNGE"]
    assert await lines(talk, b'B04 CANCELUPDATE "B01"') == [b"B04 OK No further updates"]
    await talk.account.store_flags(inbox, [2], FlagAction.REMOVE, frozenset({"\\Flagged"}))
    assert not any(b"ESEARCH" in line for line in await lines(talk, b"B05 NOOP"))


async def test_changes_that_the_client_makes_itself_are_told_too() -> None:
    talk = await Talk.open([mail("a"), mail("b")])
    await talk.say(b"B01 SEARCH RETURN (UPDATE) UNSEEN")
    assert await lines(talk, b"B02 STORE 2 +FLAGS.SILENT (\\Seen)") == [
        b'* ESEARCH (TAG "B01") REMOVEFROM (0 2)',
        b"B02 OK STORE completed",
    ]


async def test_sorted_results_are_told_with_their_positions() -> None:
    talk = await Talk.open([mail("d"), mail("b"), mail("f")])
    assert (await lines(talk, b"B01 UID SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 UNSEEN"))[0].endswith(b"UID ALL 2,1,3")
    inbox = await talk.inbox()
    await talk.account.append(inbox, [mail("a"), mail("g"), mail("c")])
    assert (await lines(talk, b"B02 NOOP"))[-2] == b'* ESEARCH (TAG "B01") UID ADDTO (1 4 3 6 6 5)'
    await talk.account.store_flags(inbox, [1, 2, 5], FlagAction.ADD, SEEN)
    assert (await lines(talk, b"B03 NOOP"))[-2] == b'* ESEARCH (TAG "B01") UID REMOVEFROM (6 5 4 1 2 2)'


async def test_a_tag_in_use_is_refused_and_has_no_effect() -> None:
    talk = await Talk.open([mail("a")])
    await talk.say(b"B01 SEARCH RETURN (UPDATE COUNT) ALL")
    assert (await lines(talk, b"B01 SORT RETURN (UPDATE) (DATE) UTF-8 ALL"))[-1].startswith(b"B01 BAD")
    assert (await lines(talk, b"B01 SEARCH RETURN (COUNT) ALL"))[-1].startswith(b"B01 OK")
    await talk.say(b'B02 CANCELUPDATE "B01"')
    assert (await lines(talk, b"B01 SORT RETURN (UPDATE) (DATE) UTF-8 ALL"))[-1].startswith(b"B01 OK")
    assert (await lines(talk, b'B03 CANCELUPDATE "B01" "B09"'))[-1].startswith(b"B03 BAD")


async def test_too_many_contexts_are_refused_and_the_rest_is_done() -> None:
    talk = await Talk.open([mail("a")])
    for serial in range(ImapLimits().search_contexts):
        assert len(await lines(talk, b"c%d SEARCH RETURN (UPDATE COUNT) ALL" % serial)) == 2
    assert await lines(talk, b"B02 UID SORT RETURN (UPDATE COUNT) (DATE) UTF-8 ALL") == [
        b'* ESEARCH (TAG "B02") UID COUNT 1',
        b'* NO [NOUPDATE "B02"] Too many contexts',
        b"B02 OK UID SORT completed",
    ]
    await talk.say(b'B03 CANCELUPDATE "c0" "c1"')
    assert len(await lines(talk, b"B04 SEARCH RETURN (UPDATE COUNT) ALL")) == 2


async def test_updates_end_with_the_mailbox() -> None:
    talk = await Talk.open([mail("a")])
    await talk.say(b"B01 SEARCH RETURN (UPDATE COUNT) UNSEEN")
    await talk.say(b"B02 SELECT INBOX")
    assert not any(b"ESEARCH" in line for line in await lines(talk, b"B03 STORE 1 +FLAGS (\\Seen)"))


async def test_numbers_and_the_saved_result_mean_what_they_meant() -> None:
    talk = await Talk.open([mail("a"), mail("b"), mail("c"), mail("d")])
    inbox = await talk.inbox()
    await talk.say(b"B00 SEARCH RETURN (SAVE) 4")
    await talk.say(b"B01 UID SEARCH RETURN (UPDATE) OR 2:3 $ UNSEEN")
    await talk.say(b"B02 UID SEARCH RETURN (UPDATE) UID 4:* UNSEEN")
    await talk.say(b"B03 SEARCH RETURN (SAVE) 1")
    await talk.account.store_flags(inbox, [1], FlagAction.ADD, DELETED)
    await talk.account.expunge(inbox)
    await talk.say(b"B04 NOOP")
    await talk.account.store_flags(inbox, [2, 3, 4], FlagAction.ADD, SEEN)
    await talk.account.append(inbox, [mail("e")])
    heard = await lines(talk, b"B05 NOOP")
    assert b'* ESEARCH (TAG "B01") UID REMOVEFROM (0 2:4)' in heard
    assert b'* ESEARCH (TAG "B02") UID REMOVEFROM (0 4) ADDTO (0 5)' in heard


def commands() -> Iterator[tuple[str, bytes, bytes]]:
    keys = (b"UNSEEN", b"OR SUBJECT a TEXT e", b"NOT SEEN BODY b", b"MODSEQ 1 KEYWORD hot", b"LARGER 1")
    for serial, key in enumerate(keys):
        yield f"n{serial}", b"SEARCH RETURN (UPDATE ALL)", key
        yield f"u{serial}", b"UID SEARCH RETURN (UPDATE ALL)", key
        yield f"s{serial}", b"UID SORT RETURN (UPDATE ALL) (SUBJECT REVERSE DATE) UTF-8", key


@pytest.mark.parametrize("seed", range(6))
async def test_a_client_that_believes_every_update_has_what_a_new_search_finds(seed: int) -> None:
    dice = random.Random(f"contexts {seed}")
    talk = await Talk.open([mail(dice.choice("abcdef"), day=dice.randrange(1, 9)) for _ in range(12)])
    inbox = await talk.inbox()
    clients: list[tuple[Client, bytes, bytes]] = []
    for tag, verb, key in commands():
        found = next(one for one in await say(talk, f"{tag} ".encode() + verb + b" " + key) if isinstance(one, ESearch))
        value = found.values.get("ALL", ())
        assert isinstance(value, tuple)
        clients.append((Client(tag, numbers(value), by_uid=found.by_uid), verb, key))
    for step in range(40):
        await _change(dice, talk, inbox)
        by_number = (b"FETCH 1 UID", b"SEARCH ALL", b"STORE 1 +FLAGS (hot)")
        command = dice.choice((b"NOOP", b"NOOP", *by_number, b"UID SEARCH 1"))
        heard = await say(talk, b"x%d " % step + command)
        for client, _, _ in clients:
            client.hear(heard)
    assert sum(client.updates for client, _, _ in clients) > 200
    heard = await say(talk, b"last NOOP")
    for client, verb, key in clients:
        client.hear(heard)
        plain = verb.replace(b" RETURN (UPDATE ALL)", b"")
        (again,) = [one for one in await say(talk, b"y " + plain + b" " + key) if not hasattr(one, "condition")]
        expected = list(again.numbers)
        assert (client.tag, client.result) == (client.tag, expected if isinstance(again, Sort) else sorted(expected))


async def _change(dice: random.Random, talk: Talk, inbox: MailboxId) -> None:
    """Somebody else does something to the mailbox."""
    account = talk.account
    uids = list((await account.image(inbox)).uids)
    some = sorted(dice.sample(uids, min(len(uids), dice.randrange(1, 4))))
    kind = dice.random()
    if kind < 0.35 or len(uids) < 5:
        await account.append(inbox, [mail(dice.choice("abcdef"), day=dice.randrange(1, 9)) for _ in range(2)])
    elif kind < 0.75:
        names = frozenset({dice.choice(("\\Seen", "hot"))})
        await account.store_flags(inbox, some, dice.choice((FlagAction.ADD, FlagAction.REMOVE)), names)
    else:
        await account.store_flags(inbox, some, FlagAction.ADD, DELETED)
        await account.expunge(inbox)


async def test_a_multimailbox_search_follows_the_selected_mailbox_alone() -> None:
    talk = await Talk.open([mail("a"), mail("b")])
    other = await talk.account.create("Other")
    await talk.account.append(other.id, [mail("c")])
    inbox = await talk.account.find("INBOX")
    about = b'* ESEARCH (TAG "B01" MAILBOX INBOX UIDVALIDITY %d) UID' % inbox.uidvalidity
    heard = await lines(talk, b"B01 ESEARCH IN (selected mailboxes Other) RETURN (UPDATE COUNT) UNSEEN")
    assert heard[0] == about + b" COUNT 2"
    assert heard[1].startswith(b'* ESEARCH (TAG "B01" MAILBOX Other')
    assert len(heard) == 3
    await talk.account.store_flags(other.id, [1], FlagAction.ADD, SEEN)
    await talk.account.store_flags(inbox.id, [1], FlagAction.ADD, SEEN)
    assert about + b" REMOVEFROM (0 1)" in await lines(talk, b"B02 NOOP")
    assert b'* NO [NOUPDATE "B03"] Only the selected mailbox can be followed' in await lines(
        talk, b"B03 ESEARCH IN (mailboxes Other) RETURN (UPDATE COUNT) ALL"
    )
    await talk.say(b"B04 UNSELECT")
    assert (await lines(talk, b"B05 ESEARCH IN (personal) RETURN (UPDATE) ALL"))[-1].startswith(b"B05 BAD")
    assert (await lines(talk, b"B06 ESEARCH IN (selected) ALL"))[-1].startswith(b"B06 BAD")
