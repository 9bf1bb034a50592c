"""`pillarbox logins ...`: who logged in, from where, and who did not (docs/logins.md).

Must never: show what a client typed as its password.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.auth.history import LoginHistory
from pillarbox.auth.ledger import Ledger, LedgerUnavailable
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import login_name
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, say_json, say_table
from pillarbox.clock import SystemClock

_HERE: Final = Place()


def list_logins(
    *,
    user: Annotated[str | None, Parameter(help="Of this login name only.")] = None,
    last: Annotated[int, Parameter(help="How many.")] = 50,
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """The latest decisions, newest first."""
    name = None if user is None else login_name(user)
    with ledger(place) as opened:
        found = LoginHistory(opened, SystemClock(), place.settings().auth.monitor).list(name, max(last, 1))
    if json:
        say_json([{**asdict(each), "time": time_text(each.seconds)} for each in found])
        return
    say_table(
        ("time (UTC)", "login", "result", "address", "client", "mechanism", "why not", "app password"),
        [
            (
                time_text(each.seconds),
                each.name,
                each.result,
                each.address,
                each.client,
                each.mechanism,
                each.reason,
                each.app_password,
            )
            for each in found
        ],
    )


@contextmanager
def ledger(place: Place) -> Iterator[Ledger]:
    """What is remembered of logins; what goes wrong with it becomes CommandFailed."""
    place.check()
    opened = None
    try:
        opened = Ledger.open(place.folder.logins_path)
        yield opened
    except LedgerUnavailable as error:
        raise CommandFailed(str(error), ExitCode.UNAVAILABLE) from error
    finally:
        if opened is not None:
            opened.close()


def time_text(seconds: float | None) -> str:
    """`2026-11-22 23:48:03`, UTC; empty for None."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
