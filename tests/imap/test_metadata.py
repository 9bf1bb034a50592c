"""Annotations of the server, and their limits (RFC 5464); the rest is in transcripts/metadata*.imap."""

from __future__ import annotations

from dataclasses import replace

from pillarbox.imap.limits import ImapLimits
from pillarbox.store.contract import AccountId
from tests.imap.administered import AdminStage, Talk


def stage_with(limits: ImapLimits) -> AdminStage:
    stage = AdminStage()
    stage.services = replace(stage.services, limits=limits)
    return stage


async def test_what_an_administrator_says_of_the_server_everybody_reads_at_once() -> None:
    stage = stage_with(ImapLimits(admin_contact="mailto:postmaster@example.org"))
    talk, other = await Talk.begin(stage), await Talk.begin(stage)
    await other(b"ENABLE METADATA-SERVER")
    assert await talk(b'SETMETADATA "" (/shared/comment "Shared comment")') == [b"t OK SETMETADATA completed"]
    assert (await other(b"NOOP"))[0] == b'* METADATA "" /shared/comment'
    assert await other(b'GETMETADATA "" /shared/comment') == [
        b'* METADATA "" (/shared/comment "Shared comment")',
        b"t OK GETMETADATA completed",
    ]
    assert (await other(b'GETMETADATA "" /shared/admin'))[0] == (
        b'* METADATA "" (/shared/admin "mailto:postmaster@example.org")'
    )
    stage.fred.administers = False
    assert (await talk(b'SETMETADATA "" (/shared/comment NIL)'))[0].startswith(b"t NO [NOPERM] ")


async def test_who_enabled_only_the_server_is_not_told_of_mailboxes() -> None:
    stage = AdminStage()
    talk, other = await Talk.begin(stage), await Talk.begin(stage)
    await other(b"ENABLE METADATA-SERVER")
    await talk(b'SETMETADATA INBOX (/shared/comment "x")')
    assert await other(b"NOOP") == [b"t OK NOOP completed"]


async def test_a_value_that_is_too_large_is_refused_with_the_size_that_is_not() -> None:
    talk = await Talk.begin(stage_with(ImapLimits(metadata_value_bytes=1024)))
    large = b'SETMETADATA INBOX (/shared/comment "kept?" /private/comment {%d+}\r\n%b)'
    assert (await talk(large % (1025, b"x" * 1025)))[0].startswith(b"t NO [METADATA MAXSIZE 1024] ")
    assert (await talk(b"GETMETADATA INBOX /shared/comment"))[0] == b"* METADATA INBOX (/shared/comment NIL)"
    assert (await talk(large % (1024, b"x" * 1024)))[0].startswith(b"t OK ")


async def test_too_many_entries_are_refused_until_one_goes() -> None:
    talk = await Talk.begin(stage_with(ImapLimits(metadata_entries=10)))
    ten = b" ".join(b'/shared/%d "x"' % number for number in range(10))
    assert (await talk(b"SETMETADATA INBOX (%b)" % ten))[0].startswith(b"t OK ")
    assert (await talk(b'SETMETADATA INBOX (/shared/more "x")'))[0].startswith(b"t NO [METADATA TOOMANY] ")
    assert (await talk(b'SETMETADATA INBOX (/shared/1 "y")'))[0].startswith(b"t OK ")
    assert (await talk(b'SETMETADATA INBOX (/shared/1 NIL /shared/more "x")'))[0].startswith(b"t OK ")


async def test_all_that_an_account_can_keep_is_a_limit_too() -> None:
    stage = AdminStage()
    talk = await Talk.begin(stage)
    account = await stage.store.open(AccountId("fred"))
    await account.set_properties(None, {str(number): b"" for number in range(stage.store.limits.max_properties)})
    assert (await talk(b'SETMETADATA INBOX (/shared/comment "x")'))[0].startswith(b"t NO [METADATA TOOMANY] ")
    both = b'SETMETADATA INBOX (/private/specialuse "\\\\Sent" /shared/comment "x")'
    assert (await talk(both))[0].startswith(b"t NO [METADATA TOOMANY] ")
    assert (await talk(b'LIST "" INBOX'))[0] == b'* LIST (\\HasNoChildren) "/" INBOX'


async def test_the_own_filter_comes_before_the_one_for_everybody() -> None:
    talk = await Talk.begin(AdminStage())
    await talk.append(b"Subject: a\r\n\r\n")
    await talk.append(b"Subject: b\r\n\r\n")
    await talk(b"SELECT INBOX")
    assert (await talk(b'SETMETADATA "" (/shared/filters/values/mine "SUBJECT a")'))[0].startswith(b"t OK ")
    assert (await talk(b"SEARCH FILTER mine"))[0] == b"* SEARCH 1"
    await talk(b'SETMETADATA "" (/private/filters/values/Mine "SUBJECT b")')
    assert (await talk(b"SEARCH FILTER mine"))[0] == b"* SEARCH 2"
    await talk(b'SETMETADATA "" (/private/filters/values/mine NIL)')
    assert (await talk(b"SEARCH FILTER MINE"))[0] == b"* SEARCH 1"


async def test_of_many_mailboxes_the_annotations_are_looked_at_once_a_second() -> None:
    stage = AdminStage()
    account = await stage.store.open(AccountId("fred"))
    for number in range(201):
        await account.create(f"Lists/{number}")
    talk, connection = await Talk.begin(stage), await stage.connect()
    other = Talk(connection)
    await connection.response()
    await other(b"LOGIN fred blurdybloop")
    await other(b"ENABLE METADATA")
    await other(b"NOOP")
    await talk(b'SETMETADATA Lists/7 (/shared/comment "x")')
    assert await other(b"NOOP") == [b"t OK NOOP completed"]
    assert await other(b"IDLE") == [b"+ idling"]
    stage.clock.advance(1)
    connection.conversation.reassure()
    assert await connection.response() == b"* METADATA Lists/7 /shared/comment\r\n"
