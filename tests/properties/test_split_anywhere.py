"""However a client's octets are cut into pieces, the server says the same; and all that it says is legal."""

from __future__ import annotations

import itertools

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.properties.commands import OPEN_MAILBOX, STREAMS
from tests.properties.recorder import converse, read_all
from tests.transcripts.memory import MemoryStage

SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """`data` in pieces, cut at these places."""
    ends = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[low:high] for low, high in itertools.pairwise(ends) if high > low]


async def said(pieces: list[bytes]) -> bytes:
    stage = MemoryStage()
    answer = await converse(stage.services, pieces)
    assert stage.events.bugs == []
    return answer


@SETTINGS
@given(STREAMS, st.lists(st.integers(0, 100_000), max_size=30))
@example(b"a APPEND INBOX {12}\r\nSubject: x\r\n\r\nb NOOP\r\n", [0])
async def test_the_answers_do_not_depend_on_where_the_octets_are_cut(stream: bytes, places: list[int]) -> None:
    data = OPEN_MAILBOX + stream
    whole = await said([data])
    assert whole == await said(cut(data, places))
    read_all(whole)


@SETTINGS
@given(STREAMS)
async def test_the_answers_are_the_same_octet_by_octet(stream: bytes) -> None:
    data = OPEN_MAILBOX + stream
    assert await said([data]) == await said([data[at : at + 1] for at in range(len(data))])


@SETTINGS
@given(STREAMS)
async def test_before_login_too(stream: bytes) -> None:
    whole = await said([stream])
    assert whole == await said([stream[at : at + 1] for at in range(len(stream))])
    read_all(whole)
