"""URLs that somebody tampers with, and those that are good no more: all answered alike, and as if nothing were there.

The rest is in transcripts/urlauth.imap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from pillarbox.imap.limits import ImapLimits
from pillarbox.imap.url_keys import is_token_of, key_for, keys_of, renew_key, token_of
from pillarbox.mail.dates import InternalDate
from pillarbox.store.contract import AccountId, AccountStore, MailboxId, NewMessage
from pillarbox.store.memory import MemoryStore
from tests.imap.administered import Talk
from tests.transcripts.memory import PASSWORD, MemoryStage

LETTER = b"Subject: secret\r\n\r\ntext\r\n"
DONE = b"t OK URLFETCH completed"


async def stage_of_three(limits: ImapLimits | None = None) -> MemoryStage:
    """fred has two messages in INBOX and one in Work; smith and jones have accounts too, with one message each."""
    stage = MemoryStage(limits=limits)
    for name, mailboxes in {"fred": ("INBOX", "INBOX", "Work"), "smith": ("INBOX",), "jones": ("INBOX",)}.items():
        stage.person(name)
        account = await stage.store.open(AccountId(name))
        if name == "fred":
            await account.create("Work")
        for mailbox in mailboxes:
            await account.append((await account.find(mailbox)).id, [NewMessage(LETTER, InternalDate(0, 0))])
    return stage


async def talk_as(stage: MemoryStage, name: str) -> Talk:
    connection = await stage.connect()
    await connection.response()
    talk = Talk(connection)
    assert (await talk(f"LOGIN {name} {PASSWORD}".encode()))[-1].startswith(b"t OK")
    return talk


async def made(talk: Talk, rump: str) -> str:
    """The URL with its token."""
    told = await talk(f'GENURLAUTH "{rump}" INTERNAL'.encode())
    assert told[-1] == b"t OK GENURLAUTH completed"
    return told[0].removeprefix(b"* GENURLAUTH ").strip(b'"').decode()


async def fetched(talk: Talk, url: str) -> bytes | None:
    """What URLFETCH says that the URL leads to."""
    raw = url.encode()
    told = await talk(b"URLFETCH {%d+}\r\n%b" % (len(raw), raw))
    assert told[-1] == DONE
    (answer,) = told[:-1]
    if answer.endswith(b" NIL"):
        assert len(answer) <= len(raw) + len(b"* URLFETCH {9999}\r\n NIL")
        return None
    return answer.partition(b"}\r\n")[2]


GOOD = "imap://fred@example.com/INBOX/;uid=1;urlauth=user+smith"
TAMPERED: Mapping[str, Callable[[str], str]] = {
    "another digit": lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"),
    "a token cut off": lambda url: url[:-2],
    "a token cut off to 128 bits": lambda url: url[: url.index("internal:") + 9 + 32],
    "a longer token": lambda url: url + "00",
    "another algorithm": lambda url: url.replace(":internal:01", ":internal:02"),
    "no algorithm": lambda url: url.replace(":internal:01", ":internal:"),
    "zeros": lambda url: url[: url.index("internal:") + 11] + "0" * 64,
    "no token": lambda url: url[: url.index(":internal")],
    "an empty token": lambda url: url[: url.index(":internal")] + ":internal:",
    "another mechanism": lambda url: url.replace(":internal:", ":xsample:"),
    "another message": lambda url: url.replace("uid=1", "uid=2"),
    "another mailbox": lambda url: url.replace("/INBOX", "/Work"),
    "the mailbox in other letters": lambda url: url.replace("/INBOX", "/inbox"),
    "a mailbox that is not there": lambda url: url.replace("/INBOX", "/Nowhere"),
    "a section": lambda url: url.replace("uid=1", "uid=1/;section=TEXT"),
    "a piece": lambda url: url.replace("uid=1", "uid=1/;partial=0.4"),
    "another owner": lambda url: url.replace("//fred@", "//jones@"),
    "oneself as owner": lambda url: url.replace("//fred@", "//smith@"),
    "an owner that is not there": lambda url: url.replace("//fred@", "//nobody@"),
    "no owner": lambda url: url.replace("//fred@", "//"),
    "everybody": lambda url: url.replace("user+smith", "anonymous"),
    "every user": lambda url: url.replace("user+smith", "authuser"),
    "a submission": lambda url: url.replace("user+smith", "submit+smith"),
    "an expiry": lambda url: url.replace(";urlauth", ";expire=2099-01-01T00:00:00Z;urlauth"),
    "another host": lambda url: url.replace("example.com", "example.net"),
    "another scheme": lambda url: url.replace("imap:", "http:"),
    "a line end": lambda url: url.replace("INBOX", "INBOX%0D%0A"),
    "NUL": lambda url: url.replace("INBOX", "INBOX%00"),
    "8 bits": lambda url: url.replace("INBOX", "INBÖX"),
    "too large a UID": lambda url: url.replace("uid=1", "uid=99999999999"),
    "nothing": lambda url: "x",
}


async def test_the_good_one_is_good_and_whoever_tampers_with_it_learns_nothing() -> None:
    stage = await stage_of_three()
    url = await made(await talk_as(stage, "fred"), GOOD)
    smith = await talk_as(stage, "smith")
    assert await fetched(smith, url) == LETTER
    assert await fetched(smith, url[: len(GOOD)] + url[len(GOOD) :].upper()) == LETTER
    answers = {what: await fetched(smith, tamper(url)) for what, tamper in TAMPERED.items()}
    assert answers == dict.fromkeys(TAMPERED)
    assert await fetched(await talk_as(stage, "jones"), url) is None
    assert stage.events.bugs == []


async def test_a_url_expires() -> None:
    stage = await stage_of_three()
    rump = "imap://fred@example.com/INBOX/;uid=1;expire=2026-06-01T02:00:00+02:00;urlauth=authuser"
    url = await made(await talk_as(stage, "fred"), rump)
    smith = await talk_as(stage, "smith")
    assert await fetched(smith, url) == LETTER
    stage.clock.seconds = 1_780_272_000 - 1
    assert await fetched(smith, url) == LETTER
    stage.clock.advance(1)
    assert await fetched(smith, url) is None
    assert await fetched(smith, url.replace("2026", "2027")) is None


async def test_only_who_is_named_a_submission_server_fetches_what_is_for_submission() -> None:
    rump = "imap://fred@example.com/INBOX/;uid=1;urlauth=submit+fred"
    nobody = await stage_of_three()
    url = await made(await talk_as(nobody, "fred"), rump)
    assert [await fetched(await talk_as(nobody, name), url) for name in ("fred", "smith")] == [None, None]
    named = await stage_of_three(ImapLimits(submission_logins=("smith",)))
    url = await made(await talk_as(named, "fred"), rump)
    assert [await fetched(await talk_as(named, name), url) for name in ("fred", "jones")] == [None, None]
    assert await fetched(await talk_as(named, "smith"), url) == LETTER


async def test_hosts_that_are_not_ours_are_told_apart_when_ours_are_named() -> None:
    stage = await stage_of_three(ImapLimits(url_hosts=("example.com",)))
    fred = await talk_as(stage, "fred")
    url = await made(fred, GOOD.replace("user+smith", "authuser"))
    assert await fetched(fred, url) == LETTER
    told = await fred(f'GENURLAUTH "{GOOD.replace("example.com", "example.net")}" INTERNAL'.encode())
    assert told == [b"t BAD One of the URLs names nothing that can be authorised"]


async def test_who_has_no_account_any_more_has_no_urls_either() -> None:
    stage = await stage_of_three()
    url = await made(await talk_as(stage, "fred"), GOOD)
    smith = await talk_as(stage, "smith")
    stage.users.people.remove("fred")
    assert await fetched(smith, url) is None


async def test_a_mailbox_of_the_same_name_made_anew_has_other_keys() -> None:
    stage = await stage_of_three()
    fred, smith = await talk_as(stage, "fred"), await talk_as(stage, "smith")
    url = await made(fred, GOOD.replace("INBOX", "Work"))
    assert await fetched(smith, url) == LETTER
    await fred(b"DELETE Work")
    await fred(b"CREATE Work")
    await fred.append(LETTER, b"Work")
    assert await fetched(smith, url) is None
    again = await made(fred, GOOD.replace("INBOX", "Work"))
    assert again != url
    assert await fetched(smith, again) == LETTER
    assert await fetched(smith, url) is None


async def test_the_keys_of_all_mailboxes_go_at_once() -> None:
    stage = await stage_of_three()
    fred, smith = await talk_as(stage, "fred"), await talk_as(stage, "smith")
    urls = [await made(fred, GOOD.replace("INBOX", name)) for name in ("INBOX", "Work")]
    assert await fred(b"RESETKEY") == [b"t OK All keys removed"]
    assert [await fetched(smith, url) for url in urls] == [None, None]


async def test_a_mailbox_that_others_share_is_theirs_to_authorise() -> None:
    stage = await stage_of_three()
    fred, smith = await talk_as(stage, "fred"), await talk_as(stage, "smith")
    assert (await fred(b"SETACL Work smith lrswia"))[-1].startswith(b"t OK")
    opened = await smith(b'SELECT "Other Users/fred/Work"')
    assert opened[-1].startswith(b"t OK")
    assert not any(b"URLMECH" in line for line in opened)
    assert b"* OK [URLMECH INTERNAL] URLs may be authorised" in await smith(b"SELECT INBOX")
    for url in (
        "imap://smith@example.com/Other%20Users/fred/Work/;uid=1;urlauth=authuser",
        "imap://fred@example.com/Work/;uid=1;urlauth=authuser",
        "imap://nobody@example.com/Work/;uid=1;urlauth=authuser",
    ):
        told = await smith(f'GENURLAUTH "{url}" INTERNAL'.encode())
        assert told == [b"t BAD One of the URLs names nothing that can be authorised"]
    assert (await smith(b'RESETKEY "Other Users/fred/Work"'))[0].startswith(b"t NO [NONEXISTENT] ")


BOMBS = [
    "imap://" + "f" * 5_000,
    "imap://fred@example.com/" + "%41" * 2_000 + "/;uid=1;urlauth=authuser:internal:" + "0" * 66,
    "imap://fred@example.com/INBOX/;uid=1/;section=" + "1." * 1_500 + "1;urlauth=authuser:internal:" + "0" * 66,
    "imap://fred@example.com/INBOX/;uid=1/;partial=" + "9" * 18 + "." + "9" * 18 + ";urlauth=authuser:internal:01",
    "imap://fred@example.com/INBOX/;uid=1" + ";urlauth=authuser" * 200,
    "imap://" + "/;uid=1" * 500,
    "imap://fred@example.com/INBOX/;uid=1;urlauth=authuser:internal:" + "0" * 3_000,
]


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
async def test_urls_made_to_hurt_lead_nowhere(bomb: str) -> None:
    stage = await stage_of_three()
    assert await fetched(await talk_as(stage, "smith"), bomb) is None
    assert stage.events.bugs == []


async def test_sections_made_to_hurt_lead_nowhere_even_when_their_owner_authorised_them() -> None:
    stage = await stage_of_three()
    fred = await talk_as(stage, "fred")
    names = "%20".join(["x"] * 1_001)
    sections = ["1." * 600 + "1", "0", "HEADER.FIELDS%20()", f"HEADER.FIELDS%20({names})", "%5D", "TEXT%20TEXT"]
    sections += ["1%5D%3C0.5%3E", "TEXT%5D%20BODY%5B", "1.HEADER"]
    rump = GOOD.replace("user+smith", "authuser")
    urls = [await made(fred, rump.replace("=1", f"=1/;section={section}")) for section in sections]
    assert [await fetched(fred, url) for url in urls] == [None] * len(sections)
    beyond = GOOD.replace("user+smith", "authuser").replace("=1", f"=1/;partial={'9' * 18}.{'9' * 18}")
    assert await fetched(fred, await made(fred, beyond)) == b""
    assert stage.events.bugs == []


async def test_one_command_takes_so_many_urls_and_no_more() -> None:
    stage = await stage_of_three(ImapLimits(fetch_items=3))
    fred = await talk_as(stage, "fred")
    assert len(await fred(b"URLFETCH" + b" x" * 3)) == 4
    assert (await fred(b"URLFETCH" + b" x" * 4))[0].startswith(b"t BAD ")
    assert (await fred(b"GENURLAUTH" + f' "{GOOD}" INTERNAL'.encode() * 4))[0].startswith(b"t BAD ")


# --- keys --------------------------------------------------------------------------------------------


class Late:
    """An account whose properties are read by all before anybody goes on: two workers at the same moment."""

    def __init__(self, account: AccountStore, readers: asyncio.Barrier) -> None:
        self._account, self._readers = account, readers
        self.set_properties = account.set_properties

    async def properties(self, mailbox: MailboxId | None, prefix: str = "") -> Mapping[str, bytes]:
        found = await self._account.properties(mailbox, prefix)
        await self._readers.wait()
        return found


async def test_two_first_keys_at_once_are_both_good_until_they_are_reset() -> None:
    stage = await stage_of_three()
    account = await stage.store.open(AccountId("fred"))
    inbox = (await account.find("INBOX")).id
    readers = asyncio.Barrier(2)
    late: list[AccountStore] = [Late(account, readers), Late(account, readers)]  # type: ignore[list-item]  # the rest isn't used
    made_keys = await asyncio.gather(*(key_for(each, inbox) for each in late))
    tokens = [token_of(key, GOOD) for key in made_keys]
    assert tokens[0] != tokens[1]
    assert [is_token_of(await keys_of(account, inbox), GOOD, token) for token in tokens] == [True, True]
    assert token_of(await key_for(account, inbox), GOOD) in tokens
    await renew_key(account, inbox)
    assert [is_token_of(await keys_of(account, inbox), GOOD, token) for token in tokens] == [False, False]
    assert len(await keys_of(account, inbox)) == 1


async def test_a_key_shows_in_no_text() -> None:
    stage = await stage_of_three()
    assert isinstance(stage.store, MemoryStore)
    account = await stage.store.open(AccountId("fred"))
    key = await key_for(account, (await account.find("INBOX")).id)
    assert key.reveal().hex() not in f"{key} {key!r}"


async def test_what_the_owner_was_told_is_not_told_who_has_all_rights_too() -> None:
    stage = await stage_of_three()
    fred, smith = await talk_as(stage, "fred"), await talk_as(stage, "smith")
    assert (await fred(b"SETACL Work smith lrswipkxteacd"))[-1].startswith(b"t OK")
    assert any(b"URLMECH" in line for line in await fred(b"SELECT Work"))
    assert (await fred(b"UNSELECT"))[-1].startswith(b"t OK")
    opened = await smith(b'SELECT "Other Users/fred/Work"')
    assert opened[-1].startswith(b"t OK")
    assert not any(b"URLMECH" in line for line in opened)
    assert any(b"URLMECH" in line for line in await fred(b"SELECT Work"))
