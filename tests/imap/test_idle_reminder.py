"""What is told right behind `+ idling` is followed by a reminder, for clients that overlook it: Thunderbird."""

from __future__ import annotations

import asyncio

from pillarbox.imap.conversation import ImapConversation
from tests.properties.recorder import Recorder
from tests.transcripts.memory import PASSWORD, USER, MemoryStage

REMINDER = b"* OK Still here\r\n"


class Devices:
    """One device that idles in INBOX, and another that sets flags there."""

    def __init__(self) -> None:
        self.stage = MemoryStage()
        self._open = [(ImapConversation(self.stage.services), Recorder()) for _ in range(2)]

    async def __aenter__(self) -> Devices:
        self._tasks = [asyncio.create_task(talk.run(recorder)) for talk, recorder in self._open]
        for number in range(2):
            self._say(number, b"a LOGIN %b %b" % (USER.encode(), PASSWORD.encode()))
            self._say(number, b"b APPEND INBOX {1+}\r\nx\r\nc SELECT INBOX")
            assert b"c OK" in await self.heard(number)
        return self

    async def __aexit__(self, *raised: object) -> None:
        for talk, _ in self._open:
            talk.receive_eof()
        await asyncio.gather(*self._tasks)

    def _say(self, number: int, line: bytes) -> None:
        self._open[number][0].receive(memoryview(line + b"\r\n"))

    async def idle(self) -> None:
        await self.heard(0)
        self._say(0, b"d IDLE")
        assert b"+ idling\r\n" in await self.heard(0)

    async def change(self, flag: bytes) -> None:
        self._say(1, b"e STORE 1 FLAGS (%b)" % flag)
        assert b"e OK" in await self.heard(1)
        assert flag in await self.heard(0)

    async def done(self) -> None:
        self._say(0, b"DONE")
        assert b"d OK" in await self.heard(0)

    async def heard(self, number: int) -> bytes:
        """What came since the last time; everything in memory is done after some turns of the loop."""
        for _ in range(100):
            await asyncio.sleep(0)
        recorder = self._open[number][1]
        said = bytes(recorder.said)
        recorder.said.clear()
        return said

    async def second_passes(self) -> bytes:
        self.stage.clock.advance(1)
        self._open[0][0].reassure()
        return await self.heard(0)


async def test_an_update_right_after_idle_began_is_followed_by_one_reminder() -> None:
    async with Devices() as devices:
        await devices.idle()
        await devices.change(b"\\Seen")
        assert [await devices.second_passes() for _ in range(5)] == [b"", REMINDER, b"", b"", b""]


async def test_an_update_later_needs_no_reminder() -> None:
    async with Devices() as devices:
        await devices.idle()
        for _ in range(3):
            await devices.second_passes()
        await devices.change(b"\\Seen")
        assert [await devices.second_passes() for _ in range(3)] == [b"", b"", b""]


async def test_a_client_that_left_idle_gets_no_reminder_in_its_next_one() -> None:
    async with Devices() as devices:
        await devices.idle()
        await devices.change(b"\\Seen")
        await devices.done()
        await devices.idle()
        assert [await devices.second_passes() for _ in range(3)] == [b"", b"", b""]
