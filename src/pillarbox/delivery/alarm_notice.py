"""Tells the owner of an account of a strange login, by a message in INBOX.

Must never: say more than the owner may know: it is about that account alone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from pillarbox.auth.alarms import Alarm
from pillarbox.clock import Clock
from pillarbox.delivery.trace import notice
from pillarbox.events import EventLog
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.errors import MailError
from pillarbox.mail.names import INBOX
from pillarbox.store.contract import AccountId, NewMessage, Store

_TEXT: Final = """\
Somebody logged in to your mail, and it looked unlike you:

    {why}

    when     {when} UTC
    from     {address}
    program  {client}

If it was you, nothing needs to be done.

If it was not: change your password now, or ask whoever runs this server to do so. The old one is out at once.
"""


class InboxNotices:
    """Messages to owners of accounts."""

    def __init__(self, store: Store, server_name: str, clock: Clock, events: EventLog) -> None:
        self._store = store
        self._server_name = server_name
        self._clock = clock
        self._events = events

    async def tell(self, alarm: Alarm) -> None:
        """Put a notice into the INBOX of the account that the alarm is about; no other alarm is told.

        What can't be stored is logged."""
        if not alarm.account:
            return
        date = InternalDate(int(self._clock.now_seconds()), self._clock.zone_minutes())
        when = datetime.fromtimestamp(alarm.seconds, UTC).strftime("%Y-%m-%d %H:%M")
        text = _TEXT.format(why=alarm.why, when=when, address=alarm.address, client=alarm.client or "not named")
        content = notice(self._server_name, alarm.name, "A strange login to your mail", text, date)
        try:
            account = await self._store.open(AccountId(alarm.account))
            try:
                inbox = await account.find(INBOX)
                await account.append(inbox.id, [NewMessage(content, date)])
            finally:
                await account.close()
        except MailError as error:
            self._events.warning("alarm.no_notice", account=alarm.account, error=str(error))
