"""Certificates by ACME in a running server: what is bound early, kept fresh by one worker, answered by the web port.

Must never: keep the server from starting because a challenge can't be answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pillarbox.acme.folder import AcmeFolder
from pillarbox.acme.names import all_wanted
from pillarbox.acme.process import Renewals
from pillarbox.acme.responder import addresses, bound
from pillarbox.app.folder import DataFolder
from pillarbox.app.settings import ServerSettings
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.net.challenges import ChallengeFolder


def open_acme(settings: ServerSettings) -> list[socket.socket]:
    """Sockets to answer an authority at, bound while that is still allowed; they listen only when one is asked.

    Where that can't be, the process that asks says why. Raises NamesInvalid for what `acme.domains` says.
    """
    wanted = all_wanted(settings.acme.domains, settings.acme.challenge)
    if wanted or AcmeFolder(DataFolder(settings.data_folder).certificates_path).all():
        with contextlib.suppress(OSError):
            return bound(addresses(settings.acme))
    return []


def start_acme(
    settings: ServerSettings, sockets: Sequence[socket.socket], clock: Clock, events: EventLog, stack: AsyncExitStack
) -> None:
    """Keep certificates fresh until the stack is left; in one worker only."""
    path = DataFolder(settings.data_folder).certificates_path
    task = asyncio.create_task(Renewals(settings.acme, path, sockets, clock, events).run())

    async def stop() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(stop)


def challenge_route(folder: DataFolder) -> Route:
    """Answers HTTP-01 where the web port is; authorities follow a redirect from port 80 to HTTPS."""
    challenges = ChallengeFolder(folder.certificates_path)

    async def answer(request: Request) -> Response:
        found = challenges.answer(str(request.path_params["token"]))
        if found is None:
            return Response(status_code=404)
        return Response(found, media_type="application/octet-stream")

    return Route("/.well-known/acme-challenge/{token}", answer, methods=["GET"])
