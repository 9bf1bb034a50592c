"""Certificates by ACME in a running server: what is bound early, kept fresh by one worker.

Must never: keep the server from starting because a challenge can't be answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass

from pillarbox.acme.folder import AcmeFolder
from pillarbox.acme.names import all_wanted
from pillarbox.acme.process import Renewals
from pillarbox.acme.responder import addresses, bound
from pillarbox.app.folder import DataFolder
from pillarbox.app.settings import ServerSettings
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.net.settings import ListenAddress


@dataclass(frozen=True, slots=True)
class Reserved:
    """Sockets to answer an authority at, bound while that was still allowed; they listen only when one is asked."""

    where: tuple[ListenAddress, ...] = ()
    sockets: tuple[socket.socket, ...] = ()


def open_acme(settings: ServerSettings) -> Reserved:
    """Bind what is needed; where that can't be, the process that asks says why.

    Raises NamesInvalid for what `acme.domains` says.
    """
    wanted = all_wanted(settings.acme.domains, settings.acme.challenge)
    if wanted or AcmeFolder(DataFolder(settings.data_folder).certificates_path).all():
        where = addresses(settings.acme)
        with contextlib.suppress(OSError):
            return Reserved(where, tuple(bound(where)))
    return Reserved()


def start_acme(
    settings: ServerSettings, reserved: Reserved, clock: Clock, events: EventLog, stack: AsyncExitStack
) -> None:
    """Keep certificates fresh until the stack is left; in one worker only."""
    same = reserved.where == addresses(settings.acme)  # else they were changed by a reload
    sockets = reserved.sockets if same else ()
    path = DataFolder(settings.data_folder).certificates_path
    task = asyncio.create_task(Renewals(settings.acme, path, sockets, clock, events).run())

    async def stop() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(stop)
