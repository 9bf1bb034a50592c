"""Token buckets, own networks, bans: by a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pillarbox.auth.bans import Bans
from pillarbox.auth.contract import Standing
from pillarbox.auth.ledger import Ledger
from pillarbox.auth.networks import NetworkInvalid, parse_network
from pillarbox.auth.settings import ThrottleSettings
from pillarbox.auth.throttle import Admission, Hold, Throttle
from pillarbox.clock import HeldClock

HOME, STRANGE = "192.0.2.7", "198.51.100.9"
SETTINGS = ThrottleSettings(
    failures_per_address=3,
    address_refill_seconds=60,
    failures_per_account=5,
    account_refill_seconds=60,
    failures_when_known=2,
    known_refill_seconds=30,
    exempt_networks=("203.0.113.0/24",),
)


class Gate:
    def __init__(self, path: Path, clock: HeldClock) -> None:
        self.clock = clock
        self.ledger = Ledger.open(path)
        self.bans = Bans(self.ledger, clock)
        self.throttle = Throttle(self.ledger, self.bans, clock, SETTINGS)

    def fail(self, name: str, address: str) -> Hold | None:
        """A wrong password; what held it up."""
        admission = self.throttle.admit(name, address)
        if isinstance(admission, Hold):
            return admission
        self.throttle.failed(admission)
        return None

    def succeed(self, name: str, address: str) -> Standing | Hold:
        admission = self.throttle.admit(name, address)
        if isinstance(admission, Admission):
            self.throttle.succeeded(admission)
            return admission.standing
        return admission


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(tmp_path / "logins.db", HeldClock())
    yield gate
    gate.ledger.close()


def test_an_address_has_so_many_wrong_passwords_and_gets_them_back_in_time(gate: Gate) -> None:
    assert [gate.fail(f"user{number}", STRANGE) for number in range(4)] == [None, None, None, Hold.ADDRESS]
    gate.clock.advance(60)
    assert [gate.fail("user9", STRANGE) for _ in range(2)] == [None, Hold.ADDRESS]


def test_an_ipv6_network_counts_as_one_address(gate: Gate) -> None:
    held = [gate.fail("alice", f"2001:db8:1:2::{number}") for number in range(4)]
    assert held == [None, None, None, Hold.ADDRESS]
    assert gate.fail("alice", "2001:db8:1:3::1") is None


@pytest.mark.parametrize("name", ["alice", "nobody", "no name at all \\u0000"])
def test_an_account_has_so_many_from_everywhere_whether_it_exists_or_not(gate: Gate, name: str) -> None:
    held = [gate.fail(name, f"198.51.100.{number}") for number in range(6)]
    assert held == [None] * 5 + [Hold.ACCOUNT]


def test_who_is_turned_away_pays_nothing(gate: Gate) -> None:
    for _ in range(3):
        gate.fail("alice", STRANGE)
    for _ in range(100):
        gate.fail("alice", STRANGE)
    gate.clock.advance(60)
    assert gate.fail("alice", STRANGE) is None


def test_a_right_password_costs_nothing_and_makes_the_network_known(gate: Gate) -> None:
    assert [gate.succeed("alice", HOME) for _ in range(10)] == [Standing.STRANGER] + [Standing.KNOWN] * 9
    assert [gate.fail("bob", HOME) for _ in range(4)] == [None, None, None, Hold.ADDRESS]


def test_strangers_can_not_lock_an_account_out_of_its_own_network(gate: Gate) -> None:
    gate.succeed("alice", HOME)
    for number in range(40):
        gate.fail("alice", f"198.51.100.{number}")
        gate.fail(f"user{number}", HOME)
    assert gate.succeed("alice", "198.51.100.77") is Hold.ACCOUNT
    assert gate.succeed("alice", HOME) is Standing.KNOWN


def test_an_own_network_has_a_limit_too(gate: Gate) -> None:
    gate.succeed("alice", HOME)
    assert [gate.fail("alice", HOME) for _ in range(3)] == [None, None, Hold.OWN]
    gate.clock.advance(30)
    assert gate.succeed("alice", HOME) is Standing.KNOWN
    assert gate.succeed("bob", HOME) is Standing.STRANGER


def test_a_network_is_forgotten_when_it_was_not_used_for_long(gate: Gate) -> None:
    gate.succeed("alice", HOME)
    gate.clock.advance(SETTINGS.known_days * 86_400 + 1)
    assert gate.succeed("alice", HOME) is Standing.STRANGER


def test_an_attempt_that_was_not_judged_is_given_back(gate: Gate) -> None:
    for _ in range(10):
        admission = gate.throttle.admit("alice", STRANGE)
        assert isinstance(admission, Admission)
        gate.throttle.gave_up(admission)


def test_fifty_at_once_pay_before_they_are_checked(gate: Gate) -> None:
    admitted = [gate.throttle.admit(f"user{number}", STRANGE) for number in range(50)]
    assert sum(isinstance(each, Admission) for each in admitted) == 3


@pytest.mark.parametrize("address", ["203.0.113.5", "local"])
def test_exempt_networks_have_no_limit_of_their_own_but_accounts_have(gate: Gate, address: str) -> None:
    assert [gate.fail(f"user{number}", address) for number in range(20)] == [None] * 20
    gate.bans.add_by_hand(parse_network("203.0.113.0/24"), None, "test")
    assert [gate.fail("alice", address) for _ in range(6)] == [None] * 5 + [Hold.ACCOUNT]


def test_everything_is_shared_between_workers_and_kept_over_restarts(gate: Gate, tmp_path: Path) -> None:
    other = Gate(tmp_path / "logins.db", gate.clock)
    held = [each.fail("alice", STRANGE) for each in (gate, other, gate, other)]
    assert held == [None, None, None, Hold.ADDRESS]
    other.succeed("bob", HOME)
    other.ledger.close()
    assert gate.succeed("bob", HOME) is Standing.KNOWN


def test_a_ban_by_hand_holds_for_everybody_until_it_ends(gate: Gate) -> None:
    gate.succeed("alice", HOME)
    gate.bans.add_by_hand(parse_network("192.0.2.0/24"), 600, "test")
    assert gate.succeed("alice", HOME) is Hold.BANNED
    gate.clock.advance(600)
    assert gate.succeed("alice", HOME) is Standing.KNOWN


def test_a_ban_of_the_server_spares_who_was_there_before(gate: Gate) -> None:
    gate.succeed("alice", HOME)
    with gate.ledger.change() as connection:
        connection.execute("INSERT INTO ban VALUES ('192.0.2.7/32', ?, 'spraying', 0)", (gate.clock.seconds + 60,))
    gate.clock.advance(2)
    assert gate.succeed("bob", HOME) is Hold.BANNED
    assert gate.succeed("alice", HOME) is Standing.KNOWN


def test_a_lifted_ban_is_lifted_at_once(gate: Gate) -> None:
    network = parse_network(STRANGE)
    gate.bans.add_by_hand(network, None, "test")
    assert gate.fail("alice", STRANGE) is Hold.BANNED
    assert [gate.bans.remove(network), gate.bans.remove(network)] == [True, False]
    assert gate.fail("alice", STRANGE) is None


def test_a_clock_that_is_set_back_gives_nothing_and_takes_nothing(gate: Gate) -> None:
    for _ in range(3):
        gate.fail("alice", STRANGE)
    gate.clock.advance(-3600)
    assert gate.fail("alice", STRANGE) is Hold.ADDRESS
    gate.clock.advance(3660)
    assert gate.fail("alice", STRANGE) is None


def test_full_buckets_are_forgotten(gate: Gate) -> None:
    gate.fail("alice", STRANGE)
    gate.throttle.prune()
    assert len(gate.ledger.rows("SELECT key FROM bucket")) == 2
    gate.clock.advance(61)
    gate.throttle.prune()
    assert gate.ledger.rows("SELECT key FROM bucket") == []


@pytest.mark.parametrize("typed", ["", "192.0.2", "example.org", "192.0.2.0/33"])
def test_what_is_no_network_is_named(tmp_path: Path, typed: str) -> None:
    ledger = Ledger.open(tmp_path / "logins.db")
    settings = ThrottleSettings(exempt_networks=(typed,))
    with pytest.raises(NetworkInvalid, match="neither an address nor a network"):
        Throttle(ledger, Bans(ledger, HeldClock()), HeldClock(), settings)
    ledger.close()
