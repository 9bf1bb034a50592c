"""Tells of certificates that end soon: in the log, and once a day by a message to those who administer the server.

Must never: tell more often than once a day, whatever is restarted; keep the server from serving.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from pillarbox.auth.directory import AccountDirectory, DirectoryUnavailable
from pillarbox.clock import Clock
from pillarbox.delivery.trace import notice
from pillarbox.events import EventLog
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.errors import MailError
from pillarbox.mail.names import INBOX
from pillarbox.net.served import Held, ServedCertificates
from pillarbox.store.contract import NewMessage, Store

LOOK_SECONDS: Final = 3600.0
"""How often it is looked for, which is told once a day at most."""

_DAY_SECONDS: Final = timedelta(days=1).total_seconds()
_SUBJECT: Final = "A certificate of the mail server ends soon"
_TEXT: Final = """\
People's mail programs will refuse to connect when these certificates of the mail server {server} have ended:

{rows}

Renew them. New files in the place of the old ones are served at once, without a restart. `pillarbox doctor` looks at
all certificates, and says what to do. You are told once a day.
"""


class ExpiryWatch:
    """Looks at what is served; one process of a server does that."""

    def __init__(
        self,
        served: ServedCertificates,
        warn_days_left: int,
        path: Path,
        store: Store,
        directory: AccountDirectory,
        server_name: str,
        clock: Clock,
        events: EventLog,
    ) -> None:
        """`path` is a file of its own, where it is remembered what was told when."""
        self._served = served
        self._warn_days_left = warn_days_left
        self._path = path
        self._store = store
        self._directory = directory
        self._server_name = server_name
        self._clock = clock
        self._events = events

    async def watch(self) -> None:
        """Look, now and then, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Tell of every certificate that ends soon and was not told of within a day."""
        now = self._clock.now_seconds()
        due = [held for held in self._served.held() if held.days_left(now) < self._warn_days_left]
        told = {key: seconds for key, seconds in self._read().items() if 0 <= now - seconds < _DAY_SECONDS}
        news = [held for held in due if _key(held) not in told]
        if not news:
            return
        await self._mail(news, now)
        for held in news:
            self._events.warning(
                "certificate.expiring",
                path=str(held.files.certificate_path),
                names=" ".join(held.names),
                days_left=held.days_left(now),
                ends=held.leaf.ends.isoformat(timespec="seconds"),
            )
        self._write(told | {_key(held): now for held in news})

    async def _mail(self, news: Sequence[Held], now_seconds: float) -> None:
        rows = "\n".join(_row(held, now_seconds) for held in news)
        date = InternalDate(int(now_seconds), self._clock.zone_minutes())
        try:
            administrators = [one for one in self._directory.accounts() if one.admin and not one.disabled]
        except DirectoryUnavailable as error:
            self._events.warning("certificate.no_notice", error=str(error))
            return
        for one in administrators:
            text = _TEXT.format(server=self._server_name, rows=rows)
            content = notice(self._server_name, one.login_name, _SUBJECT, text, date)
            try:
                account = await self._store.open(one.id)
                try:
                    inbox = await account.find(INBOX)
                    await account.append(inbox.id, [NewMessage(content, date)])
                finally:
                    await account.close()
            except MailError as error:
                self._events.warning("certificate.no_notice", account=one.id, error=str(error))

    def _read(self) -> dict[str, float]:
        """What was told when. A file that can't be read is none: telling twice does less harm than not at all."""
        try:
            found = json.loads(self._path.read_text())
            return {str(key): float(seconds) for key, seconds in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _write(self, told: dict[str, float]) -> None:
        fresh = self._path.with_suffix(".new")
        try:
            with contextlib.suppress(FileNotFoundError):
                fresh.unlink()
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(told, file)
            fresh.replace(self._path)
        except OSError as error:
            self._events.warning("certificate.not_remembered", path=str(self._path), error=str(error.strerror))


def _key(held: Held) -> str:
    return held.leaf.fingerprint


def _row(held: Held, now_seconds: float) -> str:
    days, ends = held.days_left(now_seconds), f"{held.leaf.ends:%Y-%m-%d %H:%M} UTC"
    when = f"ends in {days} day{'' if days == 1 else 's'}, on {ends}" if days >= 0 else f"ended on {ends}"
    return f"    {', '.join(held.names) or 'no names'}\n        {when}\n        {held.files.certificate_path}\n"
