r"""What one client may ask for at once, and what a long session may pile up."""

from __future__ import annotations

from array import array

import pytest

from pillarbox.imap.updates import ExpungeRule, owed_updates
from pillarbox.imap.view import View
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.errors import StoreUnavailable
from pillarbox.store.contract import AccountId, MailboxId, NewMessage
from tests.properties.recorder import converse
from tests.transcripts.memory import PASSWORD, USER, MemoryStage

LETTER = NewMessage(b"Subject: x\r\n\r\n" + b"a line of text\r\n" * 200, InternalDate(0, 0))
LOGIN = f"a1 LOGIN {USER} {PASSWORD}\r\n".encode()


async def talk(stage: MemoryStage, *commands: bytes) -> bytes:
    said = await converse(stage.services, [LOGIN, *commands])
    assert stage.events.bugs == []
    return said


async def with_a_letter() -> MemoryStage:
    stage = MemoryStage()
    account = await stage.store.open(AccountId(USER))
    await account.append((await account.find("INBOX")).id, [LETTER])
    return stage


async def test_one_fetch_has_so_many_items_at_most() -> None:
    stage = await with_a_letter()
    items = b" ".join(b"BINARY.PEEK[1]<%d.1>" % number for number in range(101))
    said = await talk(stage, b"a2 EXAMINE INBOX\r\n", b"a3 FETCH 1 (%b)\r\n" % items, b"a4 NOOP\r\n")
    assert b"a3 BAD Too many items" in said
    assert b"a4 OK" in said


async def test_one_list_has_so_many_patterns_at_most() -> None:
    patterns = b" ".join([b"%"] * 21)
    said = await talk(MemoryStage(), b'a2 LIST "" (%b)\r\n' % patterns, b"a3 NOOP\r\n")
    assert b"a2 BAD Too many patterns" in said
    assert b"a3 OK" in said


async def test_many_pieces_of_one_part_are_right() -> None:
    stage = await with_a_letter()
    items = b" ".join(b"BINARY.PEEK[1]<%d.3> BODY.PEEK[TEXT]<%d.3>" % (number, number) for number in range(20))
    said = await talk(stage, b"a2 EXAMINE INBOX\r\n", b"a3 FETCH 1 (%b)\r\n" % items)
    text = b"a line of text\r\n" * 3
    for number in range(20):
        piece = b"{3}\r\n" + text[number : number + 3]
        assert b"BINARY[1]<%d> %b" % (number, piece) in said
        assert b"BODY[TEXT]<%d> %b" % (number, piece) in said


async def test_what_is_recent_stays_one_run_however_many_messages_arrive() -> None:
    stage = MemoryStage()
    account = await stage.store.open(AccountId(USER))
    inbox = (await account.find("INBOX")).id
    view = View(await account.image(inbox), lambda: None, read_only=False, first_recent_uid=1)
    for _ in range(50):
        await account.append(inbox, [LETTER])
        await owed_updates(view, account, (), ExpungeRule.ALLOWED)
    assert view.recent == [range(1, 51)]
    assert view.uids[: view.count] == array("I", range(1, 51))


async def test_a_mailbox_opens_when_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = await with_a_letter()
    account = await stage.store.open(AccountId(USER))

    async def full(self: object, mailbox: MailboxId) -> int:
        raise StoreUnavailable("There is no room left on the disk")

    monkeypatch.setattr(type(account), "claim_recent", full)
    said = await talk(stage, b"a2 SELECT INBOX\r\n", b"a3 FETCH 1 RFC822.SIZE\r\n")
    assert b"* 1 RECENT\r\n" in said
    assert b"a2 OK [READ-WRITE]" in said
    assert b"a3 OK" in said


async def test_bad_commands_are_forgiven_after_good_ones_but_not_a_strangers() -> None:
    rounds = [b"b BAD\r\nn NOOP\r\n"] * 25
    assert b"Too many invalid commands" not in await talk(MemoryStage(), *rounds)
    stage = MemoryStage()
    said = await converse(stage.services, rounds)
    assert said.count(b"b BAD") == 3
    assert b"* BYE Too many invalid commands" in said
