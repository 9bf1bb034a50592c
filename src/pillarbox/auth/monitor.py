"""Looks at logins after they were decided, and raises an alarm for what is strange.

An account's first week teaches what is usual. After that a login is looked at closely only when it comes from
a neighbourhood (/24, /48) that the account never used; what each rule asks for beside that stands with it. One login
makes one alarm at most, with all its reasons; the same kind for the same account is told once a day.

Must never: decide about a login; look at an address outside of what the operator's own files say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import apsw

from pillarbox.auth.alarms import Alarm, AlarmKind, Alarms
from pillarbox.auth.contract import RefusalReason, Standing
from pillarbox.auth.history import DENIED, GRANTED, LoginHistory, LoginRecord
from pillarbox.auth.ledger import Ledger, number
from pillarbox.auth.networks import LOCAL, NetworkSet
from pillarbox.auth.places import Place, Places, distance_km
from pillarbox.auth.quarantine import KNOWN_NEIGHBOURHOOD
from pillarbox.auth.settings import AuthSettings
from pillarbox.auth.throttle import KNOWN_NETWORK
from pillarbox.clock import Clock

_DAY_SECONDS: Final = 86_400.0
_GUESSING_SECONDS: Final = 3600.0
_LEARN_SECONDS: Final = 3600.0
"""How exactly it is known when something was last seen."""
_NEAR_KM: Final = 500.0
"""Databases of places are wrong by that much, mobile networks by more."""
_NEAR_HOURS: Final = 2
_CLIENT, _COUNTRY = "client", "country"
_VERSION: Final = re.compile(r"[\s/(]*\d")

Reason = tuple[AlarmKind, str]


class Monitor:
    """Blocking; for one thread. All may raise LedgerUnavailable."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        settings: AuthSettings,
        places: Places,
        raised: Callable[[Sequence[Alarm]], None],
    ) -> None:
        """`raised` hears of alarms once they are written down, on the thread that called `write`."""
        self._ledger = ledger
        self._clock = clock
        self._settings = settings.monitor
        self._throttle = settings.throttle
        self._exempt = NetworkSet(settings.throttle.exempt_networks)
        self._history = LoginHistory(ledger, clock, settings.monitor)
        self._alarms = Alarms(ledger, clock)
        self._places = places
        self._raised = raised
        self._usual: dict[tuple[str, ...], float] = {}
        """What was learned lately, so that a program which logs in every minute costs next to nothing."""

    def write(self, records: Sequence[LoginRecord], names: Sequence[tuple[int, str]]) -> None:
        """Write decisions down, and names of clients by decision; raise the alarms that follow."""
        alarms = []
        logins = [record for record in records if record.result == GRANTED and not self._is_usual(record)]
        with self._ledger.change() as connection:
            self._history.add(connection, records)
            for record in logins:
                reasons = self._reasons(connection, record)
                alarms += self._alarm_about(connection, record, reasons)
                self._learn(connection, record)
            for decision, client in names:
                self._learn_client(connection, decision, client)
            alarms += self._attacks(connection, records)
            alarms += self._refused_account_passwords(connection, records)
            for alarm in alarms:
                self._alarms.add(connection, alarm)
        self._usual.update((_habit(record), record.seconds) for record in logins)
        if alarms:
            self._raised(alarms)

    def prune(self) -> None:
        """Forget what is too old."""
        self._usual.clear()
        self._history.prune()

    # --- somebody got in ---------------------------------------------------------------------------

    def _reasons(self, connection: apsw.Connection, record: LoginRecord) -> list[Reason]:
        """What is strange about a login, the gravest first."""
        if record.network == LOCAL or self._has_seen(
            connection, record.name, KNOWN_NEIGHBOURHOOD, record.neighbourhood
        ):
            return []
        first_seconds, logins = _one(
            connection,
            "SELECT min(seconds), count(*) FROM decision WHERE name = ? AND result = ? AND id <> ?",
            (record.name, GRANTED, record.decision),
        )
        if not logins:
            return []
        reasons = self._guessed(connection, record)
        learned = (
            record.seconds - first_seconds >= self._settings.learning_days * _DAY_SECONDS
            and logins >= self._settings.learning_logins
        )
        if learned:
            reasons += self._strange_place(connection, record)
            if logins >= self._settings.unusual_hour_logins:
                reasons += self._strange_hour(connection, record)
        return sorted(reasons, key=lambda reason: list(AlarmKind).index(reason[0]))

    def _guessed(self, connection: apsw.Connection, record: LoginRecord) -> list[Reason]:
        """Many wrong passwords from strange networks, then the right one from a neighbourhood never used.

        What keeps it quiet: an own network that fails with an old password, and an account's very first login.
        """
        (failures,) = _one(
            connection,
            "SELECT count(*) FROM decision"
            " WHERE name = ? AND seconds BETWEEN ? AND ? AND result = ? AND reason = ? AND standing = ?",
            (
                record.name,
                record.seconds - _GUESSING_SECONDS,
                record.seconds,
                DENIED,
                RefusalReason.WRONG_CREDENTIALS.value,
                Standing.STRANGER.value,
            ),
        )
        if failures < self._settings.failures_before_success:
            return []
        return [(AlarmKind.GUESSED, f"{failures:.0f} wrong passwords within the hour before")]

    def _strange_place(self, connection: apsw.Connection, record: LoginRecord) -> list[Reason]:
        """A country never used; a journey too fast; a neighbourhood and a client that are both new.

        What keeps it quiet: the known phone in a new café, a new phone at home, another address of the same provider,
        an update of the client, journeys below 500 km.
        """
        reasons: list[Reason] = []
        place = self._places.find(record.address)
        if place.country and self._is_new(connection, record.name, _COUNTRY, place.country):
            reasons.append((AlarmKind.COUNTRY, f"the first login from {place.country}"))
        reasons += self._too_fast(connection, record, place)
        if self._is_new(connection, record.name, _CLIENT, _program(record.client)):
            operator = f", {place.operator}" if place.operator else ""
            program = record.client or "a program that doesn't say its name"
            where = f"the first login from around {record.neighbourhood}{operator}"
            reasons.append((AlarmKind.PLACE, f"{where}, and the first with {program}"))
        return reasons

    def _too_fast(self, connection: apsw.Connection, record: LoginRecord, place: Place) -> list[Reason]:
        before = list(
            connection.execute(
                "SELECT seconds, address FROM decision WHERE name = ? AND result = ? AND id <> ? AND seconds <= ?"
                " ORDER BY seconds DESC LIMIT 1",
                (record.name, GRANTED, record.decision, record.seconds),
            )
        )
        if not before:
            return []
        kilometres = distance_km(self._places.find(str(before[0][1])), place)
        hours = max((record.seconds - number(before[0][0])) / 3600, 1 / 60)
        if kilometres is None or kilometres < _NEAR_KM or kilometres / hours <= self._settings.travel_km_per_hour:
            return []
        return [(AlarmKind.TRAVEL, f"{kilometres:.0f} km from the login {hours * 60:.0f} minutes before")]

    def _strange_hour(self, connection: apsw.Connection, record: LoginRecord) -> list[Reason]:
        """An hour of the day (UTC) at which, give or take two, the account never logged in.

        What keeps it quiet: programs that fetch mail day and night make every hour usual.
        """
        hour = datetime.fromtimestamp(record.seconds, UTC).hour
        used = {
            int(number(row[0]))
            for row in connection.execute(
                "SELECT DISTINCT CAST(seconds / 3600 AS INTEGER) % 24 FROM decision"
                " WHERE name = ? AND result = ? AND id <> ?",
                (record.name, GRANTED, record.decision),
            )
        }
        if any((hour + near) % 24 in used for near in range(-_NEAR_HOURS, _NEAR_HOURS + 1)):
            return []
        return [(AlarmKind.HOUR, f"never before around {hour:02}:00 UTC")]

    def _alarm_about(self, connection: apsw.Connection, record: LoginRecord, reasons: Sequence[Reason]) -> list[Alarm]:
        if not reasons or self._was_told(connection, record.name, reasons[0][0], record.seconds - _DAY_SECONDS):
            return []
        why = "; ".join(text for _, text in reasons)
        alarm = Alarm(reasons[0][0], record.name, record.account, record.address, record.client, why, record.seconds)
        return [alarm]

    def _is_usual(self, record: LoginRecord) -> bool:
        """The same account did the same within the hour."""
        seconds = self._usual.get(_habit(record))
        return seconds is not None and 0 <= record.seconds - seconds < _LEARN_SECONDS

    # --- what is usual -------------------------------------------------------------------------------

    def _learn(self, connection: apsw.Connection, record: LoginRecord) -> None:
        place = self._places.find(record.address)
        usual = {
            KNOWN_NETWORK: record.network,
            KNOWN_NEIGHBOURHOOD: record.neighbourhood,
            _CLIENT: _program(record.client),
            _COUNTRY: place.country,
        }
        for kind, value in usual.items():
            if value or kind == _CLIENT:
                _remember(connection, record.name, kind, value, record.seconds)

    def _learn_client(self, connection: apsw.Connection, decision: int, client: str) -> None:
        connection.execute("UPDATE decision SET client = ? WHERE id = ?", (client, decision))
        for name, seconds in list(connection.execute("SELECT name, seconds FROM decision WHERE id = ?", (decision,))):
            _remember(connection, str(name), _CLIENT, _program(client), number(seconds))

    def _has_seen(self, connection: apsw.Connection, name: str, kind: str, value: str) -> bool:
        statement = "SELECT 1 FROM seen WHERE name = ? AND kind = ? AND value = ?"
        return bool(list(connection.execute(statement, (name, kind, value))))

    def _is_new(self, connection: apsw.Connection, name: str, kind: str, value: str) -> bool:
        """Not seen, though something of the kind was: before the operator named a file nothing was."""
        some = list(connection.execute("SELECT 1 FROM seen WHERE name = ? AND kind = ? LIMIT 1", (name, kind)))
        return bool(some) and not self._has_seen(connection, name, kind, value)

    # --- nobody got in -------------------------------------------------------------------------------

    def _attacks(self, connection: apsw.Connection, records: Sequence[LoginRecord]) -> list[Alarm]:
        judged = [
            each
            for each in records
            if each.reason == RefusalReason.WRONG_CREDENTIALS.value and each.standing == Standing.STRANGER.value
        ]
        alarms = []
        for network in dict.fromkeys(each.network for each in judged if each.address not in self._exempt):
            if network != LOCAL:
                alarms += self._spraying(connection, "network", network, self._throttle.spray_accounts)
        for around in dict.fromkeys(each.neighbourhood for each in judged if each.address not in self._exempt):
            if around != LOCAL:
                alarms += self._spraying(connection, "neighbourhood", around, 3 * self._throttle.spray_accounts)
        for name in dict.fromkeys(each.name for each in judged if each.name):
            alarms += self._besieged(connection, name)
        return alarms

    def _spraying(self, connection: apsw.Connection, column: str, network: str, most: int) -> list[Alarm]:
        """Wrong passwords for many accounts from one place that none of them ever used; bans it.

        What keeps it quiet: colleagues behind one address who all have to change their passwords.
        """
        now = self._clock.now_seconds()
        since = now - self._throttle.spray_window_seconds
        accounts, networks = _one(
            connection,
            f"SELECT count(DISTINCT name), count(DISTINCT network) FROM decision WHERE {column} = ?"  # noqa: S608
            " AND seconds >= ? AND result = ? AND reason = ? AND standing = ?",
            (network, since, DENIED, RefusalReason.WRONG_CREDENTIALS.value, Standing.STRANGER.value),
        )
        if accounts < most or (column == "neighbourhood" and networks < 3):
            return []
        why = f"wrong passwords for {accounts:.0f} accounts within {self._throttle.spray_window_seconds / 60:.0f} min"
        if self._throttle.ban_seconds:
            connection.execute(
                "INSERT INTO ban VALUES (?, ?, ?, 0) ON CONFLICT (network) DO UPDATE"
                " SET until_seconds = excluded.until_seconds, reason = excluded.reason WHERE NOT by_hand",
                (network, now + self._throttle.ban_seconds, why),
            )
        told = list(
            connection.execute(
                "SELECT 1 FROM alarm WHERE name = '' AND kind = ? AND address = ? AND seconds >= ?",
                (AlarmKind.SPRAYING.value, network, since),
            )
        )
        return [] if told else [Alarm(AlarmKind.SPRAYING, "", "", network, "", why, now)]

    def _besieged(self, connection: apsw.Connection, name: str) -> list[Alarm]:
        """Wrong passwords for one account from many places that it never used."""
        now = self._clock.now_seconds()
        (networks,) = _one(
            connection,
            "SELECT count(DISTINCT network) FROM decision"
            " WHERE name = ? AND seconds >= ? AND result = ? AND reason = ? AND standing = ?",
            (
                name,
                now - self._throttle.spray_window_seconds,
                DENIED,
                RefusalReason.WRONG_CREDENTIALS.value,
                Standing.STRANGER.value,
            ),
        )
        if networks < self._throttle.spray_addresses:
            return []
        if self._was_told(connection, name, AlarmKind.BESIEGED, now - _DAY_SECONDS):
            return []
        return [Alarm(AlarmKind.BESIEGED, name, "", "", "", f"wrong passwords from {networks:.0f} addresses", now)]

    def _refused_account_passwords(self, connection: apsw.Connection, records: Sequence[LoginRecord]) -> list[Alarm]:
        """The right password, refused since multi-factor is on: a program that wants an app password, or a thief."""
        latest = {each.name: each for each in records if each.reason == RefusalReason.SECOND_FACTOR.value}
        return [
            Alarm(
                AlarmKind.ACCOUNT_PASSWORD,
                each.name,
                each.account,
                each.address,
                each.client,
                "the account password, where an app password is asked for",
                each.seconds,
                confirmed_seconds=each.seconds,
            )
            for each in latest.values()
            if not self._was_told(connection, each.name, AlarmKind.ACCOUNT_PASSWORD, each.seconds - _DAY_SECONDS)
        ]

    def _was_told(self, connection: apsw.Connection, name: str, kind: AlarmKind, since: float) -> bool:
        statement = "SELECT 1 FROM alarm WHERE name = ? AND kind = ? AND seconds >= ? LIMIT 1"
        return bool(list(connection.execute(statement, (name, kind.value, since))))


def _habit(record: LoginRecord) -> tuple[str, ...]:
    return record.name, record.address, record.client


def _remember(connection: apsw.Connection, name: str, kind: str, value: str, seconds: float) -> None:
    connection.execute(
        "INSERT INTO seen VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (name, kind, value) DO UPDATE SET last_seconds = excluded.last_seconds",
        (name, kind, value, seconds, seconds),
    )


def _program(client: str) -> str:
    """A client's name without its version: an update is no new program."""
    return _VERSION.split(client, maxsplit=1)[0].strip().lower()


def _one(connection: apsw.Connection, statement: str, values: tuple[apsw.SQLiteValue, ...]) -> tuple[float, ...]:
    """The one row of an aggregate; NULL is 0."""
    row = next(iter(connection.execute(statement, values)))
    return tuple(0.0 if value is None else number(value) for value in row)
