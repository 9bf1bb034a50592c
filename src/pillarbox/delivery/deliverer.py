"""Final delivery: from a recipient's address to messages on disk in somebody's mailboxes.

Knows no protocol: LMTP and `pillarbox deliver` both come through here. When `deliver` says DELIVERED, the message is
synced to disk (or the owner's filter sent it on or discarded it).

Must never: lose a message because a filter, an outbox or a mailbox failed: then it is in INBOX.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pillarbox.clock import Clock
from pillarbox.delivery.addresses import AddressBook, Addressee, Recipient
from pillarbox.delivery.arrival import Arrival, ArrivedMessage
from pillarbox.delivery.doubt import is_there
from pillarbox.delivery.filing import Filing
from pillarbox.delivery.filter import KEEP, Decision, Envelope, Filter
from pillarbox.delivery.outbox import Outbox
from pillarbox.delivery.outcome import DELIVERED, TROUBLE, Outcome, outcome_of
from pillarbox.delivery.retries import Earlier, Retries
from pillarbox.delivery.settings import DeliverySettings
from pillarbox.delivery.trace import TRACE_BYTES, Via
from pillarbox.events import EventLog
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.errors import MailError
from pillarbox.store.contract import AccountId, AccountStore, Store


class Deliverer:
    """One for a process."""

    def __init__(
        self,
        store: Store,
        addresses: AddressBook,
        sieve: Filter,
        outbox: Outbox,
        retries: Retries,
        settings: DeliverySettings,
        clock: Clock,
        events: EventLog,
    ) -> None:
        self._store = store
        self._addresses = addresses
        self._filter = sieve
        self._outbox = outbox
        self._retries = retries
        self._settings = settings
        self._clock = clock
        self._events = events
        self._told: set[AccountId] = set()

    @property
    def max_message_bytes(self) -> int:
        """The largest message that is taken."""
        return self._store.limits.max_message_bytes - TRACE_BYTES

    def find(self, address: str) -> Recipient | None:
        """Who gets mail for an address; None: nobody. Raises DirectoryUnavailable."""
        return self._addresses.find(address)

    def begin(self, sender: str, recipients: Sequence[Recipient], via: Via) -> Arrival:
        """A message for these recipients begins to arrive."""
        now = InternalDate(int(self._clock.now_seconds()), self._clock.zone_minutes())
        return Arrival(self._store, sender, recipients, via, now, self._settings.memory_bytes)

    def failed(self, error: MailError) -> Outcome:
        """What it means for every recipient that the message could not be taken in."""
        return outcome_of(error, self._settings.when_full)

    async def deliver(self, arrival: Arrival, recipient: Recipient) -> Outcome:
        """Deliver a finished arrival to one recipient; several accounts behind an alias count as one.

        When some of them failed and others did not, the worst is told, and a retry skips who has it.
        """
        outcomes = [await self._deliver_to(arrival, recipient, addressee) for addressee in recipient.addressees]
        worst = max(outcomes, default=TROUBLE)
        self._events.info(
            "delivery.done",
            sender=arrival.sender,
            recipient=recipient.address,
            accounts=len(outcomes),
            fate=worst.fate.name.lower(),
            size_bytes=arrival.size_bytes,
        )
        return worst

    async def _deliver_to(self, arrival: Arrival, recipient: Recipient, addressee: Addressee) -> Outcome:
        key = arrival.retry_key(recipient, addressee) if self._settings.remember_hours else None
        earlier = None if key is None else self._retries.begin(key)
        if earlier is not None and earlier.is_done:
            self._events.info("delivery.known", recipient=recipient.address, account=addressee.login_name)
            return DELIVERED
        outcome = await self._attempt(arrival, recipient, addressee, earlier)
        if key is not None:
            (self._retries.finish if outcome is DELIVERED else self._retries.forget)(key)
        return outcome

    async def _attempt(
        self, arrival: Arrival, recipient: Recipient, addressee: Addressee, earlier: Earlier | None
    ) -> Outcome:
        try:
            return await self._file(arrival, recipient, addressee, earlier)
        except MailError as error:
            self._events.warning("delivery.failed", account=addressee.login_name, error=str(error))
            return outcome_of(error, self._settings.when_full)
        except Exception as error:
            self._events.bug("delivery.failed", error, account=addressee.login_name)
            return TROUBLE

    async def _file(
        self, arrival: Arrival, recipient: Recipient, addressee: Addressee, earlier: Earlier | None
    ) -> Outcome:
        envelope = Envelope(arrival.sender, recipient.address, recipient.detail, addressee.login_name)
        message = arrival.message_for(recipient)
        account = await self._store.open(addressee.account)
        try:
            if earlier is not None and await is_there(account, message, earlier.seconds):
                self._events.info("delivery.known", recipient=recipient.address, account=addressee.login_name)
                return DELIVERED
            decision = await self._decide(account, envelope, message)
            filing = Filing(account, arrival, envelope, message, self._outbox, self._told, self._events)
            outcome = await filing.carry_out(decision)
            await self._remember(account, decision)
            return outcome
        finally:
            await account.close()

    async def _remember(self, account: AccountStore, decision: Decision) -> None:
        """What the filter wants kept; the message is delivered, whether or not this can be."""
        if not decision.afterwards:
            return
        try:
            await account.set_properties(None, decision.afterwards)
        except MailError as error:
            self._events.warning("filter.not_remembered", account=account.account, error=str(error))

    async def _decide(self, account: AccountStore, envelope: Envelope, message: ArrivedMessage) -> Decision:
        try:
            async with asyncio.timeout(self._settings.filter_seconds):
                return await self._filter.decide(account, envelope, message)
        except Exception as error:
            self._events.bug("filter.failed", error, account=envelope.login_name)
            return KEEP
