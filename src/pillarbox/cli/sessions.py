"""`pillarbox sessions ...`: who is logged in now, over all workers, and sending people out (docs/app-passwords.md)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.app.sessions import Which, end_sessions
from pillarbox.app.sessions import list_sessions as list_all
from pillarbox.auth.networks import NetworkInvalid, parse_network
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.household import login_name
from pillarbox.cli.logins import time_text
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, complain, say, say_json, say_table
from pillarbox.cli.witness import witness

User = Annotated[str | None, Parameter(help="Of this login name only.")]
Address = Annotated[str | None, Parameter(name="--from", help="From this address or network (CIDR) only.")]
App = Annotated[str | None, Parameter(help="Opened with the app password of this name only.")]
_HERE: Final = Place()


def list_sessions(
    *, user: User = None, from_: Address = None, app_password: App = None, json: Json = False, place: Place = _HERE
) -> None:
    """Who is logged in now, the longest first."""
    place.check()
    found, silent = list_all(place.folder, _which((), user, from_, app_password))
    _complain_of(silent)
    if json:
        say_json([{**asdict(each), "since": time_text(each.since_seconds)} for each in found])
        return
    say_table(
        ("id", "since (UTC)", "login", "door", "address", "client", "mechanism", "app password", "mailbox", "worker"),
        [
            (
                each.id,
                time_text(each.since_seconds),
                each.login,
                each.door,
                each.address,
                each.client,
                each.mechanism,
                f"{each.app_password} ({each.scope})" if each.scope else each.app_password,
                each.mailbox,
                each.worker,
            )
            for each in found
        ],
    )


def end(
    *ids: Annotated[str, Parameter(help="As `sessions list` shows them.")],
    user: User = None,
    from_: Address = None,
    app_password: App = None,
    all_: Annotated[bool, Parameter(name="--all", negative="", help="Everybody's.")] = False,
    place: Place = _HERE,
) -> None:
    """End sessions: those for which all that is given holds. Programs may log in again."""
    place.check()
    if not (ids or user or from_ or app_password or all_):
        raise CommandFailed("say which: ids, --user, --from, --app-password, or --all", ExitCode.USAGE)
    ended, silent = end_sessions(place.folder, _which(ids, user, from_, app_password))
    _complain_of(silent)
    witness(place).info(
        "session.ended_by_hand", login=user or "", network=from_ or "", app_password=app_password or "", count=ended
    )
    if not ended:
        raise CommandFailed("no session is like that; see: pillarbox sessions list", ExitCode.BAD_DATA)
    say(f"ended {ended} {'session' if ended == 1 else 'sessions'}")


def _which(ids: tuple[str, ...], user: str | None, network: str | None, app_password: str | None) -> Which:
    try:
        told = "" if network is None else str(parse_network(network))
    except NetworkInvalid as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error
    return Which(ids, "" if user is None else login_name(user), told, app_password or "")


def _complain_of(silent: int) -> None:
    if silent:
        complain(f"{silent} of the server's processes did not answer; their sessions are not counted")
