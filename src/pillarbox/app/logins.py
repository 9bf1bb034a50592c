"""The guard of one process's logins, with all that belongs to it: throttle, history, monitor, and who hears of alarms.

Must never: let a login wait for an alarm to be told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, Protocol

from pillarbox.app.delivery import server_name
from pillarbox.app.folder import DataFolder
from pillarbox.app.sessions import Which, end_sessions, list_sessions
from pillarbox.app.settings import ServerSettings
from pillarbox.auth.alarms import Alarm
from pillarbox.auth.bans import Bans
from pillarbox.auth.contract import Authenticator
from pillarbox.auth.guard import GuardedAuthenticator
from pillarbox.auth.history import Recorder
from pillarbox.auth.ledger import Ledger
from pillarbox.auth.monitor import Monitor
from pillarbox.auth.networks import NetworkSet
from pillarbox.auth.places import MaxMindPlaces, NoPlaces, Places
from pillarbox.auth.quarantine import Quarantine
from pillarbox.auth.scope import Access
from pillarbox.auth.settings import NoticeWay
from pillarbox.auth.throttle import Throttle
from pillarbox.clock import Clock
from pillarbox.delivery.alarm_notice import InboxNotices
from pillarbox.events import EventLog
from pillarbox.store.contract import AccountId, Store

_STRANGE: Final = "This login looked strange; log in again"


class AlarmListener(Protocol):
    """Hears of every alarm, such as a web hook."""

    async def tell(self, alarm: Alarm) -> None:
        """Raises nothing."""
        ...


class QuarantineBegins:
    """Ends the sessions that an alarm is about, in all workers, and those from wherever else the account was not used
    before it: they come back as the quarantine lets them."""

    def __init__(self, folder: DataFolder, quarantine: Quarantine) -> None:
        self._folder = folder
        self._quarantine = quarantine

    async def tell(self, alarm: Alarm) -> None:
        """AlarmListener.tell"""
        if alarm.account and alarm.kind in self._quarantine.kinds:
            await asyncio.to_thread(self._end, alarm)

    def _end(self, alarm: Alarm) -> None:
        account = AccountId(alarm.account)
        sessions, _ = list_sessions(self._folder, Which(account=account))
        held = tuple(
            each.id
            for each in sessions
            if (not each.scope or each.scope.startswith(Access.FULL.value))  # others are back already, or were never in
            and self._quarantine.holds(account, each.address)
        )
        if held:  # no ids would be everybody
            end_sessions(self._folder, Which(ids=held), _STRANGE)


class AlarmBell:
    """Takes alarms from the monitor's thread and tells them on the loop."""

    def __init__(self, listeners: Sequence[AlarmListener], events: EventLog) -> None:
        """Call on the loop's thread."""
        self._loop = asyncio.get_running_loop()
        self._listeners = listeners
        self._events = events
        self._telling: set[asyncio.Task[None]] = set()

    def ring(self, alarms: Sequence[Alarm]) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._ring, alarms)

    async def quiet(self) -> None:
        """Return when all are told."""
        await asyncio.sleep(0)  # what a thread handed over just now
        while self._telling:
            await asyncio.wait(self._telling)

    def _ring(self, alarms: Sequence[Alarm]) -> None:
        for alarm in alarms:
            self._events.warning(
                "login.alarm", kind=alarm.kind.value, login=alarm.name, address=alarm.address, why=alarm.why
            )
            task = self._loop.create_task(self._tell(alarm))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _tell(self, alarm: Alarm) -> None:
        for listener in self._listeners:
            try:
                await listener.tell(alarm)
            except Exception as error:
                self._events.bug("login.alarm_not_told", error, kind=alarm.kind.value)


def open_places(settings: ServerSettings) -> Places:
    """The databases of places that the operator named. Raises PlacesUnusable."""
    monitor = settings.auth.monitor
    if monitor.city_file is None and monitor.asn_file is None:
        return NoPlaces()
    return MaxMindPlaces(monitor.city_file, monitor.asn_file)


def open_guard(
    settings: ServerSettings,
    path: Path,
    inner: Authenticator,
    store: Store,
    clock: Clock,
    events: EventLog,
    stack: AsyncExitStack,
) -> GuardedAuthenticator:
    """The guard in front of `inner`; closed with the stack. `path` is that of logins.db.

    Call on the loop's thread. Raises LedgerUnavailable, NetworkInvalid, PlacesUnusable.
    """
    auth = settings.auth
    ledger = Ledger.open(path)
    stack.callback(ledger.close)
    throttle = Throttle(ledger, Bans(ledger, clock), clock, auth.throttle)
    listeners: list[AlarmListener] = []
    quarantine = Quarantine(ledger, auth.monitor.quarantine)
    if quarantine.is_on:
        listeners.append(QuarantineBegins(DataFolder(settings.data_folder), quarantine))
    if auth.monitor.notices is NoticeWay.INBOX:
        listeners.append(InboxNotices(store, server_name(settings), clock, events, quarantine.kinds))
    bell = AlarmBell(listeners, events)
    monitor = Monitor(ledger, clock, auth, open_places(settings), bell.ring)

    def prune() -> None:
        throttle.prune()
        monitor.prune()

    recorder = Recorder(monitor.write, prune, clock, events)
    stack.push_async_callback(bell.quiet)
    stack.push_async_callback(recorder.close)
    recorder.start()
    guard = GuardedAuthenticator(inner, throttle, recorder, clock, events, quarantine)
    stack.callback(guard.close)
    return guard


def check_logins(settings: ServerSettings, path: Path) -> None:
    """Find out before serving whether the settings can be used.

    Raises LedgerUnavailable, NetworkInvalid, PlacesUnusable.
    """
    NetworkSet(settings.auth.throttle.exempt_networks)
    open_places(settings)
    Ledger.open(path).close()
