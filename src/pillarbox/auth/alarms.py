"""What the monitor found strange: each alarm says why, and stays open until somebody confirms that it was them.

Must never: hold a password or what a client typed instead of a name.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import apsw

from pillarbox.auth.ledger import Ledger, Row, number
from pillarbox.clock import Clock

_COLUMNS: Final = "id, seconds, kind, name, account, address, client, why, confirmed_seconds"


class AlarmKind(enum.Enum):
    """The gravest comes first."""

    TRAVEL = "impossible-travel"
    GUESSED = "failures-then-success"
    COUNTRY = "new-country"
    PLACE = "new-place"
    HOUR = "unusual-hour"
    SPRAYING = "spraying"
    """From one place over many accounts."""
    BESIEGED = "many-addresses"
    """From many places at one account."""
    ACCOUNT_PASSWORD = "account-password"  # noqa: S105 - no password
    """The right one, refused since multi-factor is on. Told, and confirmed from the start: nobody got in."""


@dataclass(frozen=True, slots=True)
class Alarm:
    kind: AlarmKind
    name: str
    """The login name; empty when it is about many."""
    account: str
    """Its id, where somebody got in; else empty."""
    address: str
    """Or a network, in CIDR notation."""
    client: str
    why: str
    """In plain words."""
    seconds: float
    number: int = 0
    """For `confirm`; 0 until it is written down."""
    confirmed_seconds: float | None = None


class Alarms:
    """All of them. Blocking; all raise LedgerUnavailable."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def add(self, connection: apsw.Connection, alarm: Alarm) -> None:
        """Write an alarm down, as part of a transaction of the ledger."""
        connection.execute(
            "INSERT INTO alarm (seconds, kind, name, account, address, client, why, confirmed_seconds)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                alarm.seconds,
                alarm.kind.value,
                alarm.name,
                alarm.account,
                alarm.address,
                alarm.client,
                alarm.why,
                alarm.confirmed_seconds,
            ),
        )

    def open(self, name: str | None = None) -> Sequence[Alarm]:
        """Those that nobody confirmed, newest first; of one login name, or all."""
        return self._find("confirmed_seconds IS NULL", name)

    def all(self, name: str | None = None) -> Sequence[Alarm]:
        """Confirmed ones too."""
        return self._find("1", name)

    def after(self, alarm_number: int) -> Sequence[Alarm]:
        """Those with a greater number, oldest first."""
        return [alarm for alarm in reversed(self.all()) if alarm.number > alarm_number]

    def confirm(self, alarm_number: int) -> Alarm | None:
        """Somebody says that it was them; again is harmless. None: there is no such alarm."""
        with self._ledger.change() as connection:
            connection.execute(
                "UPDATE alarm SET confirmed_seconds = coalesce(confirmed_seconds, ?) WHERE id = ?",
                (self._clock.now_seconds(), alarm_number),
            )
            found = list(connection.execute(f"SELECT {_COLUMNS} FROM alarm WHERE id = ?", (alarm_number,)))  # noqa: S608
        return _alarm(found[0]) if found else None

    def _find(self, where: str, name: str | None) -> list[Alarm]:
        of_name, values = ("", ()) if name is None else (" AND name = ?", (name,))
        return [
            _alarm(row)
            for row in self._ledger.rows(
                f"SELECT {_COLUMNS} FROM alarm WHERE {where}{of_name} ORDER BY id DESC",  # noqa: S608 - constants
                values,
            )
        ]


def _alarm(row: Row) -> Alarm:
    return Alarm(
        number=int(number(row[0])),
        seconds=number(row[1]),
        kind=AlarmKind(str(row[2])),
        name=str(row[3]),
        account=str(row[4]),
        address=str(row[5]),
        client=str(row[6]),
        why=str(row[7]),
        confirmed_seconds=None if row[8] is None else number(row[8]),
    )
