"""What a new mailbox has from the one above it: its list of rights (RFC 4314 section 4, CREATE)."""

from __future__ import annotations

import contextlib

from pillarbox.mail.errors import LimitReached, MailboxMissing
from pillarbox.mail.names import superiors
from pillarbox.sharing.acl import ACL_PREFIX
from pillarbox.store.contract import AccountStore, Mailbox


async def nearest_above(account: AccountStore, name: str) -> Mailbox | None:
    """The nearest mailbox above a name that there is. Looks for all of them: the time it takes tells of none."""
    found: Mailbox | None = None
    for above in superiors(name):
        with contextlib.suppress(MailboxMissing):
            found = await account.find(above)
    return found


async def inherit(account: AccountStore, made: Mailbox) -> None:
    """Give a new mailbox the rights of the one above. A crash before that leaves it the owner's alone."""
    above = await nearest_above(account, made.name)
    if above is None:
        return
    with contextlib.suppress(MailboxMissing, LimitReached):  # gone meanwhile; or nobody's but the owner's
        rights = await account.properties(above.id, ACL_PREFIX)
        if rights:
            await account.set_properties(made.id, dict(rights))
