"""QRESYNC with what clients really remember: long lists of UIDs, up to a megabyte (RFC 7162 section 4)."""

from __future__ import annotations

from pillarbox.store.contract import AccountId
from tests.properties.recorder import converse
from tests.transcripts.memory import PASSWORD, USER, MemoryStage

START = [f"a1 LOGIN {USER} {PASSWORD}\r\n".encode(), b"a2 ENABLE QRESYNC\r\n"]


def every_other(count: int) -> bytes:
    return b",".join(b"%d" % (2 * number + 1) for number in range(count))


async def answers(*commands: bytes) -> bytes:
    stage = MemoryStage()
    validity = (await (await stage.store.open(AccountId(USER))).find("INBOX")).uidvalidity
    said = await converse(stage.services, [*START, *(command.replace(b"$V", b"%d" % validity) for command in commands)])
    assert stage.events.bugs == []
    return said


async def test_known_uids_of_sixty_kilobytes_are_read() -> None:
    known = every_other(10_000)
    assert 50_000 < len(known) < 64_000
    said = await answers(b"a3 SELECT INBOX (QRESYNC ($V 1 %b))\r\n" % known)
    assert b"a3 OK [READ-WRITE]" in said


async def test_known_uids_of_a_megabyte_are_refused_and_the_talk_goes_on() -> None:
    known = every_other(140_000)
    assert len(known) > 900_000
    said = await answers(b"a3 SELECT INBOX (QRESYNC ($V 1 %b))\r\n" % known, b"a4 NOOP\r\n")
    assert b"a3 BAD [TOOBIG]" in said
    assert b"a4 OK" in said


async def test_a_megabyte_in_a_literal_is_no_sequence_set() -> None:
    known = every_other(10_000)
    said = await answers(b"a3 SELECT INBOX (QRESYNC ($V 1 {%d+}\r\n%b))\r\n" % (len(known), known), b"a4 NOOP\r\n")
    assert b"a3 BAD" in said
    assert b"a4 OK" in said


async def test_uid_fetch_of_a_megabyte_of_uids_is_refused_and_the_talk_goes_on() -> None:
    said = await answers(
        b"a3 SELECT INBOX\r\n",
        b"a4 UID FETCH %b (FLAGS) (CHANGEDSINCE 1 VANISHED)\r\n" % every_other(140_000),
        b"a5 UID FETCH %b (FLAGS) (CHANGEDSINCE 1 VANISHED)\r\n" % every_other(10_000),
    )
    assert b"a4 BAD [TOOBIG]" in said
    assert b"a5 OK" in said
