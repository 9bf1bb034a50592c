"""Who is logged in to this process, and how each session is ended.

Must never: write anything down: a login costs a row in memory.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Final

from pillarbox.auth.contract import Attempt, Granted
from pillarbox.store.contract import AccountId

_ID_BYTES: Final = 4

End = Callable[[str], None]
"""Say goodbye with this reason, and leave. Called on the loop's thread; may be called again."""


class LiveSession:
    """One session. The protocol that speaks with it keeps `client` and `mailbox` up to date."""

    __slots__ = (
        "_end",
        "account",
        "address",
        "app_password",
        "client",
        "credential",
        "door",
        "expires_seconds",
        "id",
        "login_name",
        "mailbox",
        "mechanism",
        "scope",
        "since_seconds",
        "tls",
    )

    def __init__(self, door: str, granted: Granted, attempt: Attempt, since_seconds: float, end: End) -> None:
        self.id = secrets.token_hex(_ID_BYTES)
        self.door = door
        """imap, managesieve, events."""
        self.account: AccountId = granted.account
        self.login_name = granted.login_name
        self.credential = granted.credential
        self.app_password = granted.app_password
        self.scope = str(granted.scope) if granted.scope.is_limited else ""
        self.address = attempt.address
        self.mechanism = attempt.mechanism
        self.tls = attempt.tls
        self.client = attempt.client
        self.since_seconds = since_seconds
        self.expires_seconds = granted.expires_seconds
        self.mailbox = ""
        """The one that is open."""
        self._end = end

    def end(self, reason: str) -> None:
        """Let it say goodbye and leave; it takes itself off the list."""
        self._end(reason)


class LiveSessions:
    """Those of this process. On the loop's thread only."""

    def __init__(self, named: Callable[[str, str], None] | None = None) -> None:
        """`named` hears of a credential whose client says its name (ID)."""
        self._sessions: dict[str, LiveSession] = {}
        self._named = named
        self.unchecked: dict[str, LiveSession] = {}
        """Came in since somebody looked whether credentials are still good (CredentialWatch)."""

    def __iter__(self) -> Iterator[LiveSession]:
        """All, also when some leave meanwhile."""
        return iter(tuple(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)

    def begin(self, door: str, granted: Granted, attempt: Attempt, since_seconds: float, end: End) -> LiveSession:
        """Somebody is in."""
        session = LiveSession(door, granted, attempt, since_seconds, end)
        self._sessions[session.id] = session
        self.unchecked[session.id] = session
        return session

    def leave(self, session: LiveSession) -> None:
        """Somebody has gone; again is harmless."""
        self._sessions.pop(session.id, None)
        self.unchecked.pop(session.id, None)

    def client_named(self, session: LiveSession, client: str) -> None:
        """The client said what it is called."""
        session.client = client
        if self._named is not None:
            self._named(session.credential, client)

    def holds(self, session: LiveSession) -> bool:
        """Whether it is still there."""
        return session.id in self._sessions
