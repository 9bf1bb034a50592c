"""APPENDs that a client sends without waiting are stored together and answered one after another (RFC 9051 section
5.5)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from pillarbox.imap.conversation import ImapConversation
from pillarbox.store.contract import AccountId, Appended, MailboxId, NewMessage
from pillarbox.store.memory.store import MemoryAccount, MemoryStore
from tests.properties.recorder import Recorder, converse
from tests.transcripts.memory import PASSWORD, USER, MemoryStage

LOGIN = f"l1 LOGIN {USER} {PASSWORD}\r\n".encode()
PATIENCE_SECONDS = 30.0


def append(tag: bytes, mailbox: bytes = b"INBOX", text: bytes = b"small") -> bytes:
    return b"%b APPEND %b {%d+}\r\n%b\r\n" % (tag, mailbox, len(text), text)


def tagged(said: bytes) -> list[bytes]:
    """Tag and status of each tagged line, in order."""
    return re.findall(rb"^([a-z]\d (?:OK|NO|BAD))", said, re.MULTILINE)


class TogetherAccount(MemoryAccount):
    """APPEND is done when as many are asked for as the store wants."""

    store_is: TogetherStore

    async def append(self, mailbox: MailboxId, new: Sequence[NewMessage]) -> Appended:
        store = self.store_is
        store.asked_for += 1
        if store.asked_for == store.wanted:
            asyncio.get_running_loop().call_soon(store.together.set)
        await store.together.wait()
        return await super().append(mailbox, new)


class TogetherStore(MemoryStore):
    wanted: int
    asked_for: int
    together: asyncio.Event

    async def open(self, account: AccountId) -> TogetherAccount:
        opened = await super().open(account)
        opened.__class__ = TogetherAccount
        assert isinstance(opened, TogetherAccount)
        opened.store_is = self
        return opened


def stage_for(wanted: int) -> tuple[MemoryStage, TogetherStore]:
    """A stage whose APPENDs are done when so many are asked for."""
    stage = MemoryStage()
    stage.store.__class__ = TogetherStore
    assert isinstance(stage.store, TogetherStore)
    stage.store.wanted, stage.store.asked_for, stage.store.together = wanted, 0, asyncio.Event()
    return stage, stage.store


async def test_appends_that_came_together_are_stored_together_and_answered_in_order() -> None:
    stage, _ = stage_for(3)
    commands = b"".join(map(append, (b"a1", b"a2", b"a3")))
    async with asyncio.timeout(PATIENCE_SECONDS):
        said = await converse(stage.services, [LOGIN, commands])
    assert tagged(said) == [b"l1 OK", b"a1 OK", b"a2 OK", b"a3 OK"]
    assert re.findall(rb"APPENDUID \d+ (\d+)\]", said) == [b"1", b"2", b"3"]
    assert stage.events.bugs == []


async def test_what_comes_behind_them_waits_for_them() -> None:
    stage = MemoryStage()
    commands = append(b"a1") + append(b"a2") + b"s1 SELECT INBOX\r\n" + append(b"a3") + b"f1 UID FETCH 1:* UID\r\n"
    said = await converse(stage.services, [LOGIN, commands])
    assert tagged(said) == [b"l1 OK", b"a1 OK", b"a2 OK", b"s1 OK", b"a3 OK", b"f1 OK"]
    assert b"* 3 FETCH (UID 3)\r\n" in said


async def test_one_that_is_refused_is_answered_in_its_place_and_stops_no_other() -> None:
    stage = MemoryStage()
    commands = append(b"a1") + append(b"a2", b"Nowhere") + append(b"a3", text=b"") + append(b"a4 x") + append(b"a5")
    said = await converse(stage.services, [LOGIN, commands])
    assert tagged(said) == [b"l1 OK", b"a1 OK", b"a2 NO", b"a3 NO", b"a4 BAD", b"a5 OK"]
    assert b"a2 NO [TRYCREATE]" in said


async def test_into_the_open_mailbox_they_arrive_one_by_one() -> None:
    stage = MemoryStage()
    said = await converse(stage.services, [LOGIN, b"s1 SELECT INBOX\r\n", append(b"a1") + append(b"a2")])
    arrived = said[said.index(b"s1 OK") :]
    assert re.findall(rb"^(?:\* \d EXISTS|a\d OK)", arrived, re.MULTILINE) == [
        b"* 1 EXISTS", b"a1 OK", b"* 2 EXISTS", b"a2 OK"
    ]  # fmt: skip


async def test_a_client_that_must_be_asked_for_its_literal_is_asked_when_those_before_are_answered() -> None:
    stage = MemoryStage()
    commands = append(b"a1") + append(b"a2") + b"a3 APPEND INBOX {5}\r\n"
    said = await converse(stage.services, [LOGIN, commands, b"small\r\n"])
    assert tagged(said) == [b"l1 OK", b"a1 OK", b"a2 OK", b"a3 OK"]
    assert said.index(b"a2 OK") < said.index(b"+ Go ahead") < said.index(b"a3 OK")


async def test_a_message_put_together_from_others_waits_for_its_turn() -> None:
    stage = MemoryStage()
    commands = append(b"a1") + b'a2 APPEND INBOX CATENATE (URL "/INBOX/;UID=1")\r\n' + append(b"a3")
    said = await converse(stage.services, [LOGIN, commands, b"s1 SELECT INBOX\r\nf1 FETCH 2 RFC822.SIZE\r\n"])
    assert re.findall(rb"APPENDUID \d+ (\d+)\]", said) == [b"1", b"2", b"3"]
    assert b"* 2 FETCH (RFC822.SIZE 5)\r\n" in said


async def test_what_it_stored_itself_is_no_news_to_a_client_that_asked_for_news() -> None:
    stage = MemoryStage()
    commands = append(b"a1", b"Other") + append(b"a2", b"Other") + append(b"a3", b"Other")
    notify = b"c1 CREATE Other\r\nn1 NOTIFY SET (personal (MessageNew MessageExpunge))\r\n"
    said = await converse(stage.services, [LOGIN, notify, commands, b"o1 NOOP\r\n"])
    assert tagged(said)[-4:] == [b"a1 OK", b"a2 OK", b"a3 OK", b"o1 OK"]
    assert b"STATUS" not in said[said.index(b"n1 OK") :]


async def test_when_the_connection_is_lost_nothing_of_them_is_left_behind() -> None:
    stage, store = stage_for(4)
    conversation, recorder = ImapConversation(stage.services), Recorder()
    task = asyncio.create_task(conversation.run(recorder))
    async with asyncio.timeout(PATIENCE_SECONDS):
        conversation.receive(memoryview(LOGIN))
        while b"l1 OK" not in recorder.said:
            await asyncio.sleep(0)
        conversation.receive(memoryview(b"".join(map(append, (b"a1", b"a2", b"a3")))))
        while store.asked_for < 3:
            await asyncio.sleep(0)
        others = asyncio.all_tasks() - {task, asyncio.current_task()}
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(others) == 3
    assert all(other.done() for other in others)
    assert stage.events.bugs == []
