"""Looks whether a message is in an account already, when a crash left that in doubt.

Must never: take another message for it: all bytes behind our own fields have to agree.
"""

from __future__ import annotations

from typing import Final

from pillarbox.delivery.arrival import ArrivedMessage
from pillarbox.store.contract import AccountStore, Content

_CLOCK_SLACK_SECONDS: Final = 60
"""By how much the clock may have been set back meanwhile."""


async def is_there(account: AccountStore, message: ArrivedMessage, since_seconds: int) -> bool:
    """Did an earlier try, begun then, bring it into any mailbox? Our fields have the same length each time."""
    for mailbox in await account.mailboxes():
        image = await account.image(mailbox.id)
        uids = [
            uid
            for uid, size, seconds in zip(image.uids, image.sizes, image.save_seconds, strict=True)
            if size == message.size_bytes and seconds >= since_seconds - _CLOCK_SLACK_SECONDS
        ]
        for uid in uids:
            [content] = await account.contents(mailbox.id, [uid])
            if content is not None and _is_same(content, message):
                return True
    return False


def _is_same(content: Content, message: ArrivedMessage) -> bool:
    at = 0
    for piece in message.pieces():
        start = max(message.trace_bytes, at)
        if content.read(start, at + len(piece)) != piece[start - at :]:
            return False
        at += len(piece)
    return True
