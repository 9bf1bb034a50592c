"""RFC 9585: a command that takes long says so, after 10 seconds and every 10 seconds, until its answers come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pillarbox.imap.conversation import ImapConversation
from pillarbox.mail.flags import FlagAction
from pillarbox.store.contract import AccountId, Flagged, MailboxId
from pillarbox.store.memory.store import MemoryAccount, MemoryStore
from tests.properties.recorder import Recorder, read_all
from tests.transcripts.memory import PASSWORD, USER, MemoryStage

NOTICE = b'* OK [INPROGRESS ("s1" NIL NIL)] Still working\r\n'


class SlowAccount(MemoryAccount):
    """STORE takes until `go` is set."""

    go: asyncio.Event

    async def store_flags(
        self,
        mailbox: MailboxId,
        uids: Sequence[int],
        action: FlagAction,
        names: frozenset[str],
        unchanged_since: int | None = None,
    ) -> Flagged:
        await self.go.wait()
        return await super().store_flags(mailbox, uids, action, names, unchanged_since)


class SlowStore(MemoryStore):
    go: asyncio.Event

    async def open(self, account: AccountId) -> SlowAccount:
        opened = await super().open(account)
        opened.__class__ = SlowAccount
        assert isinstance(opened, SlowAccount)
        opened.go = self.go
        return opened


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_long_command_says_so_every_ten_seconds() -> None:
    stage = MemoryStage()
    stage.store.__class__ = SlowStore
    assert isinstance(stage.store, SlowStore)
    stage.store.go = asyncio.Event()
    conversation, recorder = ImapConversation(stage.services), Recorder()
    task = asyncio.create_task(conversation.run(recorder))

    def reassured_after(seconds: float) -> bytes:
        stage.clock.advance(seconds)
        recorder.said.clear()
        conversation.reassure()
        return bytes(recorder.said)

    await settle()
    assert reassured_after(60) == b""  # nobody waits for anything
    conversation.receive(memoryview(f"a1 LOGIN {USER} {PASSWORD}\r\n".encode()))
    conversation.receive(memoryview(b"a2 APPEND INBOX {5+}\r\nsmall\r\na3 SELECT INBOX\r\n"))
    await settle()
    assert reassured_after(60) == b""
    conversation.receive(memoryview(b"s1 STORE 1 +FLAGS (\\Seen)\r\n"))
    await settle()
    assert reassured_after(9) == b""
    assert reassured_after(1) == NOTICE
    assert reassured_after(9.5) == b""
    assert reassured_after(0.5) == NOTICE
    stage.store.go.set()
    await settle()
    assert reassured_after(60) == b""
    conversation.receive(memoryview(b"i1 IDLE\r\n"))
    await settle()
    assert reassured_after(60) == b""  # a client that idles waits for nothing
    recorder.said.clear()
    conversation.receive(memoryview(b"DONE\r\na4 CAPABILITY\r\n"))
    conversation.receive_eof()
    await task
    assert b" INPROGRESS " in recorder.said
    read_all(bytes(recorder.said))
