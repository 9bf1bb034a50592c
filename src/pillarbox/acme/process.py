"""Keeps a running server's certificates fresh: looks at the files now and then, and has a process of its own ask the
authority when something is due.

Must never: hold up the server, start or stop; end because a round fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pillarbox.acme.folder import AcmeFolder
from pillarbox.acme.names import NamesInvalid, all_wanted
from pillarbox.acme.renewing import State, states
from pillarbox.acme.settings import AcmeSettings
from pillarbox.clock import Clock
from pillarbox.events import EventLog

_COMMAND: Final = (sys.executable, "-I", "-m", "pillarbox.acme.child")
_LOOK_MOST_SECONDS: Final = 3600.0
"""Certificates that were issued by hand are found within an hour."""
_LOOK_LEAST_SECONDS: Final = 30.0
"""Between two processes, whatever goes wrong."""
_ROUND_SECONDS: Final = 2 * 3600.0
"""For all certificates together; what takes longer hangs."""
_CLEAN_SECONDS: Final = 5.0
"""To take answers away, when the server stops."""
_LINE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Job:
    """What the process is to do."""

    certificates_path: str
    settings: AcmeSettings
    descriptors: tuple[int, ...]
    """Sockets to answer at, bound."""


class Renewals:
    """Of one server; run it in one worker."""

    def __init__(
        self,
        settings: AcmeSettings,
        certificates_path: Path,
        sockets: Sequence[socket.socket],
        clock: Clock,
        events: EventLog,
        command: Sequence[str] = _COMMAND,
    ) -> None:
        """`sockets` are bound for answering, and not closed here; none: the process binds what it needs."""
        self._settings = settings
        self._path = certificates_path
        self._folder = AcmeFolder(certificates_path)
        self._sockets = tuple(sockets)
        self._clock = clock
        self._events = events
        self._command = tuple(command)

    async def run(self) -> None:
        """Until cancelled."""
        with contextlib.suppress(OSError):
            self._folder.mend()
        while True:
            now = self._clock.now_seconds()
            found = self._states()
            if any(each.is_due(now) or each.is_to_be_asked_for(now) for each in found):
                await self._round()
                found = self._states()
            next_seconds = min((each.next_seconds for each in found), default=now + _LOOK_MOST_SECONDS)
            pause = next_seconds - self._clock.now_seconds()
            await asyncio.sleep(min(max(pause, _LOOK_LEAST_SECONDS), _LOOK_MOST_SECONDS))

    def _states(self) -> list[State]:
        try:
            return states(self._folder, all_wanted(self._settings.domains, self._settings.challenge))
        except NamesInvalid as error:
            self._events.error("certificate.not_issued", error=f"acme.domains: {error}")
        except OSError as error:
            self._events.error("certificate.not_issued", error=f"{error.filename}: {error.strerror}")
        return []

    async def _round(self) -> None:
        from pydantic import TypeAdapter  # some MB that only now are needed

        job = Job(str(self._path), self._settings, tuple(each.fileno() for each in self._sockets))
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                cwd="/",
                pass_fds=job.descriptors,
                limit=_LINE_BYTES,
            )
        except OSError as error:
            self._events.error("certificate.not_issued", error=f"no process can be started: {error.strerror}")
            return
        try:
            assert process.stdin is not None
            with contextlib.suppress(ConnectionError):
                process.stdin.write(TypeAdapter(Job).dump_json(job) + b"\n")
                await process.stdin.drain()
            async with asyncio.timeout(_ROUND_SECONDS):
                await self._listen(process)
                code = await process.wait()
            if code:
                self._events.error("certificate.not_issued", error=f"the process that asks ended with {code}")
        except TimeoutError:
            self._events.error("certificate.not_issued", error="the process that asks was ended: it took too long")
        except (ValueError, KeyError, TypeError) as error:  # it wrote what is no event
            self._events.bug("certificate.round_failed", error)
        finally:
            ending = asyncio.ensure_future(_end(process))
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                await ending
                raise

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Log what it tells."""
        levels: dict[str, Callable[..., None]] = {
            "debug": self._events.debug,
            "info": self._events.info,
            "warning": self._events.warning,
            "error": self._events.error,
        }
        assert process.stdout is not None
        async for line in process.stdout:
            told = json.loads(line)
            levels[told["level"]](told["event"], **told["fields"])


async def _end(process: asyncio.subprocess.Process) -> None:
    """SIGTERM, time to clean up, SIGKILL. What it still wrote is read: asyncio lets go of pipes only at their end."""
    with contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            process.terminate()
    try:
        async with asyncio.timeout(_CLEAN_SECONDS):
            await process.communicate()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
