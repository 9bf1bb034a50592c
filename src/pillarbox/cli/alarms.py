"""`pillarbox alarms ...`: what looked strange about logins, until somebody says that it was them (docs/logins.md).

Must never: change who may log in.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.app.sessions import Which, end_sessions, list_sessions
from pillarbox.auth.alarms import Alarms
from pillarbox.auth.quarantine import KINDS
from pillarbox.auth.scope import Access
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import login_name
from pillarbox.cli.logins import ledger, time_text
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, say, say_json, say_table
from pillarbox.cli.witness import witness
from pillarbox.clock import SystemClock

_HERE: Final = Place()
_CONFIRMED: Final = "You may use everything again; log in again"


def list_alarms(
    *,
    user: Annotated[str | None, Parameter(help="About this login name only.")] = None,
    confirmed: Annotated[bool, Parameter(negative="", help="Those that were confirmed too.")] = False,
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """Alarms, newest first."""
    name = None if user is None else login_name(user)
    with ledger(place) as opened:
        alarms = Alarms(opened, SystemClock())
        found = alarms.all(name) if confirmed else alarms.open(name)
    if json:
        say_json([{**asdict(each), "kind": each.kind.value, "time": time_text(each.seconds)} for each in found])
        return
    say_table(
        ("number", "time (UTC)", "kind", "login", "address", "client", "why", "confirmed"),
        [
            (
                each.number,
                time_text(each.seconds),
                each.kind.value,
                each.name,
                each.address,
                each.client,
                each.why,
                time_text(each.confirmed_seconds),
            )
            for each in found
        ],
    )


def confirm(
    number: Annotated[int, Parameter(help="Of the alarm, as `alarms list` shows it.")], /, *, place: Place = _HERE
) -> None:
    """Say that an alarm was nothing bad. Sessions that it held to looking end: they come back as they were."""
    with ledger(place) as opened:
        alarm = Alarms(opened, SystemClock()).confirm(number)
    if alarm is None:
        raise CommandFailed(f"there is no alarm {number}; see: pillarbox alarms list", ExitCode.BAD_DATA)
    witness(place).info("alarm.confirmed", alarm=number, kind=alarm.kind.value, login=alarm.name)
    if alarm.account and alarm.kind in KINDS[place.settings().auth.monitor.quarantine]:
        sessions, _ = list_sessions(place.folder, Which(account=alarm.account))
        held = tuple(each.id for each in sessions if Access.READ_ONLY.value in each.scope)
        if held:  # no ids would be everybody
            end_sessions(place.folder, Which(ids=held), _CONFIRMED)
    say(f"alarm {number} is confirmed: {alarm.kind.value}, {alarm.name or alarm.address}")
