"""Feeds octets to a conversation in memory and keeps all that it says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from pillarbox.conversation import Peer
from pillarbox.imap.conversation import ImapConversation
from pillarbox.imap.services import Services
from tests.grammar import Dialect, ResponseSplitter, parse_response
from tests.grammar.tree import Enabled, Response

PATIENCE_SECONDS = 20.0


class Recorder:
    """An Outlet that forgets nothing."""

    def __init__(self) -> None:
        self.peer = Peer("192.0.2.7", 40_000, "TLSv1.3")
        self.said = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said += data

    async def drain(self) -> None:
        await asyncio.sleep(0)


async def converse(services: Services, pieces: Iterable[bytes]) -> bytes:
    """All that the server says to a client that sends these pieces and then no more."""
    conversation, recorder = ImapConversation(services), Recorder()
    task = asyncio.create_task(conversation.run(recorder))
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_SECONDS):
        for piece in pieces:
            while not conversation.wants_input and not task.done():
                await asyncio.sleep(0)
            if task.done():
                break
            conversation.receive(memoryview(piece))
            await asyncio.sleep(0)
        conversation.receive_eof()
        await task
    return bytes(recorder.said)


def read_all(said: bytes) -> list[Response]:
    """Everything in it, read by the strict grammar; nothing may be left over."""
    splitter = ResponseSplitter()
    dialect = Dialect.ASCII
    found: list[Response] = []
    for raw in splitter.feed(said):
        response = parse_response(raw, dialect)
        if isinstance(response, Enabled) and {"IMAP4REV2", "UTF8=ACCEPT"} & {name.upper() for name in response.names}:
            dialect = Dialect.UTF8
        found.append(response)
    assert splitter.rest == b""
    return found
