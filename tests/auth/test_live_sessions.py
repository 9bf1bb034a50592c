"""Sessions of every worker and every door end at once when what let them in is taken back."""

from __future__ import annotations

import asyncio
import base64
import http.client
from collections.abc import Iterator

import pytest

from pillarbox.app.sessions import Which
from pillarbox.auth.app_passwords import AppPasswords, Terms
from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.scope import Scope
from pillarbox.clock import SystemClock
from tests.auth.house import APPEND_ONLY, PATIENCE_SECONDS, READ_ONLY, AppHouse, app_house, farewell
from tests.sharing.people import Person
from tests.transcripts.memory import PASSWORD

BYE = "* BYE What you logged in with is not valid any more; log in again"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppHouse]:
    with app_house(
        tmp_path_factory.mktemp("live"), '[auth.monitor]\nquarantine = "grave"\nfailures_before_success = 2\n'
    ) as house:
        yield house


class Stream:
    """A program that follows /events."""

    def __init__(self, house: AppHouse, name: str, password: str) -> None:
        self._connection = http.client.HTTPSConnection(
            "localhost", house.web_port, context=house.server.client_context(), timeout=PATIENCE_SECONDS
        )
        token = base64.b64encode(f"{name}:{password}".encode()).decode()
        self._connection.request("GET", "/events", headers={"Authorization": f"Basic {token}"})
        self.response = self._connection.getresponse()

    def begun(self) -> None:
        while self.response.readline().strip():
            pass

    def rest(self) -> bytes:
        """Up to the end of the stream."""
        return self.response.read()

    def close(self) -> None:
        self._connection.close()


async def still_there(*people: Person) -> None:
    for person in people:
        await person.done("NOOP")
        await person.close()


async def test_a_revoked_app_password_ends_its_sessions_at_every_door_of_every_worker(house: AppHouse) -> None:
    made, secret = house.app_password("fred")
    async with asyncio.timeout(PATIENCE_SECONDS):
        others = [await house.enter("fred"), await house.enter("fred", house.app_password("fred")[1])]
        people = await house.in_both_workers("fred", secret)
        await people[0].done("SELECT INBOX")
        await people[0].start("IDLE")
        sieve = await house.sieve("fred", secret)
        assert sieve.said == 'OK "Logged in"'
        stream = await asyncio.to_thread(Stream, house, "fred", secret)
        await asyncio.to_thread(stream.begun)
        found = await house.sessions(Which(app_password=made.name))
        assert sorted(row.door for row in found) == sorted(["imap"] * len(people) + ["managesieve", "events"])
        said = await house.command("app-password", "revoke", "fred", made.name)
        assert said == f'revoked "{made.name}"; {len(found)} sessions ended\n'
        for person in people:
            assert await farewell(person) == [BYE]
        assert await sieve.answer() == 'BYE "What you logged in with is not valid any more; log in again"'
        await asyncio.to_thread(stream.rest)
        assert await house.sessions(Which(app_password=made.name)) == []
        await still_there(*others)
        for leaver in (*people, sieve):
            await leaver.close()
        stream.close()


async def test_what_another_program_changes_ends_sessions_without_being_told(house: AppHouse) -> None:
    """Such as a console: it only writes into the account database."""
    made, secret = house.app_password("bob")
    async with asyncio.timeout(PATIENCE_SECONDS):
        people = await house.in_both_workers("bob", secret)
        directory = AccountDirectory.open(house.folder.accounts_path, SystemClock())
        AppPasswords(directory, SystemClock()).revoke(made)
        directory.close()
        for person in people:
            assert await farewell(person) == [BYE]
            await person.close()


async def test_a_changed_password_ends_sessions_that_the_old_one_opened(house: AppHouse) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        people = await house.in_both_workers("eve", PASSWORD)
        phone = await house.enter("eve", house.app_password("eve")[1])
        await house.command("user", "password", "eve", "--password-stdin", stdin="another one\n")
        for person in people:
            assert await farewell(person) == [BYE]
            await person.close()
        await still_there(phone, await house.enter("eve", "another one"))


async def test_a_disabled_account_ends_all_of_its_sessions(house: AppHouse) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await house.command("user", "password", "bob", "--password-stdin", stdin=f"{PASSWORD}\n")
        people = [await house.enter("bob"), await house.enter("bob", house.app_password("bob", READ_ONLY)[1])]
        await house.command("user", "disable", "bob")
        for person in people:
            assert await farewell(person) == [BYE]
            await person.close()
        await house.command("user", "enable", "bob")
        await still_there(await house.enter("bob"))


