"""`pillarbox serve`.

Must never: build the server; `app` does.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

from cyclopts import Parameter

from pillarbox.app.settings import ServerSettings
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.place import Place
from pillarbox.cli.speech import say


def serve(
    *,
    listen: Annotated[
        tuple[str, ...],
        Parameter(negative="", help="HOST:PORT; may be given several times. Default: every address, port 993."),
    ] = (),
    workers: Annotated[int | None, Parameter(help="Processes that serve. Default: one for each processor.")] = None,
    place: Place = Place(),  # noqa: B008 - frozen
) -> None:
    """Serve until stopped."""
    from pillarbox.config import AddressInvalid, parse_address

    given: dict[str, object] = {}
    if listen:
        try:
            given["listen"] = tuple(parse_address(address) for address in listen)
        except AddressInvalid as error:
            raise CommandFailed(f"--listen: {error}", ExitCode.USAGE) from error
    if workers is not None:
        if workers < 1:
            raise CommandFailed("--workers: must be 1 or more", ExitCode.USAGE)
        given["workers"] = workers
    settings = place.settings(**given)
    if os.geteuid() != 0:
        place.make()  # of a server that root starts the folder is somebody else's: app.privileges
    from pillarbox.app.server import CannotStart, SettingsUnusable
    from pillarbox.app.server import serve as serve_until_stopped

    def read_again() -> ServerSettings:
        try:
            return place.settings(**given)
        except CommandFailed as error:
            raise SettingsUnusable(str(error)) from error

    try:
        serve_until_stopped(settings, announce=_announce, read_again=read_again)
    except CannotStart as error:
        raise CommandFailed(str(error), ExitCode.UNAVAILABLE) from error


def _announce(line: str) -> None:
    say(line)
    sys.stdout.flush()
