"""What an export hands to the formats, mailbox by mailbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pillarbox.mail.dates import InternalDate


@dataclass(frozen=True, slots=True)
class MailboxOut:
    """A mailbox on its way out."""

    name: str
    uidvalidity: int
    uidnext: int
    highest_modseq: int
    special_use: frozenset[str]
    is_subscribed: bool
    keywords: tuple[str, ...]
    """That its messages carry, sorted."""


@dataclass(frozen=True, slots=True)
class MessageOut:
    """A message on its way out."""

    uid: int
    flags: frozenset[str]
    modseq: int
    date: InternalDate
    save_seconds: int
    content: bytes | memoryview


class Writer(Protocol):
    """One format. Raises OSError."""

    def begin(self, mailbox: MailboxOut) -> None:
        """A mailbox; its messages follow, ascending by UID, then end()."""
        ...

    def message(self, message: MessageOut) -> None: ...

    def end(self) -> None: ...

    def finish(self, subscriptions: Sequence[str]) -> None:
        """All mailboxes are through."""
        ...

    def notes(self) -> list[str]:
        """What could not be kept as it is, in plain words."""
        ...
