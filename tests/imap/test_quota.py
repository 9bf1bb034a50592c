"""Quotas over IMAP where somebody administers them (RFC 9208); the rest is in transcripts/quota.imap."""

from __future__ import annotations

from tests.imap.administered import AdminStage, Talk

LETTER = b"Subject: x\r\n\r\n" + b"y" * 600


async def test_setquota_replaces_all_limits_and_answers_with_them() -> None:
    """The conversation of section 4.1.3, without the rounding."""
    talk = await Talk.begin(AdminStage())
    await talk.append(LETTER)
    assert await talk(b"SETQUOTA user/fred (STORAGE 510 MESSAGE 1000)") == [
        b"* QUOTA user/fred (STORAGE 1 510 MESSAGE 1 1000)",
        b"t OK SETQUOTA completed",
    ]
    assert (await talk(b"SETQUOTA user/fred (storage 512)"))[0] == b"* QUOTA user/fred (STORAGE 1 512)"
    assert (await talk(b"GETQUOTAROOT INBOX"))[:2] == [
        b"* QUOTAROOT INBOX user/fred",
        b"* QUOTA user/fred (STORAGE 1 512)",
    ]
    assert (await talk(b"SETQUOTA user/fred ()"))[0] == b"* QUOTA user/fred ()"
    assert (await talk(b"SETQUOTA user/fred (X-SEATS 5)"))[0].startswith(b"t NO [CANNOT] X-SEATS is not limited")


async def test_an_administrator_sees_and_sets_what_others_may_keep_until_that_is_taken_away() -> None:
    stage = AdminStage()
    talk = await Talk.begin(stage)
    assert (await talk(b"SETQUOTA user/bob (MAILBOX 5)"))[0] == b"* QUOTA user/bob (MAILBOX 1 5)"
    assert (await talk(b'GETQUOTA "user/bob"'))[0] == b"* QUOTA user/bob (MAILBOX 1 5)"
    assert (await talk(b"GETQUOTA user/eve"))[0].startswith(b"t NO [NONEXISTENT] ")
    stage.fred.administers = False
    assert (await talk(b"SETQUOTA user/bob ()"))[0].startswith(b"t NO [NOPERM] ")
    assert await talk(b"GETQUOTA user/bob") == await talk(b"GETQUOTA user/eve")


async def test_whoever_adds_to_a_nearly_full_account_is_warned() -> None:
    talk = await Talk.begin(AdminStage())
    await talk(b"SETQUOTA user/fred (MESSAGE 10)")
    for _ in range(8):
        assert len(await talk.append(LETTER)) == 1
    told = await talk.append(LETTER)
    assert told[0] == b"* NO [OVERQUOTA] Nearly full: MESSAGE"
    assert told[1].startswith(b"t OK [APPENDUID ")
    await talk(b"SELECT INBOX")
    copied = await talk(b"COPY 1 INBOX")
    assert copied[0] == b"* NO [OVERQUOTA] Nearly full: MESSAGE"
    assert copied[-1].startswith(b"t OK [COPYUID ")


async def test_what_passes_the_quota_is_refused_whole_whichever_way_it_comes() -> None:
    talk = await Talk.begin(AdminStage())
    await talk.append(LETTER)
    await talk(b"SETQUOTA user/fred (STORAGE 1 MAILBOX 2)")
    two = b"APPEND INBOX {5+}\r\na: b\n {%d+}\r\n%b" % (len(LETTER), LETTER)
    for command in (two, b"APPEND INBOX {%d+}\r\n%b" % (len(LETTER), LETTER)):
        assert (await talk(command))[-1].startswith(b"t NO [OVERQUOTA] There is no room left")
    await talk(b"CREATE Work")
    assert (await talk(b"CREATE More"))[-1].startswith(b"t NO [OVERQUOTA] That would be more mailboxes")
    await talk(b"SELECT INBOX")
    assert (await talk(b"COPY 1 Work"))[-1].startswith(b"t NO [OVERQUOTA] ")
    assert (await talk(b"STATUS Work (MESSAGES)"))[0] == b"* STATUS Work (MESSAGES 0)"
    assert (await talk(b"STATUS INBOX (MESSAGES)"))[0] == b"* STATUS INBOX (MESSAGES 1)"
    assert (await talk(b"MOVE 1 Work"))[-1].startswith(b"t OK ")
    assert (await talk(b"STATUS Work (MESSAGES)"))[0] == b"* STATUS Work (MESSAGES 1)"
