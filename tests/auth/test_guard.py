"""The guard around an authenticator: what it lets through, what it settles, what it writes down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from pillarbox.auth.alarms import Alarm
from pillarbox.auth.bans import Bans
from pillarbox.auth.claims import Claim, PasswordClaim
from pillarbox.auth.contract import Attempt, Denied, Granted, RefusalReason, Standing
from pillarbox.auth.guard import GuardedAuthenticator
from pillarbox.auth.history import LoginHistory, Recorder
from pillarbox.auth.ledger import Ledger
from pillarbox.auth.monitor import Monitor
from pillarbox.auth.places import NoPlaces
from pillarbox.auth.settings import AuthSettings, ThrottleSettings
from pillarbox.auth.throttle import Throttle
from pillarbox.clock import HeldClock
from pillarbox.events import Field, NoEvents
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId

SETTINGS = AuthSettings(throttle=ThrottleSettings(failures_per_address=3, failures_per_account=5))
WRONG, THROTTLED = Denied(RefusalReason.WRONG_CREDENTIALS), Denied(RefusalReason.THROTTLED)


class OnePassword:
    """An authenticator where everybody in `people` has the password "right"."""

    def __init__(self) -> None:
        self.people = {"alice", "bob"}
        self.asked: list[tuple[str, Standing]] = []
        self.answer: Denied | None = None

    async def decide(self, claim: Claim, attempt: Attempt) -> Granted | Denied:
        login_name = claim.login_name
        self.asked.append((login_name, attempt.standing))
        if self.answer is not None:
            return self.answer
        if (
            login_name.lower() in self.people
            and isinstance(claim, PasswordClaim)
            and claim.password.reveal() == "right"
        ):
            return Granted(AccountId(f"id of {login_name.lower()}"), login_name.lower())
        return WRONG

    def client_named(self, decision: int, client: str) -> None:
        raise AssertionError("the guard keeps the history")


class Recorded(NoEvents):
    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, event: str, **fields: Field) -> None:
        self.said.append(f"{event} {fields['address']} {fields['reason']}")

    def error(self, event: str, **fields: Field) -> None:
        self.said.append(event)


class Door:
    def __init__(self, folder: Path) -> None:
        self.clock, self.events, self.inner = HeldClock(), Recorded(), OnePassword()
        self.ledger = Ledger.open(folder / "logins.db")
        self.history = LoginHistory(self.ledger, self.clock, SETTINGS.monitor)
        self.alarms: list[Alarm] = []
        monitor = Monitor(self.ledger, self.clock, SETTINGS, NoPlaces(), self._ring)
        self.recorder = Recorder(monitor.write, monitor.prune, self.clock, self.events)
        throttle = Throttle(self.ledger, Bans(self.ledger, self.clock), self.clock, SETTINGS.throttle)
        self.guard = GuardedAuthenticator(self.inner, throttle, self.recorder, self.clock, self.events)

    def _ring(self, alarms: Sequence[Alarm]) -> None:
        self.alarms += alarms

    async def login(self, name: str, password: str = "right", address: str = "192.0.2.7") -> Granted | Denied:
        return await self.guard.decide(
            PasswordClaim(name, Secret(password)), Attempt(address, "PLAIN", "TLSv1.3", "Mutt 2.2")
        )


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    door = Door(tmp_path)
    yield door
    await door.recorder.close()
    door.guard.close()
    door.ledger.close()


async def test_a_throttled_login_never_reaches_the_password(door: Door) -> None:
    answers = [await door.login("alice", "wrong") for _ in range(3)] + [await door.login("alice")]
    assert answers == [WRONG, WRONG, WRONG, THROTTLED]
    assert len(door.inner.asked) == 3


async def test_names_that_nobody_has_are_throttled_like_the_others(door: Door) -> None:
    answers = {}
    for name in ("alice", "nobody", "no/name"):
        answers[name] = [await door.login(name, "wrong", f"198.51.100.{number}") for number in range(7)]
    assert answers["alice"] == answers["nobody"] == answers["no/name"] == [WRONG] * 5 + [THROTTLED] * 2


async def test_who_was_here_before_is_known_to_the_authenticator_behind(door: Door) -> None:
    await door.login("Alice")
    await door.login("ALICE")
    assert door.inner.asked == [("Alice", Standing.STRANGER), ("ALICE", Standing.KNOWN)]


@pytest.mark.parametrize("reason", [RefusalReason.UNAVAILABLE, RefusalReason.BUSY])
async def test_what_the_server_could_not_judge_costs_nothing(door: Door, reason: RefusalReason) -> None:
    door.inner.answer = Denied(reason)
    assert [await door.login("alice") for _ in range(10)] == [Denied(reason)] * 10
    door.inner.answer = None
    assert isinstance(await door.login("alice"), Granted)


async def test_every_decision_is_written_down_with_its_reason(door: Door) -> None:
    await door.login("alice")
    for password in ("wrong",) * 3:
        await door.login("bob", password, "198.51.100.1")
    await door.login("bob", "right", "198.51.100.1")
    await door.recorder.flush()
    kept = [(each.name, each.account, each.result, each.reason) for each in door.history.list(None, 10)]
    wrong = ("bob", "", "denied", "wrong credentials")
    throttled = ("bob", "", "denied", "too many failures from the address")
    assert sorted(kept) == sorted([("alice", "id of alice", "granted", ""), wrong, wrong, wrong, throttled])
    latest = door.history.list("alice", 1)[0]
    assert (latest.address, latest.client, latest.mechanism) == ("192.0.2.7", "Mutt 2.2", "PLAIN")


async def test_a_client_that_says_its_name_after_the_login_is_written_down_with_it(door: Door) -> None:
    for is_written in (False, True):
        granted = await door.login("alice")
        assert isinstance(granted, Granted)
        if is_written:
            await door.recorder.flush()
        door.guard.client_named(granted.decision, f"Thunderbird {is_written}\r\n")
    await door.recorder.flush()
    assert {each.client for each in door.history.list("alice", 9)} == {"Thunderbird False", "Thunderbird True"}


async def test_a_refusal_is_one_line_of_the_log_with_the_address(door: Door) -> None:
    for _ in range(4):
        await door.login("alice", "wrong", "198.51.100.1")
    assert door.events.said == ["login.denied 198.51.100.1 too many failures from the address"]


async def test_fifty_guesses_at_once_pay_for_three(door: Door) -> None:
    await asyncio.gather(*(door.login(f"user{number}", "wrong", "198.51.100.1") for number in range(50)))
    assert len(door.inner.asked) == 3


async def test_a_history_that_can_not_be_written_keeps_nobody_out(door: Door) -> None:
    door.ledger._connection.execute("DROP TABLE bucket")
    assert isinstance(await door.login("alice"), Granted)
    assert "logins.unavailable" in door.events.said


async def test_a_right_password_that_multi_factor_refuses_costs_nothing_and_its_reason_is_kept(door: Door) -> None:
    door.inner.answer = Denied(RefusalReason.SECOND_FACTOR, AccountId("id of alice"))
    for _ in range(10):
        assert await door.login("alice") == Denied(RefusalReason.SECOND_FACTOR)
    await door.recorder.flush()
    kept = door.history.list("alice", 100)
    assert [(each.result, each.reason, each.account) for each in kept] == [
        ("denied", "account password, but multi-factor is on", "id of alice")
    ] * 10
