"""CATENATE at its limits; the rest is in transcripts/catenate.imap."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pillarbox.imap.limits import ImapLimits
from pillarbox.store.contract import StoreLimits
from pillarbox.store.memory import MemoryStore
from tests.imap.administered import Talk
from tests.transcripts.memory import MemoryStage

LETTER = b"Subject: a\r\n\r\n" + b"0123456789" * 40 + b"\r\n"
URL = b'URL "/INBOX/;uid=1"'
NOTHING_STORED = b"* STATUS INBOX (MESSAGES 1)"


async def talk_to(limits: ImapLimits | None = None, store: StoreLimits | None = None) -> tuple[MemoryStage, Talk]:
    """INBOX holds LETTER."""
    stage = MemoryStage(limits=limits)
    if store is not None:
        stage.store = MemoryStore(store, stage.clock)
        stage.services = replace(stage.services, store=stage.store)
    talk = await Talk.begin(stage)
    assert (await talk.append(LETTER))[-1].startswith(b"t OK [APPENDUID ")
    return stage, talk


def text(data: bytes) -> bytes:
    return b"TEXT {%d+}\r\n%b" % (len(data), data)


async def refusal(talk: Talk, arguments: bytes) -> bytes:
    """How APPEND INBOX is refused; nothing was stored, and the conversation goes on."""
    (answer,) = await talk(b"APPEND INBOX " + arguments)
    assert (await talk(b"STATUS INBOX (MESSAGES)"))[0] == NOTHING_STORED
    return answer


@pytest.mark.parametrize(
    "pieces", [URL + b" " + URL + b" " + URL, URL + b" " + text(b"x" * 700), text(b"x" * 600) + b" " + text(b"x" * 600)]
)
async def test_what_grows_past_the_largest_message_is_too_big(pieces: bytes) -> None:
    stage, talk = await talk_to(store=StoreLimits(max_message_bytes=1_000))
    assert (await refusal(talk, b"CATENATE (%b)" % pieces)).startswith(b"t NO [TOOBIG] ")
    assert (await talk(b"APPEND INBOX CATENATE (%b %b)" % (URL, URL)))[-1].startswith(b"t OK [APPENDUID ")
    assert stage.events.bugs == []


async def test_several_messages_together_may_be_no_larger_than_one() -> None:
    _, talk = await talk_to(store=StoreLimits(max_message_bytes=1_000))
    three = b" ".join([b"CATENATE (%b)" % URL] * 3)
    assert (await refusal(talk, three)).startswith(b"t NO [LIMIT] ")
    two = b" ".join([b"CATENATE (%b)" % URL] * 2)
    assert (await talk(b"APPEND INBOX " + two))[-1].startswith(b"t OK [APPENDUID ")


async def test_so_many_messages_and_pieces_and_no_more() -> None:
    _, talk = await talk_to(ImapLimits(spilled_literals=2, list_items=3))
    assert (await refusal(talk, b" ".join([b"CATENATE (%b)" % URL] * 3))).startswith(b"t NO [LIMIT] ")
    assert (await refusal(talk, b"CATENATE (%b)" % b" ".join([URL] * 4))).startswith(b"t NO [LIMIT] ")
    fits = b" ".join([b"CATENATE (%b)" % b" ".join([URL] * 3)] * 2)
    assert (await talk(b"APPEND INBOX " + fits))[-1].startswith(b"t OK [APPENDUID ")


async def test_a_large_text_is_staged_on_its_way_in_and_not_an_octet_is_lost() -> None:
    _, talk = await talk_to(ImapLimits(append_memory_bytes=10_000))
    large = bytes(range(32, 127)) * 30_000
    told = await talk(b"APPEND INBOX CATENATE (%b %b %b)" % (text(b"Subject: big\r\n\r\n"), text(large), URL))
    assert told[-1].startswith(b"t OK [APPENDUID ")
    await talk(b"SELECT INBOX")
    (fetched, _) = await talk(b"FETCH 2 BODY.PEEK[]")
    assert fetched.partition(b"\r\n")[2].removesuffix(b")") == b"Subject: big\r\n\r\n" + large + LETTER


async def test_a_url_that_leads_nowhere_leaves_nothing_of_what_was_staged_before_it() -> None:
    stage, talk = await talk_to(ImapLimits(append_memory_bytes=10_000))
    arguments = b'CATENATE (%b URL "/INBOX/;uid=7")' % text(b"x" * 200_000)
    assert (await refusal(talk, arguments)).startswith(b"t NO [BADURL /INBOX/;uid=7] ")
    assert stage.events.bugs == []


@pytest.mark.parametrize(
    ("pieces", "answer"),
    [
        (text(b""), b"t NO "),
        (b'URL "/INBOX/;uid=1/;partial=9999"', b"t NO "),
        (text(b"a\0b"), b"t BAD "),
        (b'URL "/INBOX/;uid=1;urlauth=anonymous:internal:' + b"0" * 66 + b'"', b"t NO [BADURL "),
        (b'URL "imap://smith@example.com/INBOX/;uid=1"', b"t NO [BADURL "),
        (b'URL "/INBOX/;uid=1/;section=%31.%31.%31"', b"t NO [BADURL "),
        (b'URL "' + b"x" * 5_000 + b'"', b"t NO [BADURL "),
    ],
)
async def test_what_can_not_be_put_together_is_refused_whole(pieces: bytes, answer: bytes) -> None:
    stage, talk = await talk_to()
    assert (await refusal(talk, b"(\\Seen) CATENATE (%b)" % pieces)).startswith(answer)
    assert stage.events.bugs == []
