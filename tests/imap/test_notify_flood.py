"""NOTIFY where too much is asked for or happens at once: NOTIFICATIONOVERFLOW (RFC 5465 section 3.1 and 5.8)."""

from __future__ import annotations

import asyncio

from pillarbox.imap.limits import ImapLimits
from pillarbox.mail.dates import InternalDate
from pillarbox.store.contract import AccountId, NewMessage
from tests.transcripts.memory import PASSWORD, USER, MemoryConnection, MemoryStage

LETTER = NewMessage(b"Subject: x\r\n\r\n", InternalDate(0, 0))


async def answers(connection: MemoryConnection, last: bytes) -> list[bytes]:
    """All responses up to the one that begins with `last`."""
    found: list[bytes] = []
    async with asyncio.timeout(30):
        while not found or not found[-1].startswith(last):
            response = await connection.response()
            assert response is not None
            found.append(response)
    return found


async def order(connection: MemoryConnection, command: bytes) -> list[bytes]:
    await connection.send(b"a1 " + command + b"\r\n")
    return await answers(connection, b"a1 ")


async def listening(limits: ImapLimits, request: bytes) -> tuple[MemoryStage, MemoryConnection, bytes]:
    """A client that asked for `request`, of an account with five mailboxes below Lists; and what it was answered."""
    stage = MemoryStage(limits=limits)
    account = await stage.store.open(AccountId(USER))
    for number in range(5):
        await account.create(f"Lists/{number}")
    connection = await stage.connect()
    await answers(connection, b"* OK")
    await order(connection, f"LOGIN {USER} {PASSWORD}".encode())
    return stage, connection, (await order(connection, b"NOTIFY SET " + request))[-1]


async def test_a_flood_of_changes_ends_in_one_line_and_silence() -> None:
    stage, connection, done = await listening(
        ImapLimits(notify_responses=3), b"(SUBTREE Lists (MessageNew MessageExpunge))"
    )
    assert done.startswith(b"a1 OK")
    account = await stage.store.open(AccountId(USER))
    names = [f"Lists/{number}" for number in range(5)]
    mailboxes = [(await account.find(name)).id for name in names]
    for mailbox in mailboxes:  # nothing is awaited that gives the conversation a turn: one look finds all five
        await account.append(mailbox, [LETTER])
    told = await answers(connection, b"* OK [NOTIFICATIONOVERFLOW]")
    assert len(told) == 1
    await account.append(mailboxes[0], [LETTER])
    assert (await order(connection, b"NOOP"))[0].startswith(b"a1 OK")
    await connection.close()
    assert stage.events.bugs == []


async def test_many_new_messages_are_not_fetched_past_the_limit() -> None:
    stage, connection, _ = await listening(
        ImapLimits(notify_responses=3), b"(SELECTED (MessageNew (UID) MessageExpunge))"
    )
    await order(connection, b"SELECT INBOX")
    account = await stage.store.open(AccountId(USER))
    await account.append((await account.find("INBOX")).id, [LETTER] * 4)
    told = await answers(connection, b"* OK [NOTIFICATIONOVERFLOW]")
    assert [line for line in told if b"FETCH" in line] == []
    await connection.close()


async def test_more_mailboxes_than_may_be_watched_are_refused() -> None:
    _, connection, done = await listening(ImapLimits(notify_mailboxes=4), b"(PERSONAL (MessageNew MessageExpunge))")
    assert done.startswith(b"a1 NO [NOTIFICATIONOVERFLOW] ")
    await connection.close()


async def test_more_names_than_may_be_tried_are_refused() -> None:
    names = b" ".join(b"m%d" % number for number in range(101))
    _, connection, done = await listening(ImapLimits(), b"(MAILBOXES (%b) (MessageNew MessageExpunge))" % names)
    assert done.startswith(b"a1 NO [NOTIFICATIONOVERFLOW] ")
    await connection.close()


async def test_a_flood_of_annotations_ends_in_one_line_too() -> None:
    stage, connection, done = await listening(ImapLimits(notify_responses=3), b"(PERSONAL (MailboxMetadataChange))")
    assert done.startswith(b"a1 OK")
    account = await stage.store.open(AccountId(USER))
    for number in range(5):
        mailbox = (await account.find(f"Lists/{number}")).id
        await account.set_properties(mailbox, {"metadata/shared/comment": b"x"})
    assert len(await answers(connection, b"* OK [NOTIFICATIONOVERFLOW]")) == 1
    await connection.close()
    assert stage.events.bugs == []
