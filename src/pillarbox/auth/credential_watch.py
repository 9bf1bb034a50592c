"""Ends sessions whose credential is taken back: a revoked app password, a changed password, a disabled account.

The account database is the truth. Whatever process changes it, SQLite says so to all others without a word being sent
(PRAGMA data_version); that is asked once a second, and at once when the command line has changed something and says
so (app/sessions.py). A session that began while something changed is looked at once more, so none slips through.

Must never: end a session because the accounts can't be read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from pillarbox.auth.credential import Held, taken_back
from pillarbox.auth.directory import AccountDirectory, DirectoryUnavailable
from pillarbox.auth.sessions import LiveSession, LiveSessions
from pillarbox.clock import Clock
from pillarbox.events import EventLog

LOOK_SECONDS: Final = 1.0
REASON: Final = "What you logged in with is not valid any more; log in again"


class CredentialWatch:
    """Of one process. Made on the loop's thread."""

    def __init__(self, sessions: LiveSessions, directory: AccountDirectory, clock: Clock, events: EventLog) -> None:
        """`directory` must not be the one that anything else in this process changes accounts with: what a connection
        did itself is no news to it."""
        self._sessions = sessions
        self._directory = directory
        self._clock = clock
        self._events = events
        self._seen_version = -1
        self._looking = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="credentials")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look from now on."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def look(self) -> int:
        """End what is to end now; how many sessions."""
        async with self._looking:
            now = self._clock.now_seconds()
            ended = [
                each for each in self._sessions if each.expires_seconds is not None and now >= each.expires_seconds
            ]
            try:
                ended += await self._taken_back()
            except DirectoryUnavailable as error:
                self._events.error("accounts.unavailable", error=str(error))
        for session in ended:
            self._end(session)
        return len(ended)

    async def _taken_back(self) -> list[LiveSession]:
        loop = asyncio.get_running_loop()
        version = await loop.run_in_executor(self._thread, self._version)
        fresh, self._sessions.unchecked = self._sessions.unchecked, {}
        looked_at: Iterable[LiveSession] = fresh.values() if version == self._seen_version else self._sessions
        held: dict[Held, list[LiveSession]] = {}
        for session in looked_at:
            held.setdefault((session.account, session.credential), []).append(session)
        try:
            bad = await loop.run_in_executor(self._thread, taken_back, self._directory, tuple(held)) if held else set()
        except DirectoryUnavailable:
            self._sessions.unchecked |= fresh
            raise
        self._seen_version = version
        return [session for each in bad for session in held[each] if self._sessions.holds(session)]

    def _version(self) -> int:
        found = self._directory.rows("PRAGMA data_version")[0][0]
        assert isinstance(found, int)
        return found

    def _end(self, session: LiveSession) -> None:
        self._events.info(
            "session.revoked",
            login=session.login_name,
            account=session.account,
            address=session.address,
            door=session.door,
            app_password=session.app_password,
        )
        session.end(REASON)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()
