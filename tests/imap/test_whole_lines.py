"""Clients with small buffers get whole lines: what the server flushes ends where a response ends (interop.md,
swift-nio-imap, which parses 8 KB at a time)."""

from __future__ import annotations

import asyncio

from pillarbox.imap.conversation import ImapConversation
from pillarbox.mail.dates import InternalDate
from pillarbox.store.contract import AccountId, NewMessage
from tests.properties.recorder import Recorder
from tests.transcripts.memory import PASSWORD, USER, MemoryStage


class Flushes(Recorder):
    """Keeps what had been said whenever the server let go."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[int] = []

    async def drain(self) -> None:
        self.ends.append(len(self.said))
        await asyncio.sleep(0)


async def test_what_is_flushed_ends_with_a_whole_response() -> None:
    stage = MemoryStage()
    account = await stage.store.open(AccountId(USER))
    letter = NewMessage(b"From: a@example.org\r\nSubject: " + b"x" * 100 + b"\r\n\r\n", InternalDate(0, 0))
    await account.append((await account.find("INBOX")).id, [letter] * 600)
    flushes = Flushes()
    conversation = ImapConversation(stage.services)
    talk = asyncio.create_task(conversation.run(flushes))
    commands = (
        f"a1 LOGIN {USER} {PASSWORD}",
        "a2 SELECT INBOX",
        "a3 FETCH 1:* (FLAGS UID ENVELOPE)",
        "a4 STORE 1:* +FLAGS (\\Seen)",
        "a5 SEARCH ALL",
        "a6 FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]",
        "a7 LOGOUT",
    )
    for command in commands:
        conversation.receive(memoryview(f"{command}\r\n".encode()))
        async with asyncio.timeout(30):
            while f"\r\n{command[:2]} OK ".encode() not in flushes.said:
                await asyncio.sleep(0)
    await talk
    pieces = [flushes.said[:end] for end in flushes.ends if end]
    assert len(pieces) > len(commands)
    assert [piece[-40:] for piece in pieces if not piece.endswith(b"\r\n")] == []
    heads = [flushes.said[end : end + 40] for end in flushes.ends if end < len(flushes.said)]
    assert [head for head in heads if not head.startswith((b"* ", b"a"))] == []
