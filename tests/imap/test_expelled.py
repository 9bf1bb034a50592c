"""A session whose login is taken back says goodbye; one that is in the middle of much to say is cut off."""

from __future__ import annotations

import asyncio

import pytest

from pillarbox.imap.conversation import ImapConversation
from pillarbox.mail.dates import InternalDate
from pillarbox.store.contract import AccountId, NewMessage
from tests.properties.recorder import Recorder
from tests.transcripts.memory import PASSWORD, USER, MemoryStage

PATIENCE_SECONDS = 30
MESSAGE_BYTES = 4_000_000


class Stopper(Recorder):
    """Ends the session as soon as a message is on its way."""

    def __init__(self, stage: MemoryStage) -> None:
        super().__init__()
        self._stage = stage

    async def drain(self) -> None:
        if b"BODY[] {" in self.said:
            for session in self._stage.services.sessions:
                session.end("Not valid any more")
        await asyncio.sleep(0)


async def begin(stage: MemoryStage, outlet: Recorder) -> tuple[ImapConversation, asyncio.Task[None]]:
    """Logged in, with a large message in the open mailbox."""
    account = await stage.store.open(AccountId(USER))
    letter = NewMessage(b"Subject: x\r\n\r\n" + b"y" * MESSAGE_BYTES, InternalDate(0, 0))
    await account.append((await account.find("INBOX")).id, [letter])
    conversation = ImapConversation(stage.services)
    talk = asyncio.create_task(conversation.run(outlet))
    conversation.receive(memoryview(f"a1 LOGIN {USER} {PASSWORD}\r\na2 SELECT INBOX\r\n".encode()))
    while b"a2 OK" not in outlet.said:
        await asyncio.sleep(0)
    return conversation, talk


async def test_who_waits_hears_bye_and_is_on_the_list_no_more() -> None:
    stage, outlet = MemoryStage(), Recorder()
    async with asyncio.timeout(PATIENCE_SECONDS):
        _, talk = await begin(stage, outlet)
        [session] = stage.services.sessions
        assert (session.login_name, session.mailbox, session.address) == (USER, "INBOX", outlet.peer.address)
        session.end("Not valid any more")
        await talk
    assert bytes(outlet.said).endswith(b"* BYE Not valid any more\r\n")
    assert list(stage.services.sessions) == []


async def test_a_message_on_its_way_is_cut_off_without_a_word_that_could_be_taken_for_a_part_of_it() -> None:
    stage = MemoryStage()
    outlet = Stopper(stage)
    async with asyncio.timeout(PATIENCE_SECONDS):
        conversation, talk = await begin(stage, outlet)
        conversation.receive(memoryview(b"a3 FETCH 1 BODY[]\r\n"))
        with pytest.raises(ConnectionAbortedError):
            await talk
    assert b"BYE" not in outlet.said
    assert len(outlet.said) < MESSAGE_BYTES
    assert list(stage.services.sessions) == []
