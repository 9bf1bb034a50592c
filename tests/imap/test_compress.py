"""COMPRESS=DEFLATE in a whole conversation (RFC 4978), and how UNAUTHENTICATE ends it (RFC 8437 section 4.1)."""

from __future__ import annotations

import asyncio
import zlib
from typing import Self

import pytest

from pillarbox.conversation import Phase
from pillarbox.imap.conversation import ImapConversation
from pillarbox.mail.dates import InternalDate
from pillarbox.store.contract import AccountId, NewMessage
from tests.properties.recorder import Recorder
from tests.transcripts.memory import PASSWORD, USER, MemoryStage

LOGIN = f"a1 LOGIN {USER} {PASSWORD}\r\n".encode()


class Client:
    """One connection in memory that packs and unpacks when told to."""

    def __init__(self, stage: MemoryStage) -> None:
        self.conversation = ImapConversation(stage.services)
        self._recorder = Recorder()
        self._task = asyncio.create_task(self.conversation.run(self._recorder))
        self._deflater: zlib._Compress | None = None
        self._inflater: zlib._Decompress | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.conversation.receive_eof()
        await self._task

    def compress(self) -> None:
        self._deflater, self._inflater = zlib.compressobj(9, zlib.DEFLATED, -15), zlib.decompressobj(-15)

    def stop_compressing(self) -> None:
        self._deflater = self._inflater = None

    def pack(self, data: bytes) -> bytes:
        if self._deflater is None:
            return data
        return self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)

    async def say(self, data: bytes) -> bytes:
        """Send, packed when compression is on, and return the answer."""
        return await self.say_raw(self.pack(data))

    async def say_raw(self, octets: bytes) -> bytes:
        self.conversation.receive(memoryview(octets))
        return await self.heard()

    async def heard(self) -> bytes:
        """What was said since, once the server waits for more or the talk is over."""
        async with asyncio.timeout(20):
            while not self._recorder.said and not self._task.done():
                await asyncio.sleep(0)
            for _ in range(50):
                await asyncio.sleep(0)
        raw = bytes(self._recorder.said)
        self._recorder.said.clear()
        return raw if self._inflater is None else self._inflater.decompress(raw)


async def greeted(stage: MemoryStage) -> Client:
    client = Client(stage)
    assert (await client.heard()).startswith(b"* OK ")
    return client


async def logged_in(stage: MemoryStage) -> Client:
    client = await greeted(stage)
    assert b"a1 OK" in await client.say(LOGIN)
    return client


async def compressed(stage: MemoryStage) -> Client:
    """RFC 4978 section 4, its first example: the tagged OK is the last that is not compressed."""
    client = await logged_in(stage)
    assert await client.say(b"a2 compress deflate\r\n") == b"a2 OK COMPRESS completed\r\n"
    client.compress()
    return client


async def test_everything_after_the_tagged_ok_is_compressed() -> None:
    async with await compressed(MemoryStage()) as client:
        assert await client.say(b"c NOOP\r\n") == b"c OK NOOP completed\r\n"


async def test_a_second_compress_is_refused_and_changes_nothing() -> None:
    """RFC 4978 section 3: NO [COMPRESSIONACTIVE]."""
    async with await compressed(MemoryStage()) as client:
        assert (await client.say(b"c COMPRESS DEFLATE\r\n")).startswith(b"c NO [COMPRESSIONACTIVE] ")
        assert await client.say(b"d NOOP\r\n") == b"d OK NOOP completed\r\n"


async def test_another_algorithm_is_bad() -> None:
    async with await logged_in(MemoryStage()) as client:
        assert (await client.say(b"b COMPRESS ZSTD\r\n")).startswith(b"b BAD ")
        assert await client.say(b"c NOOP\r\n") == b"c OK NOOP completed\r\n"


async def test_before_login_compress_is_bad() -> None:
    async with await greeted(MemoryStage()) as client:
        assert (await client.say(b"b COMPRESS DEFLATE\r\n")).startswith(b"b BAD ")


async def test_what_a_client_pipelines_behind_compress_is_read_as_compressed() -> None:
    async with await logged_in(MemoryStage()) as client:
        plain = b"b COMPRESS DEFLATE\r\n"
        client.compress()
        packed = client.pack(b"c NOOP\r\n")
        client.stop_compressing()
        answer = await client.say_raw(plain + packed)
        head, _, tail = answer.partition(b"\r\n")
        assert head == b"b OK COMPRESS completed"
        assert zlib.decompressobj(-15).decompress(tail) == b"c OK NOOP completed\r\n"


