"""NOTIFY of what others share (RFC 5465 section 5.4); what needs no clock is in transcripts/notify-sharing.imap."""

from __future__ import annotations

import asyncio

from pillarbox.mail.dates import InternalDate
from pillarbox.mail.rights import read_rights
from pillarbox.sharing.acl import property_of
from pillarbox.store.contract import AccountId, NewMessage
from tests.imap.administered import Talk
from tests.transcripts.memory import MemoryConnection, MemoryStage

LETTER = NewMessage(b"Subject: x\r\n\r\n", InternalDate(0, 0))


async def told(connection: MemoryConnection) -> bytes:
    async with asyncio.timeout(30):
        response = await connection.response()
    assert response is not None
    return response.removesuffix(b"\r\n")


async def test_who_begins_to_share_something_is_found_out_before_long() -> None:
    stage = MemoryStage()
    connection = await stage.connect()
    await told(connection)
    talk = Talk(connection)
    await talk(b"LOGIN fred blurdybloop")
    await talk(b'NOTIFY SET (SUBTREE "Other Users" (MessageNew MessageExpunge MailboxName))')
    smith = await stage.store.open(AccountId("smith"))
    club = (await smith.create("Club")).id
    await stage.neighbours.note(AccountId("smith"), "fred")
    await smith.set_properties(club, property_of("fred", read_rights("lr")))
    connection.conversation.reassure()
    assert await talk(b"NOOP") == [b"t OK NOOP completed"]
    stage.clock.advance(31)
    connection.conversation.reassure()
    news = {await told(connection), await told(connection)}
    assert news == {
        b'* LIST (\\HasNoChildren) "/" "Other Users/smith/Club"',
        b'* LIST (\\NonExistent \\HasChildren) "/" "Other Users/smith"',
    }
    await smith.append(club, [LETTER])
    assert (await told(connection)).startswith(b'* STATUS "Other Users/smith/Club" (MESSAGES 1 UIDNEXT 2 ')
    await smith.set_properties(club, property_of("fred", read_rights("")))
    assert b'* LIST (\\NonExistent \\HasNoChildren) "/" "Other Users/smith/Club"' in {
        await told(connection),
        await told(connection),
    }
    await connection.close()
    assert stage.events.bugs == []
