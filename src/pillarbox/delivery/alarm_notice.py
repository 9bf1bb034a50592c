"""Tells the owner of an account of a strange login, or of one with the wrong kind of password, by a message in INBOX.

Must never: say more than the owner may know: it is about that account alone.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

from pillarbox.auth.alarms import Alarm, AlarmKind
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
{quarantine}"""

_QUARANTINE: Final = """
Until whoever runs this server confirms that it was you (pillarbox alarms confirm), mail programs in that network, and
wherever you never used your mail before, can read it and change nothing. Elsewhere nothing has changed.
"""

_SECOND_FACTOR_TEXT: Final = """\
A mail program, or somebody, used the password of your account:

    when     {when} UTC
    from     {address}
    program  {client}

It was the right one, and nobody got in with it: multi-factor is on, so mail programs log in with an app password.

If it was your mail program: make an app password for it, and enter that in place of the account password. Whoever runs
this server can make one for you: pillarbox app-password add

If it was not: somebody knows your password. Change it now, or ask whoever runs this server to do so.

You are told once a day.
"""


class InboxNotices:
    """Messages to owners of accounts."""

    def __init__(
        self,
        store: Store,
        server_name: str,
        clock: Clock,
        events: EventLog,
        quarantined: Collection[AlarmKind] = (),
    ) -> None:
        """`quarantined` alarms hold logins to looking until they are confirmed."""
        self._store = store
        self._server_name = server_name
        self._clock = clock
        self._events = events
        self._quarantined = quarantined

    async def tell(self, alarm: Alarm) -> None:
        """Put a notice into the INBOX of the account that the alarm is about; no other alarm is told.

        What can't be stored is logged."""
        if not alarm.account:
            return
        date = InternalDate(int(self._clock.now_seconds()), self._clock.zone_minutes())
        when = datetime.fromtimestamp(alarm.seconds, UTC).strftime("%Y-%m-%d %H:%M")
        template, subject = _TEXT, "A strange login to your mail"
        if alarm.kind is AlarmKind.ACCOUNT_PASSWORD:
            template, subject = _SECOND_FACTOR_TEXT, "Your account password was used, and refused"
        text = template.format(
            why=alarm.why,
            when=when,
            address=alarm.address,
            client=alarm.client or "not named",
            quarantine=_QUARANTINE if alarm.kind in self._quarantined else "",
        )
        content = notice(self._server_name, alarm.name, subject, text, date)
        try:
            account = await self._store.open(AccountId(alarm.account))
            try:
                inbox = await account.find(INBOX)
                await account.append(inbox.id, [NewMessage(content, date)])
            finally:
                await account.close()
        except MailError as error:
            self._events.warning("alarm.no_notice", account=alarm.account, error=str(error))
