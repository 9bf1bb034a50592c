"""What is to be watched, and what is to be done with what comes."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pillarbox.automation.actions import KEEP, Action
from pillarbox.automation.handlers import Handler
from pillarbox.secret import Secret
from pillarbox.transfer.address import Address, AddressInvalid, Start, read_address


class First(enum.Enum):
    """Messages that are there when a mailbox is watched for the first time."""

    LEAVE = "leave"
    """Only what comes from then on is handed over."""
    HAND_OVER = "hand over"
    """They are handed over, too."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long."""

    attempts: int = 5
    """Then a message is given up."""
    timeout_seconds: float = 300.0
    """Of a handler."""
    pause_seconds: float = 10.0
    """Before the second attempt; twice as long before the next, and so on."""
    most_pause_seconds: float = 3_600.0
    answer_seconds: float = 120.0
    """A server that says nothing for so long, when asked, is gone."""
    idle_seconds: float = 540.0
    """IDLE is begun anew after this: gateways forget quiet connections."""
    poll_seconds: float = 60.0
    """Between two looks where the server knows no IDLE."""
    reconnect_seconds: float = 1.0
    """Before connecting again; twice as long each time that it fails."""
    most_reconnect_seconds: float = 120.0

    def pause(self, attempts: int) -> float:
        """After so many attempts that failed."""
        return min(self.most_pause_seconds, self.pause_seconds * 2.0 ** min(attempts - 1, 30))


@dataclass(frozen=True, slots=True)
class Job:
    """An account, some of its mailboxes, and a handler."""

    address: Address
    password: Secret[str]
    handler: Handler
    mailboxes: tuple[str, ...] = ("INBOX",)
    then: Action = KEEP
    dead_letter: Action = KEEP
    first: First = First.LEAVE
    patience: Patience = field(default_factory=Patience)
    name: str = ""
    """Tells jobs on the same account and mailbox apart."""

    @property
    def key(self) -> str:
        """What the checkpoint knows it by."""
        return f"{self.name}|{self.address}" if self.name else str(self.address)


def read_imaps(url: str, ca_file: Path | None = None) -> Address:
    """`imaps://user@host:port`. Raises AddressInvalid."""
    address = read_address(url, ca_file)
    if address.start is not Start.IMPLICIT or not address.user:
        raise AddressInvalid("expected imaps://user@host or imaps://user@host:port")
    return address


def watch(
    url: str,
    password: str,
    handler: Handler,
    *,
    mailboxes: Sequence[str] = ("INBOX",),
    then: str = "keep",
    dead_letter: str = "",
    ca_file: Path | str | None = None,
    first: First = First.LEAVE,
    patience: Patience | None = None,
    name: str = "",
) -> Job:
    """A job for a Watcher. Raises ValueError for an address or action that is none."""
    return Job(
        read_imaps(url, None if ca_file is None else Path(ca_file)),
        Secret(password),
        handler,
        tuple(dict.fromkeys(mailboxes)),
        Action.read(then),
        Action.read_place(dead_letter),
        first,
        patience or Patience(),
        name,
    )
