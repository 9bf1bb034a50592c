"""The guard in front of claims that are no passwords: who pays for a token, and what the history says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pillarbox.auth.bans import Bans
from pillarbox.auth.claims import Claim, TokenClaim
from pillarbox.auth.contract import Attempt, Denied, Granted, RefusalReason, Standing
from pillarbox.auth.guard import GuardedAuthenticator
from pillarbox.auth.history import LoginHistory, Recorder
from pillarbox.auth.ledger import Ledger
from pillarbox.auth.monitor import Monitor
from pillarbox.auth.places import NoPlaces
from pillarbox.auth.settings import AuthSettings, ThrottleSettings
from pillarbox.auth.throttle import Throttle
from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId

SETTINGS = AuthSettings(throttle=ThrottleSettings(failures_per_address=3, failures_per_account=4))
REFUSED, THROTTLED = Denied(RefusalReason.TOKEN), Denied(RefusalReason.THROTTLED)


class OneToken:
    """The token "good" is alice's."""

    def __init__(self) -> None:
        self.standings: list[Standing] = []

    async def decide(self, claim: Claim, attempt: Attempt) -> Granted | Denied:
        assert isinstance(claim, TokenClaim)
        self.standings.append(attempt.standing)
        if claim.token.reveal() == "good":
            return Granted(AccountId("1"), "alice")
        return Denied(RefusalReason.TOKEN_EXPIRED if claim.token.reveal() == "old" else RefusalReason.TOKEN)

    def client_named(self, decision: int, client: str) -> None:
        raise AssertionError("the guard keeps the history")


class Door:
    def __init__(self, folder: Path) -> None:
        clock = HeldClock()
        self.inner = OneToken()
        self.ledger = Ledger.open(folder / "logins.db")
        self.history = LoginHistory(self.ledger, clock, SETTINGS.monitor)
        monitor = Monitor(self.ledger, clock, SETTINGS, NoPlaces(), lambda _: None)
        self.recorder = Recorder(monitor.write, monitor.prune, clock, NoEvents())
        throttle = Throttle(self.ledger, Bans(self.ledger, clock), clock, SETTINGS.throttle)
        self.guard = GuardedAuthenticator(self.inner, throttle, self.recorder, clock, NoEvents())

    async def login(self, token: str, address: str = "192.0.2.7", name: str = "") -> Granted | Denied:
        return await self.guard.decide(TokenClaim(name, Secret(token)), Attempt(address, "OAUTHBEARER"))


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    door = Door(tmp_path)
    yield door
    await door.recorder.close()
    door.guard.close()
    door.ledger.close()


async def test_only_the_address_pays_for_a_token_that_nobody_says_whose_it_is(door: Door) -> None:
    assert [await door.login("bad") for _ in range(4)] == [REFUSED] * 3 + [THROTTLED]
    others = [await door.login("bad", f"198.51.100.{number}") for number in range(6)]
    assert others == [REFUSED] * 6
    assert isinstance(await door.login("good", "203.0.113.9"), Granted)


async def test_a_name_that_comes_with_the_token_pays_too(door: Door) -> None:
    answers = [await door.login("bad", f"198.51.100.{number}", "alice") for number in range(5)]
    assert answers == [REFUSED] * 4 + [THROTTLED]


async def test_a_token_that_has_merely_expired_costs_nothing(door: Door) -> None:
    assert [await door.login("old") for _ in range(10)] == [Denied(RefusalReason.TOKEN_EXPIRED)] * 10


async def test_the_history_has_the_name_that_the_token_gave(door: Door) -> None:
    assert isinstance(await door.login("good"), Granted)
    assert isinstance(await door.login("good", name="alice"), Granted)
    for number in range(5):
        await door.login("bad", f"198.51.100.{number}")
    await door.recorder.close()
    assert door.inner.standings[:2] == [Standing.STRANGER, Standing.KNOWN]
    names = [(each.name, each.mechanism, each.result) for each in door.history.list(None, 10)]
    assert sorted(names) == [("", "OAUTHBEARER", "denied")] * 5 + [("alice", "OAUTHBEARER", "granted")] * 2
