"""Tells webhooks what happens, from one worker of all: whichever holds the lock.

Each webhook and account has a task of its own: events of an account go out in order, one after the other, and a
receiver that hangs holds up nothing but its own. Blocking for a SQLite commit of some milliseconds is all that this
does to the worker's loop.

Must never: raise into the server, or log a secret or a body.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from pillarbox.auth.alarms import Alarm
from pillarbox.auth.ledger import LedgerUnavailable
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.mail.errors import MailError
from pillarbox.push.alarm_news import alarm_letters
from pillarbox.push.feed import AccountFeed
from pillarbox.push.happening import Kind
from pillarbox.push.journal import ALARMS, Journal, Letter
from pillarbox.push.position import Position
from pillarbox.push.post import PostFailed, Target, TargetInvalid, post
from pillarbox.push.settings import EventsSettings, WebhookSettings
from pillarbox.push.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountId, Store

_LOOK_SECONDS: Final = 2.0
"""How often to look for the lock, and for accounts that are new."""
_AGAIN_SECONDS: Final = 30.0
"""After the store or the journal failed."""


class EventsInvalid(Exception):
    """A setting that can't be used; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One that was checked."""

    settings: WebhookSettings
    target: Target
    secret: Secret[bytes]
    kinds: frozenset[str]

    @property
    def name(self) -> str:
        return self.settings.url


def read_webhooks(settings: EventsSettings) -> list[Webhook]:
    """Check addresses, secrets and kinds. Raises EventsInvalid."""
    found = []
    known = {kind.value for kind in Kind}
    for each in settings.webhooks:
        try:
            target = Target.read(each.url, each.ca_path)
            secret = each.secret_path.read_bytes().split(b"\n")[0].strip()
        except TargetInvalid as error:
            raise EventsInvalid(f"events.webhooks: {error}") from error
        except OSError as error:
            raise EventsInvalid(
                f"events.webhooks: can't use {error.filename or each.ca_path}: {error.strerror}"
            ) from error
        if len(secret) < 16:
            raise EventsInvalid(f"events.webhooks: the secret in {each.secret_path} is shorter than 16 characters")
        if unknown := sorted(set(each.kinds) - known):
            raise EventsInvalid(
                f"events.webhooks: there is no event {unknown[0]}; here are: {', '.join(sorted(known))}"
            )
        found.append(Webhook(each, target, Secret(secret), frozenset(each.kinds) or frozenset(known)))
    if len({each.name for each in found}) < len(found):
        raise EventsInvalid("events.webhooks: two have the same url")
    return found


