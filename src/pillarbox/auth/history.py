"""Every decision about a login, kept in `logins.db` for `history_days`.

A login only leaves a note; a thread writes the notes down about once a second, many in one transaction, and then shows
them to the monitor. A client that says its name right after the login is still in time for that.

Must never: hold up a login; keep a password.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import apsw

from pillarbox.auth.ledger import Ledger, LedgerUnavailable, number
from pillarbox.auth.networks import neighbourhood_of, network_of
from pillarbox.auth.settings import MonitorSettings
from pillarbox.clock import Clock
from pillarbox.events import EventLog

GRANTED: Final = "granted"
DENIED: Final = "denied"
WRITE_SECONDS: Final = 1.0
MAX_NOTES: Final = 20_000
"""Notes in memory at once; a flood beyond that within a second is counted in the log, not kept one by one."""
_PIECE: Final = 5_000
_PRUNE_SECONDS: Final = 600.0
_DAY_SECONDS: Final = 86_400.0
_COLUMNS: Final = (
    "id, seconds, name, account, address, network, neighbourhood, client, mechanism, result, reason, standing,"
    " app_password"
)


@dataclass(frozen=True, slots=True)
class LoginRecord:
    """One decision."""

    decision: int
    seconds: float
    name: str
    """The login name, prepared; what the client typed when that can't be one."""
    account: str
    """Id of the account; empty when the password was not right."""
    address: str
    client: str
    mechanism: str
    result: str
    """GRANTED or DENIED."""
    reason: str
    """Why not."""
    standing: str
    """`known` or `stranger`; empty when the throttle could not say."""
    app_password: str = ""
    """The name of the app password that let in."""

    @property
    def network(self) -> str:
        return network_of(self.address)

    @property
    def neighbourhood(self) -> str:
        return neighbourhood_of(self.address)


class LoginHistory:
    """What is kept. Blocking. All raise LedgerUnavailable."""

    def __init__(self, ledger: Ledger, clock: Clock, settings: MonitorSettings) -> None:
        self._ledger = ledger
        self._clock = clock
        self._settings = settings

    def add(self, connection: apsw.Connection, records: Sequence[LoginRecord]) -> None:
        """Write decisions down, as part of a transaction of the ledger."""
        connection.executemany(
            f"INSERT OR IGNORE INTO decision ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            [
                (
                    each.decision,
                    each.seconds,
                    each.name,
                    each.account,
                    each.address,
                    each.network,
                    each.neighbourhood,
                    each.client,
                    each.mechanism,
                    each.result,
                    each.reason,
                    each.standing,
                    each.app_password,
                )
                for each in records
            ],
        )

    def list(self, name: str | None, most: int) -> Sequence[LoginRecord]:
        """The latest decisions, newest first; None: of everybody."""
        where, values = ("", ()) if name is None else (" WHERE name = ?", (name,))
        found = self._ledger.rows(
            f"SELECT {_COLUMNS} FROM decision{where} ORDER BY seconds DESC, id LIMIT ?",  # noqa: S608 - constants
            (*values, most),
        )
        return [LoginRecord(int(number(row[0])), number(row[1]), *map(str, (*row[2:5], *row[7:13]))) for row in found]

    def prune(self) -> None:
        """Forget what is older than is to be kept, and the oldest refusals when there is more than is to be kept."""
        oldest = self._clock.now_seconds() - self._settings.history_days * _DAY_SECONDS
        with self._ledger.change() as connection:
            connection.execute("DELETE FROM seen WHERE last_seconds < ?", (oldest,))
            connection.execute("DELETE FROM alarm WHERE confirmed_seconds IS NOT NULL AND seconds < ?", (oldest,))
        self._delete("seconds < ?", (oldest,), None)
        surplus = int(number(self._ledger.rows("SELECT count(*) FROM decision")[0][0])) - self._settings.max_decisions
        self._delete("result = ?", (DENIED,), max(surplus, 0))

    def _delete(self, where: str, values: tuple[str | float, ...], most: int | None) -> None:
        """The oldest decisions of a kind; some at a time, so that logins wait for none of it."""
        while most is None or most > 0:
            piece = _PIECE if most is None else min(_PIECE, most)
            with self._ledger.change() as connection:
                connection.execute(
                    f"DELETE FROM decision WHERE id IN (SELECT id FROM decision WHERE {where}"  # noqa: S608 - constants
                    " ORDER BY seconds LIMIT ?)",
                    (*values, piece),
                )
                deleted = connection.changes()
            if deleted < piece:
                return
            most = None if most is None else most - deleted


class Recorder:
    """Takes notes on the loop's thread and has them written by another."""

    def __init__(
        self,
        write: Callable[[Sequence[LoginRecord], Sequence[tuple[int, str]]], None],
        prune: Callable[[], None],
        clock: Clock,
        events: EventLog,
    ) -> None:
        """`write` takes decisions, and clients' names by decision; it and `prune` run in a thread."""
        self._write = write
        self._prune = prune
        self._clock = clock
        self._events = events
        self._notes: dict[int, LoginRecord] = {}
        self._names: list[tuple[int, str]] = []
        self._dropped = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="logins")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write. Without it notes are written at close() only."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def note(self, record: LoginRecord) -> None:
        """Keep a decision."""
        if len(self._notes) >= MAX_NOTES:
            self._dropped += 1
            return
        self._notes[record.decision] = record

    def name_client(self, decision: int, client: str) -> None:
        """The client of that decision has this name."""
        noted = self._notes.get(decision)
        if noted is not None:
            self._notes[decision] = replace(noted, client=client)
        elif len(self._names) < MAX_NOTES:
            self._names.append((decision, client))

    async def close(self) -> None:
        """Write what is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self.flush()
        self._thread.shutdown(wait=True)

    async def flush(self) -> None:
        """Write now."""
        notes, self._notes = list(self._notes.values()), {}
        names, self._names = self._names, []
        dropped, self._dropped = self._dropped, 0
        if dropped:
            self._events.warning("logins.not_recorded", count=dropped, reason="too many at once")
        if notes or names:
            await self._in_thread(lambda: self._write(notes, names))

    async def _run(self) -> None:
        prune_at = 0.0
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self.flush()
            if self._clock.monotonic_seconds() >= prune_at:
                prune_at = self._clock.monotonic_seconds() + _PRUNE_SECONDS
                await self._in_thread(self._prune)

    async def _in_thread(self, work: Callable[[], None]) -> None:
        """What can't be written is lost and logged: a full disk keeps nobody out."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except LedgerUnavailable as error:
            self._events.error("logins.not_recorded", error=str(error))


def new_decision() -> int:
    """A number that no other decision has."""
    return secrets.randbits(62) + 1
