"""One message as a handler gets it."""

from __future__ import annotations

import email
import email.policy
import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage


@dataclass(frozen=True, slots=True)
class Message:
    """A message that has just come, and where it is."""

    account: str
    """`alice@mail.example.org:993`."""
    mailbox: str
    uid: int
    uidvalidity: int
    flags: frozenset[str]
    internal_date: datetime | None
    """When the server received it, with its zone."""
    raw: bytes
    """All of it, as it is kept."""
    attempt: int
    """1 for the first time that it is handed over, also when an earlier process was killed meanwhile."""

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt with this message, and for no other message: a handler that notes the keys which
        it is done with does nothing twice."""
        place = f"{self.account}\0{self.mailbox}\0{self.uidvalidity}\0{self.uid}"
        return hashlib.sha256(place.encode()).hexdigest()[:32]

    def parsed(self) -> EmailMessage:
        """Header fields and parts, by the standard library."""
        return email.message_from_bytes(self.raw, policy=email.policy.default)
