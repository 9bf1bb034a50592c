"""Who is logged in to this server: the list of each process, what ends sessions, and how the command line asks.

Each process keeps its own list in memory; whoever wants all asks all (net/intercom.py). So a login writes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass

from pillarbox.app.folder import DataFolder
from pillarbox.auth.app_password_uses import LastUses
from pillarbox.auth.credential_watch import CredentialWatch
from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.networks import NetworkInvalid, NetworkSet
from pillarbox.auth.sessions import LiveSession, LiveSessions
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.net.intercom import Answer, Intercom, Question, ask_all

ENDED_BY_HAND = "The operator ended this session"


@dataclass(frozen=True, slots=True)
class Which:
    """Which sessions are meant: those for which all holds that is given."""

    ids: tuple[str, ...] = ()
    login_name: str = ""
    network: str = ""
    """An address or a network, CIDR."""
    app_password: str = ""
    """Its name."""
    door: str = ""
    account: str = ""
    """Its id."""

    def fits(self, session: LiveSession) -> bool:
        """Raises NetworkInvalid."""
        return (
            (not self.ids or session.id in self.ids)
            and (not self.login_name or session.login_name == self.login_name)
            and (not self.app_password or session.app_password == self.app_password)
            and (not self.door or session.door == self.door)
            and (not self.account or session.account == self.account)
            and (not self.network or session.address in NetworkSet([self.network]))
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A session as it is told."""

    id: str
    worker: int
    """Process id."""
    door: str
    login: str
    address: str
    client: str
    mechanism: str
    app_password: str
    scope: str
    since_seconds: float
    mailbox: str


class SessionDesk:
    """Answers for this process."""

    def __init__(self, sessions: LiveSessions, watch: CredentialWatch, events: EventLog) -> None:
        self._sessions = sessions
        self._watch = watch
        self._events = events

    async def respond(self, question: Question) -> Answer:
        """`do` is list, end or look; anything else is answered with nothing."""
        try:
            which = _which(question)
            fitting = [session for session in self._sessions if which.fits(session)]
        except NetworkInvalid:
            return {}
        if question.get("do") == "list":
            return {"sessions": [asdict(_row(session)) for session in fitting]}
        if question.get("do") == "end":
            for session in fitting:
                self._events.info("session.ended", login=session.login_name, address=session.address, door=session.door)
                session.end(str(question.get("reason") or ENDED_BY_HAND))
            return {"ended": len(fitting)}
        if question.get("do") == "look":
            return {"ended": await self._watch.look()}
        return {}


@dataclass(frozen=True, slots=True)
class SessionKeeping:
    """Of one process."""

    sessions: LiveSessions
    uses: LastUses


async def keep_sessions(folder: DataFolder, clock: Clock, events: EventLog, stack: AsyncExitStack) -> SessionKeeping:
    """From now on, until the stack is closed. Raises DirectoryUnavailable."""
    aside = AccountDirectory.open(folder.accounts_path, clock)
    stack.callback(aside.close)
    uses = LastUses(aside, clock, events)
    stack.push_async_callback(uses.close)
    uses.start()
    sessions = LiveSessions(uses.client_named)
    watch = CredentialWatch(sessions, aside, clock, events)
    stack.push_async_callback(watch.close)
    watch.start()
    intercom = Intercom(folder.run_path, SessionDesk(sessions, watch, events).respond, events)
    stack.push_async_callback(intercom.close)
    await intercom.open()
    return SessionKeeping(sessions, uses)


# --- from outside the server ---------------------------------------------------------------------------


def list_sessions(folder: DataFolder, which: Which) -> tuple[Sequence[Row], int]:
    """All of a running server, the oldest first; and how many of its processes did not answer."""
    answers = ask_all(folder.run_path, {"do": "list", **asdict(which)})
    rows: list[Row] = []
    for answer in answers.said:
        found = answer.get("sessions")
        rows += [Row(**each) for each in found] if isinstance(found, list) else []
    return sorted(rows, key=lambda row: (row.since_seconds, row.id)), answers.silent


def end_sessions(folder: DataFolder, which: Which, reason: str = "") -> tuple[int, int]:
    """How many were ended; and how many processes did not answer."""
    answers = ask_all(folder.run_path, {"do": "end", "reason": reason, **asdict(which)})
    return _ended(answers.said), answers.silent


def end_what_is_taken_back(folder: DataFolder) -> int:
    """Let a running server look now which sessions may not stay. How many ended; those of a process that does not
    answer end within a second or so, as soon as it can."""
    return _ended(ask_all(folder.run_path, {"do": "look"}).said)


def _ended(said: Sequence[Answer]) -> int:
    return sum(ended for answer in said if isinstance(ended := answer.get("ended"), int))


def _which(question: Question) -> Which:
    ids = question.get("ids")
    texts = {
        name: str(question.get(name) or "") for name in ("login_name", "network", "app_password", "door", "account")
    }
    return Which(ids=tuple(map(str, ids)) if isinstance(ids, list) else (), **texts)


def _row(session: LiveSession) -> Row:
    return Row(
        session.id,
        os.getpid(),
        session.door,
        session.login_name,
        session.address,
        session.client,
        session.mechanism,
        session.app_password,
        session.scope,
        session.since_seconds,
        session.mailbox,
    )