class EventPush:
    """A worker's part of it."""

    def __init__(
        self,
        webhooks: Sequence[Webhook],
        settings: EventsSettings,
        store: Store,
        accounts: Callable[[], Sequence[tuple[str, AccountId]]],
        alarms: Callable[[int], Sequence[Alarm]],
        journal_path: Path,
        clock: Clock,
        events: EventLog,
    ) -> None:
        """`accounts` gives login names and accounts as they are now, `alarms` those above a number, oldest first.

        Both run in a thread.
        """
        self._webhooks = webhooks
        self._settings = settings
        self._store = store
        self._accounts = accounts
        self._alarms = alarms
        self._path = journal_path
        self._clock = clock
        self._events = events
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """What is on its way is told again after the next start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _locked(lock):  # noqa: ASYNC110 - another process holds it and can't set an event here
                await asyncio.sleep(_LOOK_SECONDS)
            journal = Journal(self._path)
            try:
                await self._lead(journal)
            finally:
                journal.close()
        except (OSError, apsw.Error) as error:
            self._events.error("events.unavailable", error=str(error))
        except Exception as error:
            self._events.bug("events.failed", error)
        finally:
            os.close(lock)

    async def _lead(self, journal: Journal) -> None:
        """A task for each webhook and account, as long as the account is there."""
        self._events.info("events.leading", webhooks=len(self._webhooks))
        tasks: dict[tuple[str, AccountId], asyncio.Task[None]] = {}
        watching = [
            asyncio.create_task(self._serve_alarms(journal, webhook))
            for webhook in self._webhooks
            if Kind.LOGIN_ALARM.value in webhook.kinds
        ]
        beginning: Position | None = None
        """Where a webhook begins that was told nothing yet: from now on, but with all of an account made since then."""
        try:
            while True:
                wanted = {
                    (webhook.name, account): (webhook, login_name)
                    for login_name, account in await asyncio.to_thread(self._accounts)
                    for webhook in self._webhooks
                    if not webhook.settings.accounts or login_name in webhook.settings.accounts
                }
                for key in tasks.keys() - wanted.keys():
                    tasks.pop(key).cancel()
                for key in wanted.keys() - tasks.keys():
                    webhook, login_name = wanted[key]
                    tasks[key] = asyncio.create_task(self._serve(journal, webhook, login_name, key[1], beginning))
                beginning = {}
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            ending = [*watching, *tasks.values()]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    async def _serve(
        self, journal: Journal, webhook: Webhook, login_name: str, account: AccountId, beginning: Position | None
    ) -> None:
        """One webhook and one account, through every trouble."""
        while True:
            try:
                mail = await self._store.open(account)
                try:
                    position = journal.position(webhook.name, account)
                    feed = AccountFeed(mail, beginning if position is None else position)
                    try:
                        await self._follow(journal, webhook, login_name, account, feed)
                    finally:
                        feed.close()
                finally:
                    await mail.close()
            except (MailError, apsw.Error) as error:
                self._events.error("events.interrupted", account=account, error=type(error).__name__)
            except Exception as error:
                self._events.bug("events.failed", error, account=account)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _follow(
        self, journal: Journal, webhook: Webhook, login_name: str, account: AccountId, feed: AccountFeed
    ) -> None:
        if journal.position(webhook.name, account) is None:
            await feed.begin()
            journal.add(webhook.name, account, (), feed.position)
        while True:
            while (letter := journal.first(webhook.name, account)) is not None:
                await self._tell(journal, webhook, letter)
            await feed.wait()
            before = dict(feed.position)
            letters = [
                Letter(each.kind.value, each.key, json.dumps(each.document(login_name)).encode())
                for each in await feed.look(self._settings.max_waiting)
                if each.kind.value in webhook.kinds
            ]
            if letters or feed.position != before:
                journal.add(webhook.name, account, letters, feed.position)

    async def _serve_alarms(self, journal: Journal, webhook: Webhook) -> None:
        """One webhook and the alarms about logins, through every trouble."""
        while True:
            try:
                await self._follow_alarms(journal, webhook)
            except (LedgerUnavailable, apsw.Error) as error:
                self._events.error("events.interrupted", account=ALARMS, error=type(error).__name__)
            except Exception as error:
                self._events.bug("events.failed", error, account=ALARMS)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _follow_alarms(self, journal: Journal, webhook: Webhook) -> None:
        last = journal.last_alarm(webhook.name)
        if last is None:  # from now on
            last = max((alarm.number for alarm in await asyncio.to_thread(self._alarms, 0)), default=0)
            journal.add_alarms(webhook.name, (), last)
        while True:
            while (letter := journal.first(webhook.name, ALARMS)) is not None:
                await self._tell(journal, webhook, letter)
            alarms = await asyncio.to_thread(self._alarms, last)
            if alarms:
                last = alarms[-1].number
                journal.add_alarms(webhook.name, alarm_letters(alarms, webhook.settings.accounts), last)
            else:
                await asyncio.sleep(_LOOK_SECONDS)

    async def _tell(self, journal: Journal, webhook: Webhook, letter: Letter) -> None:
        """One attempt with one event, and the pause after one that failed."""
        timestamp = int(self._clock.now_seconds())
        headers = (
            ("Pillarbox-Event", letter.kind),
            ("Pillarbox-Delivery", letter.key),
            (TIMESTAMP_HEADER, str(timestamp)),
            (SIGNATURE_HEADER, sign(webhook.secret.reveal(), timestamp, letter.body)),
        )
        settings = self._settings
        try:
            await post(webhook.target, headers, letter.body, settings.timeout_seconds)
        except PostFailed as failure:
            attempts = letter.attempts + 1
            journal.failed(letter)
            self._events.warning("webhook.failed", url=webhook.name, attempt=attempts, reason=str(failure))
            if attempts >= settings.attempts:
                journal.put_aside(letter)
                self._events.error("webhook.given_up", url=webhook.name, key=letter.key, attempts=attempts)
                return
            pause = settings.pause_seconds * 2.0 ** min(attempts - 1, 30)
            await asyncio.sleep(min(pause, settings.most_pause_seconds))
        else:
            journal.told(letter)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
