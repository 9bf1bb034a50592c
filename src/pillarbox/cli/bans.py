"""`pillarbox bans ...`: networks that may not log in (docs/logins.md). A running server feels it within a second.

Must never: end sessions that are open.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.auth.bans import Bans
from pillarbox.auth.networks import Network, NetworkInvalid, parse_network
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.logins import ledger, time_text
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, say, say_json, say_table
from pillarbox.cli.witness import witness
from pillarbox.clock import SystemClock

Typed = Annotated[str, Parameter(help="An address or a network, such as 192.0.2.7 or 2001:db8::/32.")]
_HERE: Final = Place()


def list_bans(*, json: Json = False, place: Place = _HERE) -> None:
    """Bans that hold."""
    with ledger(place) as opened:
        found = Bans(opened, SystemClock()).all()
    if json:
        say_json([{**asdict(ban), "until": time_text(ban.until_seconds)} for ban in found])
        return
    say_table(
        ("network", "until (UTC)", "by", "reason"),
        [
            (ban.network, time_text(ban.until_seconds) or "removed", "hand" if ban.by_hand else "server", ban.reason)
            for ban in found
        ],
    )


def add(
    network: Typed,
    /,
    *,
    hours: Annotated[float | None, Parameter(help="For so long; else until it is removed.")] = None,
    reason: Annotated[str, Parameter(help="For whoever reads the list.")] = "by hand",
    place: Place = _HERE,
) -> None:
    """Let nobody log in from a network."""
    parsed = _network(network)
    if hours is not None and hours <= 0:
        raise CommandFailed("--hours must be more than 0", ExitCode.USAGE)
    with ledger(place) as opened:
        ban = Bans(opened, SystemClock()).add_by_hand(parsed, None if hours is None else hours * 3600, reason)
    witness(place).info("ban.added", network=ban.network, until=time_text(ban.until_seconds), reason=ban.reason)
    say(f"{ban.network} is banned until {time_text(ban.until_seconds) or 'the ban is removed'}")


def remove(network: Typed, /, *, place: Place = _HERE) -> None:
    """Lift a ban."""
    parsed = _network(network)
    with ledger(place) as opened:
        was_banned = Bans(opened, SystemClock()).remove(parsed)
    if not was_banned:
        raise CommandFailed(f"{parsed} is not banned; see: pillarbox bans list", ExitCode.BAD_DATA)
    witness(place).info("ban.removed", network=str(parsed))
    say(f"{parsed} is banned no more")


def _network(typed: str) -> Network:
    try:
        return parse_network(typed)
    except NetworkInvalid as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error
