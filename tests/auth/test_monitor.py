"""What is strange, why it is said to be, and all that is not strange."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pillarbox.auth.alarms import Alarm, AlarmKind, Alarms
from pillarbox.auth.bans import Bans
from pillarbox.auth.contract import RefusalReason
from pillarbox.auth.history import LoginHistory, LoginRecord, new_decision
from pillarbox.auth.ledger import Ledger
from pillarbox.auth.monitor import Monitor
from pillarbox.auth.places import MaxMindPlaces, NoPlaces, Place, Places, PlacesUnusable, distance_km
from pillarbox.auth.settings import AuthSettings
from pillarbox.clock import HeldClock
from tests.auth.mmdb import mmdb

HOUR, DAY = 3600.0, 86_400.0
HOME, OFFICE, FAR = "192.0.2.7", "198.51.100.9", "203.0.113.5"
BERLIN = Place("DE", "AS64500 Home Net", 52.5, 13.4)
HAMBURG = Place("DE", "AS64501 Office Net", 53.6, 10.0)
SYDNEY = Place("AU", "AS64502 Far Net", -33.9, 151.2)


class Atlas:
    """Places without a file."""

    def find(self, address: str) -> Place:
        return {HOME: BERLIN, OFFICE: HAMBURG, FAR: SYDNEY}.get(address, Place())


class Watch:
    """A monitor and a clock."""

    def __init__(self, path: Path) -> None:
        self.clock = HeldClock()
        self.clock.seconds -= self.clock.seconds % DAY - 10 * HOUR  # ten o'clock
        self.ledger = Ledger.open(path)
        self.raised: list[Alarm] = []
        self.use(NoPlaces())

    def use(self, places: Places) -> None:
        self.monitor = Monitor(self.ledger, self.clock, AuthSettings(), places, self._ring)

    def _ring(self, alarms: Sequence[Alarm]) -> None:
        self.raised += alarms

    def login(self, address: str, client: str = "Phone 1", name: str = "alice") -> list[AlarmKind]:
        """The right password; the alarms of it."""
        return self._write([self._record(name, address, client, "granted", "", "known")])

    def fail(self, address: str, name: str = "alice", standing: str = "stranger") -> list[AlarmKind]:
        return self._write([self._record(name, address, "", "denied", "wrong credentials", standing)])

    def refuse(self, address: str, name: str = "alice") -> list[AlarmKind]:
        """The right account password, where multi-factor is on."""
        reason = RefusalReason.SECOND_FACTOR.value
        return self._write([self._record(name, address, "Phone 1", "denied", reason, "known") for _ in range(3)])

    def live(self, days: int = 10, logins: int = 1) -> None:
        """The usual days of alice, at home with her phone."""
        for _ in range(days):
            for _ in range(logins):
                self.login(HOME)
            self.clock.advance(DAY)

    def _record(self, name: str, address: str, client: str, result: str, reason: str, standing: str) -> LoginRecord:
        account = f"id of {name}" if result == "granted" else ""
        return LoginRecord(
            new_decision(), self.clock.seconds, name, account, address, client, "PLAIN", result, reason, standing
        )

    def _write(self, records: list[LoginRecord]) -> list[AlarmKind]:
        before = len(self.raised)
        self.monitor.write(records, [])
        return [alarm.kind for alarm in self.raised[before:]]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    watch = Watch(tmp_path / "logins.db")
    yield watch
    watch.ledger.close()


# --- a new place with a new program -----------------------------------------------------------------


def test_a_new_place_with_a_new_program_is_an_alarm_that_says_both_once(watch: Watch) -> None:
    watch.live()
    assert watch.login(FAR, "curl/8.5") == [AlarmKind.PLACE]
    assert watch.raised[0].why == "the first login from around 203.0.113.0/24, and the first with curl/8.5"
    assert (watch.raised[0].name, watch.raised[0].account, watch.raised[0].address) == ("alice", "id of alice", FAR)
    assert watch.login(FAR, "curl/8.5") == []


@pytest.mark.parametrize(
    ("address", "client"),
    [(FAR, "Phone 1"), (FAR, "Phone 2.0.1"), (HOME, "Laptop"), ("192.0.2.200", "Laptop"), (HOME, "")],
    ids=["known phone in a cafe", "updated phone", "new laptop at home", "another address at home", "no name"],
)
def test_one_new_thing_is_not_strange(watch: Watch, address: str, client: str) -> None:
    watch.live()
    assert watch.login(address, client) == []


def test_nothing_is_strange_in_the_first_week_or_before_some_logins(watch: Watch) -> None:
    watch.live(days=3, logins=10)
    assert watch.login(OFFICE, "Laptop") == []
    watch.login(HOME, name="bob")
    watch.clock.advance(30 * DAY)
    assert watch.login(FAR, "curl", name="bob") == []


# --- guessed ------------------------------------------------------------------------------------------


def test_many_failures_then_success_from_a_strange_place_is_an_alarm(watch: Watch) -> None:
    watch.login(HOME)
    watch.clock.advance(HOUR)
    for _ in range(10):
        watch.fail(FAR)
    assert watch.login(FAR) == [AlarmKind.GUESSED]
    assert watch.raised[-1].why == "10 wrong passwords within the hour before"


def test_failures_are_not_held_against_the_owner_at_home(watch: Watch) -> None:
    watch.login(HOME)
    for _ in range(15):
        watch.fail(FAR)
    assert watch.login(HOME) == []


def test_a_device_at_home_with_an_old_password_makes_no_alarm_on_the_road(watch: Watch) -> None:
    watch.login(HOME)
    for _ in range(30):
        watch.fail(HOME, standing="known")
    assert watch.login(FAR) == []


def test_failures_of_yesterday_and_a_first_login_are_no_alarm(watch: Watch) -> None:
    for _ in range(15):
        watch.fail(HOME)
    assert watch.login(HOME) == []
    watch.clock.advance(DAY)
    assert watch.login(FAR) == []


# --- hours --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hours", "expected"), [(0, []), (2, []), (8, [AlarmKind.HOUR]), (-8, [AlarmKind.HOUR])])
def test_an_hour_never_used_at_a_place_never_used_is_an_alarm(
    watch: Watch, hours: int, expected: list[AlarmKind]
) -> None:
    watch.live(days=10, logins=6)
    watch.clock.advance(hours * HOUR)
    assert watch.login(FAR) == expected
    assert watch.login(HOME) == []


# --- the map ------------------------------------------------------------------------------------------


def test_a_new_country_is_an_alarm_and_a_known_one_is_none(watch: Watch) -> None:
    watch.use(Atlas())
    watch.live()
    assert watch.login(OFFICE) == []
    watch.clock.advance(3 * DAY)
    assert watch.login(FAR) == [AlarmKind.COUNTRY]
    assert watch.raised[-1].why == "the first login from AU"


def test_an_impossible_journey_is_an_alarm_with_all_its_reasons(watch: Watch) -> None:
    watch.use(Atlas())
    watch.live()
    watch.login(HOME)
    watch.clock.advance(HOUR)
    assert watch.login(FAR, "curl") == [AlarmKind.TRAVEL]
    assert watch.raised[-1].why == (
        "16097 km from the login 60 minutes before; the first login from AU;"
        " the first login from around 203.0.113.0/24, AS64502 Far Net, and the first with curl"
    )


def test_a_short_way_is_no_journey(watch: Watch) -> None:
    watch.use(Atlas())
    watch.live()
    watch.login(HOME)
    watch.clock.advance(60)
    assert watch.login(OFFICE) == []


def test_a_map_that_is_new_makes_no_country_new(watch: Watch) -> None:
    watch.live()
    watch.use(Atlas())
    assert watch.login(OFFICE) == []


def test_distances_are_right_and_unknown_ones_are_none() -> None:
    assert distance_km(BERLIN, HAMBURG) == pytest.approx(259, abs=3)
    assert distance_km(BERLIN, Place()) is None


def test_maps_in_maxminds_format_are_read(tmp_path: Path) -> None:
    city, operators = tmp_path / "city.mmdb", tmp_path / "asn.mmdb"
    city.write_bytes(
        mmdb("203.0.113.0/24", {"country": {"iso_code": "AU"}, "location": {"latitude": -33.9, "longitude": 151.2}})
    )
    operators.write_bytes(
        mmdb(
            "203.0.113.0/24",
            {"autonomous_system_number": 64502, "autonomous_system_organization": "Far Net"},
        )
    )
    places = MaxMindPlaces(city, operators)
    assert places.find(FAR) == SYDNEY
    assert [places.find(address) for address in (HOME, "2001:db8::1", "local")] == [Place()] * 3
    assert MaxMindPlaces(city, None).find(FAR).operator == ""


def test_a_file_that_is_no_map_is_named(tmp_path: Path) -> None:
    path = tmp_path / "city.mmdb"
    path.write_bytes(b"no map")
    with pytest.raises(PlacesUnusable, match=r"city\.mmdb can't be read"):
        MaxMindPlaces(path, None)


# --- attacks ------------------------------------------------------------------------------------------


def test_one_address_over_many_accounts_is_spraying_and_banned_for_an_hour(watch: Watch) -> None:
    bans = Bans(watch.ledger, watch.clock)
    kinds = [watch.fail(FAR, f"user{number}") for number in range(12)]
    assert kinds == [[]] * 9 + [[AlarmKind.SPRAYING]] + [[]] * 2
    assert watch.raised[0].why == "wrong passwords for 10 accounts within 60 min"
    ban = bans.find(FAR)
    assert ban is not None
    assert (ban.network, ban.by_hand) == (f"{FAR}/32", False)
    watch.clock.advance(HOUR + 1)
    assert bans.find(FAR) is None


def test_a_neighbourhood_that_sprays_together_is_banned_together(watch: Watch) -> None:
    for number in range(30):
        watch.fail(f"203.0.113.{number}", f"user{number}")
    assert [alarm.address for alarm in watch.raised] == ["203.0.113.0/24"]
    assert Bans(watch.ledger, watch.clock).find("203.0.113.200") is not None


def test_colleagues_with_old_passwords_are_no_spray(watch: Watch) -> None:
    for number in range(40):
        watch.fail(OFFICE, f"user{number}", standing="known")
    assert watch.raised == []
    assert Bans(watch.ledger, watch.clock).find(OFFICE) is None


def test_many_addresses_at_one_account_are_an_alarm_once_a_day(watch: Watch) -> None:
    kinds = [watch.fail(f"198.51.{number}.1") for number in range(30)]
    assert kinds == [[]] * 19 + [[AlarmKind.BESIEGED]] + [[]] * 10
    assert (watch.raised[0].name, watch.raised[0].account) == ("alice", "")


# --- what is kept -------------------------------------------------------------------------------------


def test_alarms_stay_open_until_somebody_confirms_them(watch: Watch) -> None:
    watch.live()
    watch.login(FAR, "curl")
    alarms = Alarms(watch.ledger, watch.clock)
    (alarm,) = alarms.open("alice")
    assert alarms.open("bob") == []
    confirmed = alarms.confirm(alarm.number)
    assert confirmed is not None
    assert (confirmed.why, confirmed.confirmed_seconds) == (alarm.why, watch.clock.seconds)
    assert alarms.open() == []
    assert alarms.all() == [confirmed]
    assert alarms.confirm(99) is None


def test_a_flood_of_refusals_pushes_out_refusals_only(watch: Watch) -> None:
    for number in range(20):
        watch.clock.advance(1)
        watch.fail(FAR, f"user{number}")
        watch.login(HOME)
    settings = replace(AuthSettings().monitor, max_decisions=25)
    history = LoginHistory(watch.ledger, watch.clock, settings)
    history.prune()
    kept = history.list(None, 99)
    assert len(kept) == 25
    assert [each.name for each in kept if each.result == "denied"] == [f"user{number}" for number in range(19, 14, -1)]


def test_history_is_kept_for_its_days_and_open_alarms_for_ever(watch: Watch) -> None:
    watch.live()
    watch.login(FAR, "curl")
    watch.clock.advance(91 * DAY)
    watch.monitor.prune()
    assert LoginHistory(watch.ledger, watch.clock, AuthSettings().monitor).list(None, 99) == []
    assert len(Alarms(watch.ledger, watch.clock).open()) == 1


# --- the right password of the wrong kind -------------------------------------------------------------


def test_a_refused_account_password_is_told_once_a_day_by_whichever_worker_and_asks_for_no_confirmation(
    watch: Watch, tmp_path: Path
) -> None:
    assert watch.refuse(HOME) == [AlarmKind.ACCOUNT_PASSWORD]
    assert (watch.raised[0].client, watch.raised[0].address) == ("Phone 1", HOME)
    other = Watch(tmp_path / "logins.db")
    other.clock = watch.clock
    other.use(NoPlaces())
    watch.clock.advance(DAY - 1)
    assert (watch.refuse(FAR), other.refuse(FAR)) == ([], [])
    assert watch.refuse(HOME, "bob") == [AlarmKind.ACCOUNT_PASSWORD]
    watch.clock.advance(2)
    assert (other.refuse(HOME), watch.refuse(HOME)) == ([AlarmKind.ACCOUNT_PASSWORD], [])
    alarms = Alarms(watch.ledger, watch.clock)
    assert (len(alarms.all()), alarms.open()) == (3, [])
    other.ledger.close()
