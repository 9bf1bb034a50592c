"""FETCH CHANGEDSINCE: those of the messages asked for that changed, also when the client lags behind the mailbox."""

from __future__ import annotations

import re

import pytest

from tests.search.talk import Talk, letter


async def fetched(talk: Talk, messages: bytes, modseq: int) -> list[int]:
    said = await talk.say(b"a FETCH %b (UID) (CHANGEDSINCE %d)" % (messages, modseq))
    return [int(number) for number in re.findall(rb"\* (\d+) FETCH", said)]


@pytest.mark.parametrize("lags", [False, True])
async def test_of_those_asked_for_those_that_changed_are_fetched(*, lags: bool) -> None:
    talk = await Talk.open([letter(b"\r\n")] * 8)
    before = talk.session.selected.image.highest_modseq
    await talk.say(b"a STORE 3,5,8 +FLAGS.SILENT (x)")
    if lags:  # 1 and 5 are gone, 9 came, and the client was told of neither
        inbox = await talk.inbox()
        await talk.say(b"a STORE 1,5 +FLAGS.SILENT (\\Deleted)")
        await talk.account.expunge(inbox)
        await talk.account.append(inbox, [letter(b"\r\n")])
        await talk.account.image(inbox)
    there = [3, 8] if lags else [3, 5, 8]
    assert await fetched(talk, b"1:*", before) == there
    assert await fetched(talk, b"4:8", before) == there[1:]
    assert await fetched(talk, b"1:3,6:8", before) == [3, 8]
    assert await fetched(talk, b"1:2,6", before) == []
    assert await fetched(talk, b"2,4", 0) == [2, 4]
