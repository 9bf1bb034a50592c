"""When, where and by which client each app password was used last: noted at once, written down once a minute.

A login so costs no write; many uses within a minute are one row, and all rows one transaction. The first use of an app
password is written at once: who sets up a device looks whether it came in. A crash forgets a minute at most.

Must never: hold up a login.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from pillarbox.auth.app_passwords import AppPassword, AppPasswords, Use
from pillarbox.auth.contract import Attempt
from pillarbox.auth.credential import app_password_of
from pillarbox.auth.directory import AccountDirectory, DirectoryUnavailable
from pillarbox.clock import Clock
from pillarbox.events import EventLog

WRITE_SECONDS: Final = 60.0
MAX_CLIENT_CHARACTERS: Final = 100


class LastUses:
    """Of one process. Made on the loop's thread; note() may be called from any."""

    def __init__(self, directory: AccountDirectory, clock: Clock, events: EventLog) -> None:
        """With a directory that logins don't wait for."""
        self._kept = AppPasswords(directory, clock)
        self._clock = clock
        self._events = events
        self._lock = threading.Lock()
        self._last: dict[str, Use] = {}
        """Since the process started, by id: what comes with the client's name later."""
        self._unwritten: set[str] = set()
        self._first = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="app-passwords")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write. Without it uses are written at close() only."""
        self._task = self._loop.create_task(self._run())

    def note(self, app_password: AppPassword, attempt: Attempt) -> None:
        """It let somebody in."""
        now = int(self._clock.now_seconds())
        with self._lock:
            is_first = app_password.last_use is None and app_password.id not in self._last
            use = Use(now, attempt.address, _client(attempt.client), attempt.mechanism)
            if not use.client and (before := self._last.get(app_password.id) or app_password.last_use) is not None:
                use = replace(use, client=before.client)
            self._last[app_password.id] = use
            self._unwritten.add(app_password.id)
        if is_first:
            self._loop.call_soon_threadsafe(self._first.set)

    def client_named(self, credential: str, client: str) -> None:
        """The client that an app password let in said its name (ID)."""
        app_password = app_password_of(credential)
        with self._lock:
            use = self._last.get(app_password) if app_password is not None else None
            if app_password is not None and use is not None and use.client != _client(client):
                self._last[app_password] = replace(use, client=_client(client))
                self._unwritten.add(app_password)

    async def flush(self) -> None:
        """Write now."""
        with self._lock:
            uses = {each: self._last[each] for each in self._unwritten}
            self._unwritten.clear()
        if not uses:
            return
        try:
            await self._loop.run_in_executor(self._thread, self._kept.note_uses, uses)
        except DirectoryUnavailable as error:  # of no harm: the next use is noted again
            self._events.warning("app_passwords.use_not_kept", error=str(error))

    async def close(self) -> None:
        """Write what is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self.flush()
        self._thread.shutdown(wait=True)

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._first.wait()
            except TimeoutError:
                pass
            self._first.clear()
            await self.flush()


def _client(said: str) -> str:
    return "".join(each for each in said if each.isprintable())[:MAX_CLIENT_CHARACTERS]
