"""A text of many megabytes is searched right, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import base64

import pytest

from tests.search.talk import Talk, letter

LINE = "Große Laternen über dem Hafen.\r\n".encode()
SIZE_BYTES = 4_000_000
STEP_BYTES = 256 * 1024
"""No more of a text is decoded or compared between two turns of the others."""


def large(encoding: str, subtype: str) -> bytes:
    body = LINE * (SIZE_BYTES // len(LINE)) + b"the xylophone"
    if encoding == "base64":
        body = base64.encodebytes(body)
    head = b"Content-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n"
    return head % (subtype.encode(), encoding.encode()) + body


@pytest.mark.parametrize(("encoding", "subtype"), [("8bit", "plain"), ("base64", "plain"), ("8bit", "html")])
async def test_others_have_their_turns_while_a_large_text_is_searched(encoding: str, subtype: str) -> None:
    talk = await Talk.open([letter(large(encoding, subtype))])
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    serving = asyncio.create_task(others())
    assert await talk.found(b"BODY zzgargoyle") == []
    serving.cancel()
    assert turns > SIZE_BYTES // STEP_BYTES // (1 if subtype == "plain" else 2)


async def test_the_last_word_of_a_large_text_is_found() -> None:
    talk = await Talk.open([letter(large("base64", "plain"))])
    assert await talk.found(b'BODY "the xylophone"') == [1]
