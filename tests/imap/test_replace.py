"""REPLACE takes messages of any size, as APPEND does, and small literals only where no message comes."""

from __future__ import annotations

import pytest

from tests.properties.recorder import converse
from tests.transcripts.memory import PASSWORD, USER, MemoryStage

LARGE = b"Subject: large\r\n\r\n" + b"x" * 300_000
"""More than `literal_bytes`."""


@pytest.mark.parametrize("command", [b"REPLACE 1", b"UID REPLACE 1", b"uid replace 1"])
async def test_a_large_message_replaces_a_small_one(command: bytes) -> None:
    stage = MemoryStage()
    said = await converse(
        stage.services,
        [
            f"a1 LOGIN {USER} {PASSWORD}\r\n".encode(),
            b"a2 APPEND INBOX {5+}\r\nsmall\r\na3 SELECT INBOX\r\n",
            b"a4 %b INBOX {%d+}\r\n%b\r\n" % (command, len(LARGE), LARGE),
            b"a5 FETCH 1 (UID RFC822.SIZE)\r\n",
        ],
    )
    assert b"* 1 EXPUNGE\r\n" in said
    assert b"* 1 FETCH (UID 2 RFC822.SIZE %d)\r\n" % len(LARGE) in said
    assert stage.events.bugs == []


async def test_uid_fetch_takes_no_message() -> None:
    stage = MemoryStage()
    said = await converse(
        stage.services,
        [f"a1 LOGIN {USER} {PASSWORD}\r\n".encode(), b"a2 UID FETCH {%d+}\r\n%b\r\na3 NOOP\r\n" % (len(LARGE), LARGE)],
    )
    assert b"a2 BAD [TOOBIG]" in said
    assert b"a3 OK" in said
