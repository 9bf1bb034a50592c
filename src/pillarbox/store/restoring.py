"""What must hold for messages to get the UIDs that they had elsewhere: one rule for all backends.

RFC 9051 section 2.3.1.1: a UID names one message for ever, within one UIDVALIDITY.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from pillarbox.mail.errors import LimitReached, NotAllowed
from pillarbox.mail.uids import UidSet

LAST_UID: Final = 2**32 - 2
LAST_UIDVALIDITY: Final = 2**32 - 2**24
"""Leaves room for mailboxes that are made later, whose UIDVALIDITY must be greater."""
LAST_MODSEQ: Final = 2**62


def check_restore(
    mailbox: tuple[int, int], uidvalidity: int, uids: Sequence[int], kept_uidnext: int, modseq: int
) -> tuple[int, UidSet]:
    """The mailbox's UIDNEXT afterwards, and the UIDs below it that are passed over.

    `mailbox` has its UIDVALIDITY and UIDNEXT as they are. Raises NotAllowed, LimitReached.
    """
    mine, uidnext = mailbox
    if not 0 < uidvalidity <= LAST_UIDVALIDITY or not 0 <= modseq <= LAST_MODSEQ:
        raise LimitReached("That UIDVALIDITY or mod-sequence leaves no room for later ones")
    if any(earlier >= later for earlier, later in pairwise(uids)) or (uids and uids[0] < 1):
        raise NotAllowed("UIDs must ascend")
    if mine != uidvalidity and uidnext != 1:
        raise NotAllowed("The mailbox has had messages, so its UIDVALIDITY has to stay")
    if uids and uids[0] < uidnext:
        raise NotAllowed("The mailbox has given these UIDs already")
    after = max(uidnext, kept_uidnext, uids[-1] + 1 if uids else 1)
    if after > LAST_UID + 1:
        raise LimitReached("The mailbox has used up its UIDs; move its messages to a new one")
    return after, UidSet(((uidnext, after - 1),) if after > uidnext else ()).without(uids)
