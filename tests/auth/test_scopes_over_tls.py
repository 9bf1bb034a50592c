"""What a limited app password may do, over TLS at a real server, command by command."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pillarbox.auth.app_passwords import Lock, Terms
from pillarbox.auth.scope import Access, Scope
from tests.auth.house import APPEND_ONLY, PATIENCE_SECONDS, READ_ONLY, AppHouse, app_house
from tests.sharing.people import Person
from tests.transcripts.memory import PASSWORD

MESSAGE = "{10+}\r\nSubject: x"
WRONG = "tag NO [AUTHENTICATIONFAILED] User name or password is wrong"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppHouse]:
    with app_house(tmp_path_factory.mktemp("scopes")) as house:
        yield house


async def refused(person: Person, *commands: str) -> None:
    for command in commands:
        answer = (await person.say(command))[-1]
        assert answer.startswith("tag NO"), (command, answer)


async def test_read_only_looks_at_everything_and_changes_nothing(house: AppHouse) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        fred = await house.enter("fred")
        for command in ("CREATE Box", f"APPEND Box {MESSAGE}", f"APPEND Box (\\Deleted) {MESSAGE}", "SUBSCRIBE Box"):
            await fred.done(command)
        await fred.done('SETMETADATA Box (/private/comment "mine")')
        phone = await house.enter("fred", house.app_password("fred", READ_ONLY)[1])
        assert (await phone.done("SELECT Box"))[-1] == "tag OK [READ-ONLY] SELECT completed"
        assert (await phone.done("FETCH 1 (BODY[] FLAGS)"))[-2].endswith("FLAGS (\\Recent))")
        assert (await phone.done("SEARCH UNSEEN"))[0] == "* SEARCH 1 2"
        assert (await phone.done("MYRIGHTS Box"))[0] == "* MYRIGHTS Box lr"
        assert (await phone.done("GETMETADATA Box /private/comment"))[0].endswith('(/private/comment "mine")')
        await refused(
            phone,
            "STORE 1 +FLAGS (\\Seen)",
            "UID STORE 1 -FLAGS.SILENT (\\Deleted)",
            "EXPUNGE",
            "UID EXPUNGE 1:*",
            "MOVE 1 INBOX",
            "COPY 1 INBOX",
            f"REPLACE 1 INBOX {MESSAGE}",
            f"APPEND Box {MESSAGE}",
            'APPEND Box CATENATE (URL "/Box/;UID=1")',
            "CREATE New",
            "CREATE New (USE (\\Archive))",
            "DELETE Box",
            "RENAME Box Other",
            "SUBSCRIBE INBOX",
            "UNSUBSCRIBE Box",
            "SETACL Box bob lr",
            "DELETEACL Box bob",
            "GETACL Box",
            "LISTRIGHTS Box bob",
            'SETMETADATA Box (/private/comment "theirs")',
            'SETMETADATA "" (/private/comment "theirs")',
            'SETMETADATA Box (/private/specialuse "\\\\Archive")',
            "SETQUOTA user/fred (STORAGE 1)",
            "RESETKEY",
            "RESETKEY Box",
            "GENURLAUTH imap://fred@localhost/Box/;UID=1;URLAUTH=anonymous INTERNAL",
        )
        await phone.done("CLOSE")
        assert (await fred.done("SELECT Box"))[-1] == "tag OK [READ-WRITE] SELECT completed"
        flags = [line for line in await fred.done("FETCH 1:2 FLAGS") if line.startswith("* ") and " FETCH " in line]
        assert flags == ["* 1 FETCH (FLAGS (\\Recent))", "* 2 FETCH (FLAGS (\\Deleted \\Recent))"]
        for person in (fred, phone):
            await person.close()


async def test_an_administrator_s_limited_app_password_administers_nothing(house: AppHouse) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await house.command("user", "admin", "eve", "on")
        limited = await house.enter("eve", house.app_password("eve", READ_ONLY)[1])
        await refused(limited, "SETQUOTA user/fred (STORAGE 1)", 'SETMETADATA "" (/shared/comment "x")')
        assert (await limited.say("GETQUOTA user/fred"))[-1].startswith("tag NO [NONEXISTENT]")
        full = await house.enter("eve", house.app_password("eve")[1])
        await full.done("GETQUOTA user/fred")
        for person in (limited, full):
            await person.close()


async def test_append_only_puts_messages_in_and_reads_nothing(house: AppHouse) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        bob = await house.enter("bob")
        await bob.done(f"APPEND INBOX {MESSAGE}")
        await bob.done("CREATE Scans")
        url = (await bob.done("GENURLAUTH imap://bob@localhost/INBOX/;UID=1;URLAUTH=user+bob INTERNAL"))[0].split()[-1]
        scanner = await house.enter("bob", house.app_password("bob", APPEND_ONLY)[1])
        assert (await scanner.done(f"APPEND Scans (\\Seen \\Flagged) {MESSAGE}"))[-1].startswith("tag OK [APPENDUID ")
        assert (await scanner.done('LIST "" Scans'))[0].endswith(" Scans")
        assert (await scanner.done("MYRIGHTS Scans"))[0] == "* MYRIGHTS Scans li"
        assert (await scanner.say(f"APPEND Nowhere {MESSAGE}"))[-1].startswith("tag NO [TRYCREATE]")
        await refused(
            scanner,
            "SELECT Scans",
            "EXAMINE Scans",
            "STATUS Scans (MESSAGES)",
            "CREATE New",
            "DELETE Scans",
            "RENAME Scans Other",
            "SUBSCRIBE Scans",
            "GETACL Scans",
            "SETACL Scans fred lr",
            "GETMETADATA Scans /private/comment",
            'SETMETADATA Scans (/private/comment "x")',
            'APPEND Scans CATENATE (URL "/INBOX/;UID=1/;SECTION=TEXT")',
            "GENURLAUTH imap://bob@localhost/INBOX/;UID=1;URLAUTH=anonymous INTERNAL",
        )
        assert "MESSAGES" not in "".join(await scanner.done('LIST "" * RETURN (STATUS (MESSAGES))'))
        assert (await scanner.done("ESEARCH IN (personal) ALL"))[:-1] == []
        assert (await scanner.done(f"URLFETCH {url}"))[0].endswith(" NIL")
        assert (await bob.done(f"URLFETCH {url}"))[0].endswith("{10}\r\nSubject: x")
        await bob.done("SELECT Scans")
        assert (await bob.done("FETCH 1 FLAGS"))[0] == "* 1 FETCH (FLAGS (\\Recent))"
        for person in (bob, scanner):
            await person.close()


HIDDEN_AND_ABSENT = (
    "SELECT {}",
    "EXAMINE {}",
    "STATUS {} (MESSAGES)",
    "MYRIGHTS {}",
    "GETACL {}",
    "SETACL {} bob lr",
    "LISTRIGHTS {} bob",
    "GETMETADATA {} /private/comment",
    'SETMETADATA {} (/private/comment "x")',
    "DELETE {}",
    "RENAME {} Work/taken",
    "RENAME Work/Open {}/x",
    "CREATE {}",
    "CREATE {}/below",
    "SUBSCRIBE {}",
    "UNSUBSCRIBE {}",
    f"APPEND {{}} {MESSAGE}",
    "COPY 1 {}",
    "MOVE 1 {}",
    f"REPLACE 1 {{}} {MESSAGE}",
    'APPEND Work CATENATE (URL "/{}/;UID=1")',
    "GETQUOTAROOT {}",
    'LIST "" {}*',
    'LSUB "" {}*',
    'LIST "" {} RETURN (STATUS (MESSAGES) MYRIGHTS)',
    "ESEARCH IN (mailboxes {}) ALL",
    "NOTIFY SET (mailboxes {} (MessageNew MessageExpunge))",
)


async def test_what_is_out_of_bounds_is_answered_as_what_is_not_there(house: AppHouse) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        eve = await house.enter("eve")
        for name in ("Work", "Work/Open", "Secret"):
            await eve.done(f"CREATE {name}")
        for command in (f"APPEND Work {MESSAGE}", f"APPEND Secret {MESSAGE}", "SUBSCRIBE Secret", "SUBSCRIBE Work"):
            await eve.done(command)
        laptop = await house.enter("eve", house.app_password("eve", Terms(Scope(mailboxes=("Work",))))[1])
        assert sorted(line.rsplit(" ", 1)[1] for line in (await laptop.done('LIST "" *'))[:-1]) == ["Work", "Work/Open"]
        assert [line.rsplit(" ", 1)[1] for line in (await laptop.done('LSUB "" *'))[:-1]] == ["Work"]
        for command in HIDDEN_AND_ABSENT:
            heard = []
            for name in ("Secret", "Absent"):
                await laptop.done("SELECT Work")
                answer = await laptop.say(command.replace("{}", name))
                heard.append([line.replace("Secret", "Absent") for line in answer])
            assert heard[0] == heard[1], command
        assert (await laptop.done("MYRIGHTS Work"))[0] == "* MYRIGHTS Work lrswipkxtecd"
        for command in ("CREATE Work/New", "RENAME Work/New Work/Newer", "DELETE Work/Newer", "COPY 1 Work/Open"):
            await laptop.done(command)
        await laptop.done("STORE 1 +FLAGS (\\Seen)")
        await laptop.done("SELECT Work/Open")
        await eve.done("RENAME Work/Open Private")
        while not (answer := (await laptop.say("FETCH 1 FLAGS"))[-1]).startswith("tag NO"):
            await asyncio.sleep(0.01)  # the other worker hears of it within milliseconds
        assert answer == "tag NO [NONEXISTENT] No such mailbox"
        for person in (eve, laptop):
            await person.close()


async def test_wrong_expired_and_used_elsewhere_are_told_alike(house: AppHouse) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        expired = house.app_password("bob", Terms(expires_seconds=1))[1]
        near = house.app_password("bob", Terms(networks=("192.0.2.0/24",)))[1]
        good = house.app_password("bob")[1]
        for name, password in (("bob", expired), ("bob", near), ("bob", good[::-1]), ("nobody", good), ("fred", good)):
            stranger = await house.greeted()
            assert await stranger.say(f'LOGIN {name} "{password}"') == [WRONG]
            await stranger.close()
        log = house.server.stderr()
        assert "app password expired" in log
        assert "app password not valid from this network" in log
        assert not any(each in log for each in (expired, near, good))


async def test_a_locked_one_stays_in_the_network_that_used_it_first(house: AppHouse) -> None:
    made, secret = house.app_password("bob", Terms(lock=Lock.NETWORK))
    async with asyncio.timeout(PATIENCE_SECONDS):
        first = await house.enter("bob", secret, "127.0.7.1")
        second = await house.enter("bob", secret.upper(), "127.0.7.200")
        stranger = await house.greeted("127.0.8.1")
        assert await stranger.say(f'LOGIN bob "{secret}"') == [WRONG]
        assert "127.0.7.0/24" in await house.command("app-password", "show", "bob", made.id)
        for person in (first, second, stranger):
            await person.close()


async def test_scripts_are_for_those_who_may_use_the_whole_account(house: AppHouse) -> None:
    everywhere = Terms(Scope())
    async with asyncio.timeout(PATIENCE_SECONDS):
        for terms in (READ_ONLY, APPEND_ONLY, replace(everywhere, scope=Scope(Access.FULL, ("INBOX",)))):
            limited = await house.sieve("fred", house.app_password("fred", terms)[1])
            assert limited.said.startswith('NO "What you logged in with is limited')
            assert await limited.say("LISTSCRIPTS") == 'NO "Log in first"'
            await limited.close()
        full = await house.sieve("fred", house.app_password("fred", everywhere)[1])
        assert full.said == 'OK "Logged in"'
        await full.close()


async def test_the_account_password_goes_on_opening_everything(house: AppHouse) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        fred = await house.enter("fred", PASSWORD)
        assert (await fred.done("MYRIGHTS INBOX"))[0] == "* MYRIGHTS INBOX lrswipkxteacd"
        await fred.close()
