"""Carries out what a filter decided for one message and one account.

Order: what is kept is stored first, then the rest is sent. So a temporary failure of the store leaves nothing sent
twice, and what could not be sent can still be kept.

Must never: end well with the message nowhere, unless the filter discarded it.
"""

from __future__ import annotations

from typing import Final

from pillarbox.delivery.arrival import Arrival, ArrivedMessage
from pillarbox.delivery.filter import Action, Decision, Envelope, FileInto, Keep, Notice, Redirect, Reject, Reply
from pillarbox.delivery.headers import fields
from pillarbox.delivery.outbox import NotSent, Outbox
from pillarbox.delivery.outcome import DELIVERED, Fate, Outcome
from pillarbox.delivery.trace import notice
from pillarbox.events import EventLog
from pillarbox.mail.errors import LimitReached, MailboxExists, MailboxMissing, MailError, NameInvalid
from pillarbox.mail.names import INBOX, canonical_name
from pillarbox.store.contract import AccountId, AccountStore, Mailbox, NewMessage, Origin

_NOT_SENT: Final = """\
A filter of yours wanted a message to be sent on, but this server could not hand it over.

The message was kept. Whoever runs this server finds the reason in its log; if the same happens to other messages,
they are kept too, and you are not told each time.
"""


class Filing:
    """Of one message into one account."""

    def __init__(
        self,
        account: AccountStore,
        arrival: Arrival,
        envelope: Envelope,
        message: ArrivedMessage,
        outbox: Outbox,
        told: set[AccountId],
        events: EventLog,
    ) -> None:
        """`told` holds the accounts whose owners know already that sending does not work."""
        self._account = account
        self._arrival = arrival
        self._envelope = envelope
        self._message = message
        self._outbox = outbox
        self._told = told
        self._events = events
        self._flags: dict[str, frozenset[str]] = {}
        """What is stored already, by mailbox."""
        self._is_sent = False
        """It went on to somebody."""

    async def carry_out(self, decision: Decision) -> Outcome:
        """Do it all. Raises MailError when the message could not be kept."""
        rejection = next((action for action in decision.actions if isinstance(action, Reject)), None)
        if rejection is None:
            for place in decision.actions:
                if isinstance(place, Keep | FileInto):
                    await self._store(place)
            for action in decision.actions:
                if isinstance(action, Redirect):
                    await self._redirect(action)
        for action in decision.actions:
            await self._tell(action)
        return DELIVERED if rejection is None else Outcome(Fate.REJECTED, rejection.text)

    # --- keeping ----------------------------------------------------------------------------------

    async def _store(self, place: Keep | FileInto) -> None:
        """Put it there; into INBOX when that is not possible. A mailbox gets it once, whoever asks twice."""
        mailbox = await (self._usual() if isinstance(place, Keep) else self._chosen(place))
        if mailbox.name in self._flags:
            return
        try:
            await self._append(mailbox, place)
        except MailboxMissing:
            mailbox = await self._account.find(INBOX)
            if mailbox.name not in self._flags:
                await self._append(mailbox, place)
        except MailError as error:
            if not self._flags:
                raise
            # It is kept once: to say that it failed would bring it here again.
            self._events.warning("delivery.copy_failed", account=self._envelope.login_name, error=str(error))
            return
        self._flags[mailbox.name] = place.flags

    async def _append(self, mailbox: Mailbox, place: Keep | FileInto) -> None:
        content, own = self._message.content, None
        if place.raw_header is not None:
            content = own = self._arrival.stage_with(self._message, place.raw_header)
        try:
            try:
                await self._account.append(
                    mailbox.id, [NewMessage(content, self._arrival.date, place.flags, Origin.DELIVERED)]
                )
            except (LimitReached, NameInvalid):
                system = frozenset(flag for flag in place.flags if flag.startswith("\\"))
                if system == place.flags:
                    raise
                await self._account.append(
                    mailbox.id, [NewMessage(content, self._arrival.date, system, Origin.DELIVERED)]
                )
        finally:
            if own is not None and not isinstance(own, bytes):
                own.discard()

    async def _usual(self) -> Mailbox:
        """Where mail goes without a filter: the folder of plus-addressing when there is one, else INBOX."""
        if self._envelope.detail:
            wanted = canonical_name(self._envelope.detail)
            mailboxes = await self._account.mailboxes()
            for same in (
                lambda mailbox: mailbox.name == wanted,
                lambda mailbox: mailbox.name.lower() == wanted.lower(),
            ):
                if found := next(filter(same, mailboxes), None):
                    return found
        return await self._account.find(INBOX)

    async def _chosen(self, place: FileInto) -> Mailbox:
        if place.special_use:
            for mailbox in await self._account.mailboxes():
                if place.special_use.lower() in {use.lower() for use in mailbox.special_use}:
                    return mailbox
        try:
            return await self._account.find(place.mailbox)
        except MailboxMissing:
            if not place.create:
                return await self._account.find(INBOX)
        try:
            made = await self._account.create(
                place.mailbox, frozenset({place.special_use}) if place.special_use else frozenset()
            )
            await self._account.subscribe(place.mailbox)
        except MailboxExists:
            return await self._account.find(place.mailbox)
        except MailError:
            return await self._account.find(INBOX)
        return made

    # --- sending ----------------------------------------------------------------------------------

    async def _redirect(self, action: Redirect) -> None:
        try:
            if self._came_back():
                raise NotSent("the message has been here before")
            await self._outbox.submit(self._envelope.sender, [action.address], self._outgoing(action.raw_header))
            self._is_sent = True
        except NotSent as error:
            self._events.warning("delivery.not_sent", account=self._envelope.login_name, reason=str(error))
            await self._store_unless_kept()
            if self._account.account not in self._told:
                self._told.add(self._account.account)
                await self._tell(Notice("A message was not sent on", _NOT_SENT))

    async def _tell(self, action: Action) -> None:
        """Reply or notify. The message is delivered: an error here, whichever, must not bring it once more."""
        try:
            if isinstance(action, Reply):
                await self._reply(action)
            elif isinstance(action, Notice):
                await self._notify(action.subject, action.text)
        except Exception as error:
            self._events.bug("delivery.not_told", error, account=self._envelope.login_name)

    async def _store_unless_kept(self) -> None:
        if self._flags:
            return
        try:
            inbox = await self._account.find(INBOX)
            await self._append(inbox, Keep())
        except MailError as error:
            if not self._is_sent:
                raise
            # Somebody has it: to say that it failed would send it to them with every retry.
            self._events.warning("delivery.copy_failed", account=self._envelope.login_name, error=str(error))
        else:
            self._flags[inbox.name] = frozenset()

    async def _reply(self, action: Reply) -> None:
        try:
            if self._came_back():
                raise NotSent("the message has been here before")
            await self._outbox.submit(action.sender, [action.recipient], action.content)
        except NotSent as error:
            self._events.warning("delivery.no_reply", account=self._envelope.login_name, reason=str(error))

    async def _notify(self, subject: str, text: str) -> None:
        content = notice(self._arrival.via.server_name, self._envelope.recipient, subject, text, self._arrival.date)
        try:
            inbox = await self._account.find(INBOX)
            await self._account.append(inbox.id, [NewMessage(content, self._arrival.date)])
        except MailError as error:
            self._events.warning("delivery.no_notice", account=self._envelope.login_name, error=str(error))

    def _outgoing(self, raw_header: bytes | None) -> bytes:
        """The message without our Return-Path, which only a delivered message has."""
        header = self._message.header if raw_header is None else raw_header
        if header[:12].lower() == b"return-path:":
            header = header[header.index(b"\r\n") + 2 :]
        return header + self._message.read(len(self._message.header), self._message.size_bytes)

    def _came_back(self) -> bool:
        """It was delivered to this address before: a loop between servers."""
        mine = self._envelope.recipient.lower()
        return any(value.lower() == mine for _, value in fields(self._arrival.raw_head, frozenset({b"delivered-to"})))
