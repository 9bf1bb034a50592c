"""What decides where an arriving message goes: the place that Sieve (RFC 5228) plugs in at.

A filter looks and says what is to be done; the deliverer does it. So a filter can't lose mail: when it fails, the
message is kept in INBOX as if there were none.

Must never: store, send or change anything itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from pillarbox.store.contract import AccountStore


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the sending side said of one delivery to one account (RFC 5321 MAIL and RCPT), never what a header says."""

    sender: str
    """The reverse-path without angle brackets; empty is the null one of bounces, never to be answered."""
    recipient: str
    """The address as it was given, without angle brackets: `alice+lists@example.org`."""
    detail: str = ""
    """What stands between separator and "@" (RFC 5233 :detail): `lists`; empty when there is none."""
    login_name: str = ""
    """Of the account that it goes to, after aliases: `alice` or `alice@example.org`."""

    @property
    def local_part(self) -> str:
        return self.recipient.rpartition("@")[0] or self.recipient

    @property
    def domain(self) -> str:
        return self.recipient.rpartition("@")[2] if "@" in self.recipient else ""


class Arriving(Protocol):
    """A message on its way in, with CRLF line ends and the trace fields that the deliverer puts in front."""

    @property
    def size_bytes(self) -> int:
        """Of the whole message, header included."""
        ...

    @property
    def header(self) -> bytes:
        """The raw header block with the empty line that ends it, Return-Path and the others included."""
        ...

    def read(self, start: int, end: int) -> bytes:
        """Bytes `start` (inclusive) to `end` (exclusive, cut at the size) of the whole message, header included."""
        ...


@dataclass(frozen=True, slots=True)
class Keep:
    """Into the mailbox where it goes without a filter: INBOX, or the folder that plus-addressing names."""

    flags: frozenset[str] = frozenset()
    raw_header: bytes | None = None
    """Takes the place of Arriving.header (RFC 5293 editheader); ends with an empty line."""


@dataclass(frozen=True, slots=True)
class FileInto:
    """Into a mailbox; one that is not there and not to be made, or can't be made, means INBOX."""

    mailbox: str
    """Canonical (mail/names.py)."""
    flags: frozenset[str] = frozenset()
    create: bool = False
    """Make the mailbox when it is not there (RFC 5490 :create)."""
    special_use: str = ""
    r"""The mailbox that has this use comes first, when there is one (RFC 8579 :specialuse); made ones get it."""
    raw_header: bytes | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send it on to another address; what can't be sent is kept."""

    address: str
    raw_header: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Send a message of our own, such as a vacation notice (RFC 5230); what can't be sent is dropped and logged."""

    recipient: str
    content: bytes
    """Whole, with CRLF line ends and all its header fields."""
    sender: str = ""
    """The reverse-path; empty so that nobody answers an answer."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse the message for this recipient with 550 5.7.1 (RFC 5429): the sending side tells the sender."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Tell the owner something in a message of our own in INBOX, such as an error in a script."""

    subject: str
    text: str


Action = Keep | FileInto | Redirect | Reply | Reject | Notice


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done, in this order. No action that keeps, sends on or rejects means: discard.

    With a Reject nothing else of it is done except Reply and Notice.
    """

    actions: tuple[Action, ...]
    afterwards: Mapping[str, bytes | None] = field(default_factory=dict)
    """Properties of the account to be set (or removed, None) once all of it has been done; what a filter has to
    remember, such as messages seen, and must not when the delivery failed and is tried again."""


KEEP: Final = Decision((Keep(),))
DISCARD: Final = Decision(())


class Filter(Protocol):
    """Decides for one account."""

    async def decide(self, account: AccountStore, envelope: Envelope, message: Arriving) -> Decision:
        """What to do with this message. Must be bounded in time and memory; whatever it raises means KEEP."""
        ...


class KeepAll:
    """No filter."""

    async def decide(self, account: AccountStore, envelope: Envelope, message: Arriving) -> Decision:
        return KEEP
