"""Judges passwords by PAM, in a few processes that can be killed.

PAM itself sees to it that a name that nobody has takes as long as a wrong password: its modules wait after both.

Must never: wait longer than the settings say, or leave a process of ours behind (what a module starts in a session of
its own is its own affair).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from typing import Final

from pillarbox.auth.pam import child
from pillarbox.auth.pam.settings import PamSettings
from pillarbox.auth.password_check import Accepted, CheckUnavailable, Rejected
from pillarbox.events import EventLog
from pillarbox.secret import Secret

_CHILD: Final = (sys.executable, "-I", "-m", "pillarbox.auth.pam.child")
_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
"""For modules that start programs; nothing of the server's own."""
_QUESTIONS_PER_PROCESS: Final = 1_000
"""Then it makes room for a new one: modules leak."""


class PamUnusable(ValueError):
    """PAM can't be asked at all; the text is for the operator."""


class PamCheck:
    """The PasswordCheck of PAM."""

    def __init__(self, settings: PamSettings, events: EventLog, command: Sequence[str] = _CHILD) -> None:
        """Starts nothing yet. Raises PamUnusable."""
        if importlib.util.find_spec("pam") is None:
            raise PamUnusable('auth.backend is "pam", which needs: pip install "pillarbox[pam]"')
        if not settings.service or "/" in settings.service:
            raise PamUnusable("auth.pam.service is the name of a file in /etc/pam.d, such as pillarbox")
        self._settings = settings
        self._events = events
        self._command = tuple(command)
        self._idle: list[_Asker] = []
        self._askers: set[_Asker] = set()

    @property
    def remember_seconds(self) -> int:
        return self._settings.remember_seconds

    @property
    def at_once(self) -> int:
        return self._settings.processes

    async def judge(self, login_name: str, password: Secret[bytes]) -> Accepted | Rejected:
        """password_check.PasswordCheck.judge"""
        user, account = self._names(login_name)
        asker: _Asker | None = None
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                asker = self._idle.pop() if self._idle else await self._begun()
                answer = await asker.ask(self._settings.service, user, password)
        except TimeoutError:
            self._events.warning("pam.killed", seconds=self._settings.timeout_seconds)
            raise CheckUnavailable("PAM does not answer in time") from None
        except OSError as error:
            raise CheckUnavailable(f"PAM can't be asked: {error}") from error
        finally:
            if asker is not None:
                await self._put_back(asker)
        if answer == child.RIGHT:
            return Accepted(account)
        if answer == child.UNAVAILABLE:
            raise CheckUnavailable(f"PAM can't judge now; see the system's log and /etc/pam.d/{self._settings.service}")
        return Rejected.DISABLED if answer == child.DISABLED else Rejected.WRONG

    async def close(self) -> None:
        """password_check.PasswordCheck.close"""
        self._idle.clear()
        for asker in list(self._askers):
            await self._end(asker)

    def _names(self, login_name: str) -> tuple[str, str]:
        """Whom PAM is asked for, and whose account it is. A name of a foreign domain is asked for as it is: no user
        has an @."""
        domain = self._settings.domain.lower()
        local, _, given = login_name.partition("@")
        if not domain or given not in ("", domain):
            return login_name, login_name
        return local, f"{local}@{domain}"

    async def _begun(self) -> _Asker:
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd="/", env=_ENVIRONMENT, start_new_session=True
        )
        asker = _Asker(process)
        self._askers.add(asker)
        try:
            await asker.begin()
        except BaseException:
            await self._end(asker)
            raise
        return asker

    async def _put_back(self, asker: _Asker) -> None:
        if asker.is_fresh:
            self._idle.append(asker)
        else:
            await self._end(asker)

    async def _end(self, asker: _Asker) -> None:
        self._askers.discard(asker)
        await asyncio.shield(asker.end())


class _Asker:
    """One process, one question at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._left = _QUESTIONS_PER_PROCESS
        self._is_waiting = True

    @property
    def is_fresh(self) -> bool:
        """Whether it may be asked again."""
        return not self._is_waiting and self._left > 0 and self._process.returncode is None

    async def begin(self) -> None:
        """Wait until it can be asked. Raises OSError."""
        if await self._octet() != child.READY:
            raise OSError("the process that asks PAM does not begin; is libpam installed?")

    async def ask(self, service: str, name: str, password: Secret[bytes]) -> bytes:
        """One of child's answers. Raises OSError."""
        self._is_waiting, self._left = True, self._left - 1
        stdin = self._process.stdin
        assert stdin is not None
        for data in (service.encode(), name.encode(), password.reveal()):
            stdin.write(len(data).to_bytes(4, "big") + data)
        await stdin.drain()
        answer = await self._octet()
        if not answer:
            raise OSError("a PAM module ended the process that asked it")
        return answer

    async def end(self) -> None:
        """Kill it, and whatever its modules started."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        assert self._process.stdout is not None
        while await self._process.stdout.read(1024):
            pass
        await self._process.wait()

    async def _octet(self) -> bytes:
        assert self._process.stdout is not None
        answer = await self._process.stdout.read(1)
        self._is_waiting = not answer
        return answer
