"""`pillarbox serve`: reads what was typed and the settings into an order.

Must never: build the server; `app` does, in a process that has not loaded this (`cli.main`).
"""

from __future__ import annotations

import os
from typing import Annotated

from cyclopts import Parameter

from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.order import Order
from pillarbox.cli.place import Place


def serve(
    *,
    listen: Annotated[
        tuple[str, ...],
        Parameter(negative="", help="HOST:PORT; may be given several times. Default: every address, port 993."),
    ] = (),
    workers: Annotated[int | None, Parameter(help="Processes that serve. Default: one for each processor.")] = None,
    place: Place = Place(),  # noqa: B008 - frozen
) -> Order:
    """What is to be served. The data folder is made."""
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
    return Order(settings, place.data, place.config, given)