async def test_a_message_comes_and_goes_compressed_also_octet_by_octet() -> None:
    async with await compressed(MemoryStage()) as client:
        message = b"Subject: hello\r\n\r\n" + b"All work and no play.\r\n" * 500
        packed = client.pack(b"b APPEND INBOX {%d+}\r\n%b\r\n" % (len(message), message))
        for octet in packed[:-1]:
            client.conversation.receive(memoryview(bytes([octet])))
            await asyncio.sleep(0)
        assert b"b OK [APPENDUID" in await client.say_raw(packed[-1:])
        await client.say(b"c SELECT INBOX\r\n")
        assert message in await client.say(b"d FETCH 1 BODY.PEEK[]\r\n")


async def test_a_bomb_ends_the_talk_with_bye() -> None:
    async with await compressed(MemoryStage()) as client:
        bomb = client.pack(b"b APPEND INBOX {40000000+}\r\n" + b"\0" * 40_000_000)
        said = await client.say_raw(bomb)
        assert said.startswith(b"* BYE ")
        assert client.conversation.phase is Phase.OVER


@pytest.mark.parametrize("octets", [b"\xff\xff\xff\xff", b"\x07\r\n"], ids=["no block", "a block type there is not"])
async def test_what_is_not_compressed_any_more_ends_the_talk_with_bye(octets: bytes) -> None:
    async with await compressed(MemoryStage()) as client:
        assert (await client.say_raw(octets)).startswith(b"* BYE ")


async def test_compression_and_all_else_ends_with_unauthenticate() -> None:
    """RFC 8437 section 4.1: the tagged OK is the last that is compressed, the command's CRLF the client's last."""
    async with await compressed(MemoryStage()) as client:
        assert await client.say(b"b UNAUTHENTICATE\r\n") == b"b OK UNAUTHENTICATE completed\r\n"
        client.stop_compressing()
        assert b"a1 OK" in await client.say(LOGIN)
        assert await client.say(b"c COMPRESS DEFLATE\r\n") == b"c OK COMPRESS completed\r\n"
        client.compress()
        assert await client.say(b"d NOOP\r\n") == b"d OK NOOP completed\r\n"


async def test_plain_login_pipelined_behind_a_compressed_unauthenticate_is_understood() -> None:
    async with await compressed(MemoryStage()) as client:
        unpacker = zlib.decompressobj(-15)
        octets = client.pack(b"b UNAUTHENTICATE\r\n") + LOGIN
        client.stop_compressing()
        said = await client.say_raw(octets)
        end = said.index(b"\0\0\xff\xff") + 4
        assert unpacker.decompress(said[:end]) == b"b OK UNAUTHENTICATE completed\r\n"
        assert said[end:].startswith(b"a1 OK [CAPABILITY ")


async def test_the_same_octet_by_octet() -> None:
    async with await compressed(MemoryStage()) as client:
        octets = client.pack(b"b UNAUTHENTICATE\r\n") + LOGIN + b"c NOOP\r\n"
        client.stop_compressing()
        for octet in octets[:-1]:
            client.conversation.receive(memoryview(bytes([octet])))
            await asyncio.sleep(0)
        assert (await client.say_raw(octets[-1:])).endswith(b"c OK NOOP completed\r\n")


async def test_what_notify_tells_between_commands_is_packed_and_whole() -> None:
    stage = MemoryStage()
    async with await greeted(stage) as client:
        await client.say(LOGIN)
        await client.say(b"a2 COMPRESS DEFLATE\r\n")
        client.compress()
        assert b"a3 OK " in await client.say(b"a3 SELECT INBOX\r\n")
        assert b"a4 OK " in await client.say(b"a4 NOTIFY SET (SELECTED (MessageNew (UID) MessageExpunge))\r\n")
        account = await stage.store.open(AccountId(USER))
        letter = NewMessage(b"Subject: x\r\n\r\n", InternalDate(0, 0))
        await account.append((await account.find("INBOX")).id, [letter])
        assert (await client.heard()).startswith(b"* 1 EXISTS\r\n")
        client.conversation.keep_alive()
        assert await client.heard() == b"* OK Still here\r\n"
