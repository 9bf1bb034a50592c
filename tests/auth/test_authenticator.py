"""The decision about a password: right, remembered, forgotten, the same for all that is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from pillarbox.auth.authenticator import BuiltinAuthenticator
from pillarbox.auth.claims import PasswordClaim
from pillarbox.auth.contract import Attempt, Denied, Granted, RefusalReason
from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.passwords import PasswordHasher
from pillarbox.auth.settings import AuthSettings
from pillarbox.clock import HeldClock
from pillarbox.events import Field, NoEvents
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId

CHEAP = AuthSettings(argon2_memory_kib=64, argon2_passes=1, argon2_lanes=1)
FROM = Attempt("192.0.2.7", "PLAIN", "TLSv1.3")
WRONG = Denied(RefusalReason.WRONG_CREDENTIALS)


class Recorded(NoEvents):
    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, Field]]] = []

    def info(self, event: str, **fields: Field) -> None:
        self.seen.append((event, fields))

    def error(self, event: str, **fields: Field) -> None:
        self.seen.append((event, fields))


class CountingHasher(PasswordHasher):
    def __init__(self, settings: AuthSettings) -> None:
        super().__init__(settings)
        self.checked: list[str] = []

    async def verify(self, password_hash: str, prepared: Secret[bytes]) -> bool:
        self.checked.append(password_hash)
        return await super().verify(password_hash, prepared)


class Door:
    """An authenticator with one account, alice, and what it did."""

    def __init__(self, folder: Path, settings: AuthSettings = CHEAP) -> None:
        self.clock = HeldClock()
        self.events = Recorded()
        self.hasher = CountingHasher(settings)
        self.directory = AccountDirectory.open(folder / "accounts.db", self.clock)
        self.authenticator = BuiltinAuthenticator(self.directory, self.clock, self.events, settings, self.hasher)

    async def login(self, name: str, password: str) -> Granted | Denied:
        return await self.authenticator.decide(PasswordClaim(name, Secret(password)), FROM)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    door = Door(tmp_path)
    door.directory.add("alice", await door.hasher.hash(Secret("wonderland")))
    yield door
    door.authenticator.close()
    door.directory.close()


async def test_the_right_password_opens_and_says_whose_mail(door: Door) -> None:
    account = door.directory.accounts()[0]
    assert await door.login("ALICE", "wonderland") == Granted(account.id, "alice")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "Wonderland"),
        ("alice", ""),
        ("alice", "won\0derland"),
        ("alice", "\ud800"),
        ("alice", "x" * 5000),
        ("bob", "wonderland"),
        ("", "wonderland"),
        ("al/ice", "wonderland"),
        ("\ud800", "wonderland"),
        ("alice" * 1000, "wonderland"),
    ],
)
async def test_everything_wrong_gets_one_answer_and_pays_one_check(door: Door, name: str, password: str) -> None:
    assert await door.login(name, password) == WRONG
    assert len(door.hasher.checked) == 1


async def test_the_decoy_costs_what_a_real_hash_costs(door: Door) -> None:
    await door.login("alice", "wrong")
    await door.login("bob", "wrong")
    real, decoy = (password_hash.split("$")[1:4] for password_hash in door.hasher.checked)
    assert real == decoy == ["argon2id", "v=19", "m=64,t=1,p=1"]


async def test_a_remembered_password_is_checked_once(door: Door) -> None:
    for _ in range(5):
        assert isinstance(await door.login("alice", "wonderland"), Granted)
    assert len(door.hasher.checked) == 1


async def test_five_connections_at_once_pay_for_one_check(door: Door) -> None:
    answers = await asyncio.gather(*(door.login("alice", "wonderland") for _ in range(5)))
    assert [type(answer) for answer in answers] == [Granted] * 5
    assert len(door.hasher.checked) == 1


async def test_a_connection_that_goes_away_leaves_the_others_waiting_in_peace(door: Door) -> None:
    leaver = asyncio.create_task(door.login("alice", "wonderland"))
    stayer = asyncio.create_task(door.login("alice", "wonderland"))
    while not door.hasher.checked:
        await asyncio.sleep(0)
    leaver.cancel()
    assert isinstance(await stayer, Granted)
    assert len(door.hasher.checked) == 1


async def test_what_is_remembered_is_forgotten_in_time(door: Door) -> None:
    await door.login("alice", "wonderland")
    door.clock.advance(CHEAP.remember_seconds)
    await door.login("alice", "wonderland")
    assert len(door.hasher.checked) == 2


async def test_remembering_one_password_opens_for_no_other(door: Door) -> None:
    await door.login("alice", "wonderland")
    assert await door.login("alice", "wonderlane") == WRONG
    assert await door.login("bob", "wonderland") == WRONG


async def test_a_wrong_password_is_never_remembered(door: Door) -> None:
    assert await door.login("alice", "looking-glass") == WRONG
    assert await door.login("alice", "looking-glass") == WRONG
    assert len(door.hasher.checked) == 2


async def test_a_changed_password_is_out_at_once(door: Door) -> None:
    await door.login("alice", "wonderland")
    door.directory.set_password("alice", await door.hasher.hash(Secret("looking-glass")))
    assert await door.login("alice", "wonderland") == WRONG
    assert isinstance(await door.login("alice", "looking-glass"), Granted)


async def test_a_removed_account_is_out_at_once(door: Door) -> None:
    await door.login("alice", "wonderland")
    door.directory.remove("alice")
    assert await door.login("alice", "wonderland") == WRONG


async def test_a_disabled_account_is_out_at_once_and_only_its_owner_hears_why(door: Door) -> None:
    await door.login("alice", "wonderland")
    door.directory.disable("alice")
    assert await door.login("alice", "wonderland") == Denied(RefusalReason.DISABLED)
    assert await door.login("alice", "guess") == WRONG
    door.directory.enable("alice")
    assert isinstance(await door.login("alice", "wonderland"), Granted)


async def test_the_memory_is_bounded(tmp_path: Path) -> None:
    door = Door(tmp_path, replace(CHEAP, max_remembered=2))
    for name in ("a", "b", "c"):
        door.directory.add(name, await door.hasher.hash(Secret("pass")))
        await door.login(name, "pass")
    checks = len(door.hasher.checked)
    await door.login("c", "pass")
    assert len(door.hasher.checked) == checks
    await door.login("a", "pass")
    assert len(door.hasher.checked) == checks + 1


async def test_remembering_can_be_switched_off(tmp_path: Path) -> None:
    door = Door(tmp_path, replace(CHEAP, remember_seconds=0))
    door.directory.add("alice", await door.hasher.hash(Secret("wonderland")))
    await door.login("alice", "wonderland")
    await door.login("alice", "wonderland")
    assert len(door.hasher.checked) == 2


async def test_an_old_hash_is_renewed_at_login_and_everybody_waiting_gets_in(door: Door, tmp_path: Path) -> None:
    dearer = Door(tmp_path, replace(CHEAP, argon2_passes=2))
    answers = await asyncio.gather(*(dearer.login("alice", "wonderland") for _ in range(5)))
    assert [type(answer) for answer in answers] == [Granted] * 5
    assert dearer.directory.accounts()[0].password_hash.split("$")[3] == "m=64,t=2,p=1"
    assert isinstance(await dearer.login("alice", "wonderland"), Granted)
    assert len(dearer.hasher.checked) == 1


async def test_two_workers_that_renew_a_hash_at_once_both_let_in(door: Door, tmp_path: Path) -> None:
    workers = [Door(tmp_path, replace(CHEAP, argon2_passes=2)) for _ in range(2)]
    answers = await asyncio.gather(*(worker.login("alice", "wonderland") for worker in workers))
    assert [type(answer) for answer in answers] == [Granted, Granted]


async def test_every_decision_is_one_line_without_the_password(door: Door) -> None:
    await door.login("Alice", "wonderland")
    await door.login("alice\r\nlogin.granted", "tweedledum")
    account = door.directory.accounts()[0]
    where = {"address": "192.0.2.7", "mechanism": "PLAIN", "tls": "TLSv1.3"}
    assert door.events.seen == [
        ("login.granted", {"login": "alice", "account": account.id, **where}),
        ("login.denied", {"login": "alice\\u000d\\u000alogin.granted", "reason": "wrong credentials", **where}),
    ]


async def test_an_unreadable_database_denies_and_tells_the_operator(door: Door) -> None:
    door.directory.close()
    assert await door.login("alice", "wonderland") == Denied(RefusalReason.UNAVAILABLE)
    assert [event for event, _ in door.events.seen] == ["accounts.unavailable", "login.denied"]


async def test_a_damaged_hash_lets_nobody_in(door: Door) -> None:
    for damaged in ("", "$argon2id$", "plain text", "$argon2id$v=19$m=64,t=1,p=1$###$###"):
        door.directory.set_password("alice", damaged)
        assert await door.login("alice", "wonderland") == WRONG


class AsksForMore:
    """SecondFactorRule that asks everybody, and notes of whom it was asked."""

    def __init__(self) -> None:
        self.asked: list[AccountId] = []

    def required(self, account: AccountId) -> bool:
        self.asked.append(account)
        return True


async def test_with_multi_factor_the_right_account_password_is_refused_and_a_wrong_one_asks_nothing(door: Door) -> None:
    rule, account = AsksForMore(), door.directory.accounts()[0]
    strict = BuiltinAuthenticator(door.directory, door.clock, door.events, CHEAP, door.hasher, rule)
    for wrong in ("Wonderland", ""):
        assert await strict.decide(PasswordClaim("alice", Secret(wrong)), FROM) == WRONG
    assert (await strict.decide(PasswordClaim("nobody", Secret("wonderland")), FROM), rule.asked) == (WRONG, [])
    decision = await strict.decide(PasswordClaim("alice", Secret("wonderland")), FROM)
    assert isinstance(decision, Denied)
    assert (decision.reason, decision.account) == (RefusalReason.SECOND_FACTOR, account.id)
    assert door.events.seen[-1][0] == "login.denied"
    door.directory.disable("alice")
    assert await strict.decide(PasswordClaim("alice", Secret("wonderland")), FROM) == Denied(RefusalReason.DISABLED)
