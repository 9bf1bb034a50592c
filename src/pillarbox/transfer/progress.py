"""What a migration tells while it runs, and what it did in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Progress(Protocol):
    """Told how far one account has got. Called on the loop thread, must be quick."""

    def mailbox(self, name: str, messages: int) -> None:
        """That mailbox is next; so many messages are in it."""
        ...

    def took(self, messages: int, size_bytes: int) -> None:
        """So many came."""
        ...

    def compared(self, messages: int) -> None:
        """So many were compared."""
        ...

    def note(self, text: str) -> None:
        """Something that a person should know."""
        ...


@dataclass(slots=True)
class MailboxOutcome:
    """What was done with one mailbox."""

    source: str
    target: str
    at_source: int = 0
    brought: int = 0
    flags_changed: int = 0
    expunged: int = 0
    compared: int = 0


@dataclass(slots=True)
class Outcome:
    """What was done with one account."""

    mailboxes: dict[bytes, MailboxOutcome] = field(default_factory=dict)
    size_bytes: int = 0
    left_out: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    different: int = 0
    """All differences, also those that are too many to be listed."""
    failure: str = ""
    interruptions: int = 0

    @property
    def messages(self) -> int:
        """Brought."""
        return sum(each.brought for each in self.mailboxes.values())

    @property
    def compared(self) -> int:
        return sum(each.compared for each in self.mailboxes.values())

    def differs(self, text: str) -> None:
        """One difference more."""
        self.different += 1
        if len(self.differences) < 100:
            self.differences.append(text)
