"""One message on its way through the conversation: who it is for, its text, and what became of it."""

from __future__ import annotations

from pillarbox.delivery.addresses import Recipient
from pillarbox.delivery.arrival import Arrival
from pillarbox.delivery.deliverer import Deliverer
from pillarbox.delivery.outcome import TROUBLE, Outcome
from pillarbox.delivery.trace import Via
from pillarbox.mail.errors import MailError


class Transaction:
    """From MAIL to the last reply."""

    __slots__ = ("_arrival", "_deliverer", "_trouble", "is_in_chunks", "received_bytes", "recipients", "sender")

    def __init__(self, deliverer: Deliverer, sender: str) -> None:
        self.sender = sender
        self.recipients: list[Recipient] = []
        """Accepted ones, in the order of RCPT: each gets a reply."""
        self.received_bytes = 0
        self.is_in_chunks = False
        self._deliverer = deliverer
        self._arrival: Arrival | None = None
        self._trouble: Outcome | None = None

    @property
    def trouble(self) -> Outcome | None:
        """Why the message can't be taken in, as soon as that is known."""
        return self._trouble

    def begin(self, via: Via) -> None:
        """The text begins to come; again is harmless."""
        if self._arrival is None:
            self._arrival = self._deliverer.begin(self.sender, self.recipients, via)

    def write(self, data: bytes) -> None:
        """A piece of the text. What can't be taken in is dropped, and told with the replies."""
        self.received_bytes += len(data)
        if self._trouble is not None or self._arrival is None or not data:
            return
        try:
            self._arrival.write(data)
        except MailError as error:
            self._trouble = self._deliverer.failed(error)
            self.discard()

    def finish(self) -> None:
        """The text is whole."""
        if self._trouble is None and self._arrival is not None:
            self._arrival.finish()

    async def deliver(self, recipient: Recipient) -> Outcome:
        """Deliver to one recipient."""
        if self._trouble is not None:
            return self._trouble
        if self._arrival is None:
            return TROUBLE
        return await self._deliverer.deliver(self._arrival, recipient)

    def discard(self) -> None:
        """It is over, or never was."""
        if self._arrival is not None:
            self._arrival.discard()
            self._arrival = None