async def test_sessions_are_listed_with_what_is_known_of_them_and_ended_by_hand(house: AppHouse) -> None:
    made, secret = house.app_password("fred", READ_ONLY)
    async with asyncio.timeout(PATIENCE_SECONDS):
        phone, other = await house.enter("fred", secret, "127.0.3.4"), await house.enter("fred")
        await phone.done('ID ("name" "Pocket" "version" "2")')
        await phone.done("EXAMINE INBOX")
        [row] = await house.sessions(Which(app_password=made.name))
        assert (row.login, row.address, row.client, row.mechanism) == ("fred", "127.0.3.4", "Pocket 2", "LOGIN")
        assert (row.scope, row.mailbox, row.door) == ("read-only", "INBOX", "imap")
        assert f"{row.id}\t" in await house.command("sessions", "list", "--user", "FRED", "--from", "127.0.3.0/24")
        assert await house.command("sessions", "end", row.id, "--user", "fred") == "ended 1 session\n"
        assert await farewell(phone) == ["* BYE The operator ended this session"]
        await phone.close()
        await still_there(other)
        while (use := house.kept("fred", made.id).last_use) is None:
            await asyncio.sleep(0.05)  # it is written down behind the login
        assert (use.address, use.mechanism) == ("127.0.3.4", "LOGIN")


async def test_events_are_for_those_who_may_read_and_of_what_they_may_read(house: AppHouse) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        fred = await house.enter("fred")
        await fred.done("CREATE Work")
        refused = await asyncio.to_thread(Stream, house, "fred", house.app_password("fred", APPEND_ONLY)[1])
        assert refused.response.status == 403
        terms = Terms(Scope(READ_ONLY.scope.access, ("Work",)))
        stream = await asyncio.to_thread(Stream, house, "fred", house.app_password("fred", terms)[1])
        await asyncio.to_thread(stream.begun)
        for name in ("INBOX", "Work"):
            await fred.done(f"APPEND {name} {{10+}}\r\nSubject: x")
        told = await asyncio.to_thread(stream.response.readline)
        while b'"mailbox"' not in told:
            told = await asyncio.to_thread(stream.response.readline)
        assert b'"mailbox": "Work"' in told
        for each in (refused, stream):
            each.close()
        await fred.close()


async def test_after_many_guesses_and_a_hit_logins_from_there_read_only_until_it_is_confirmed(house: AppHouse) -> None:
    thief_s, neighbour_s, other_exit = "127.0.5.9", "127.0.5.200", "127.0.77.1"
    async with asyncio.timeout(PATIENCE_SECONDS):
        elsewhere, guessing = await house.enter("fred"), await house.greeted(thief_s)
        await elsewhere.done("CREATE Quarantined")
        while "granted" not in await house.command("logins", "list", "--user", "fred"):
            await asyncio.sleep(0.05)  # the other worker's notes may come later; nothing is strange in a first login
        for guess in ("one", "two"):
            await guessing.say(f"LOGIN fred {guess}")
        await guessing.done(f"LOGIN fred {PASSWORD}")
        assert await farewell(guessing) == ["* BYE This login looked strange; log in again"]
        near = await house.enter("fred", address=neighbour_s)
        assert (await near.done("SELECT Quarantined"))[-1] == "tag OK [READ-ONLY] SELECT completed"
        assert (await near.say("DELETE Quarantined"))[-1].startswith("tag NO [NOPERM]")
        assert (await house.sieve("fred", PASSWORD, neighbour_s)).said.startswith(
            'NO "What you logged in with is limited'
        )
        moved = await house.enter("fred", address=other_exit)  # where the account was never used before either
        assert (await moved.done("SELECT Quarantined"))[-1] == "tag OK [READ-ONLY] SELECT completed"
        assert (await elsewhere.done("SELECT INBOX"))[-1] == "tag OK [READ-WRITE] SELECT completed"
        while not (await elsewhere.done("SEARCH TEXT {20+}\r\nand change nothing. "))[0].removeprefix("* SEARCH"):
            await asyncio.sleep(0.05)  # the notice is on its way
        [alarm] = [
            line for line in (await house.command("alarms", "list")).splitlines() if "failures-then-success" in line
        ]
        await house.command("alarms", "confirm", alarm.split("\t")[0])
        for held in (near, moved):
            assert await farewell(held) == ["* BYE You may use everything again; log in again"]
        again = await house.enter("fred", address=neighbour_s)
        await again.done("DELETE Quarantined")
        for person in (guessing, near, moved):
            await person.close()
        await still_there(elsewhere, again)
