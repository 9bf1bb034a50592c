"""How a delivery to one recipient ended, in mail words; lmtp/replies.py and the command line have the codes."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from pillarbox.delivery.settings import WhenFull
from pillarbox.mail.errors import MailError, MessageTooBig, OverQuota, StoreUnavailable


class Fate(enum.IntEnum):
    """What became of a message; the greater the worse for one that goes to several accounts."""

    DELIVERED = 0
    """On disk, or sent on, or discarded by the owner's filter."""
    REJECTED = 1
    """The owner's filter refused it."""
    TOO_BIG = 2
    FULL = 3
    """No room left for this account; the sender shall know."""
    FULL_FOR_NOW = 4
    """The same; to be tried again."""
    NO_ROOM = 5
    """The disk is full, or the store is away: to be tried again."""
    TROUBLE = 6
    """Something is wrong here: to be tried again."""

    @property
    def is_temporary(self) -> bool:
        """To be tried again."""
        return self >= Fate.FULL_FOR_NOW


@dataclass(frozen=True, slots=True, order=True)
class Outcome:
    """Of one recipient."""

    fate: Fate
    text: str = ""
    """For the sending side, in plain English."""


DELIVERED = Outcome(Fate.DELIVERED)
TROUBLE = Outcome(Fate.TROUBLE, "Something went wrong here; try again later")


def outcome_of(error: MailError, when_full: WhenFull) -> Outcome:
    """What an error of the store means for a delivery."""
    if isinstance(error, OverQuota):
        fate = Fate.FULL_FOR_NOW if when_full is WhenFull.DEFER else Fate.FULL
        return Outcome(fate, "The mailbox is full")
    if isinstance(error, MessageTooBig):
        return Outcome(Fate.TOO_BIG, str(error))
    if isinstance(error, StoreUnavailable):
        return Outcome(Fate.NO_ROOM, "The server can't take the message in now")
    return TROUBLE
