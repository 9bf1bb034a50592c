"""What an operator does to an account's lists of rights: find them, wake who uses them, forget somebody."""

from __future__ import annotations

from pillarbox.sharing.acl import ACL_PREFIX, NEGATIVE, Acl, read_acl
from pillarbox.store.contract import AccountStore

_STAMP = "sharing/groups-changed"


async def shared_mailboxes(account: AccountStore) -> dict[str, Acl]:
    """The mailboxes that are shared with anybody, by name."""
    acls = await account.all_properties(ACL_PREFIX)
    return {each.name: read_acl(acls[each.id]) for each in await account.mailboxes() if each.id in acls}


async def wake(account: AccountStore, identifier: str, stamp: str) -> None:
    """Let sessions look at their rights again where the list names `identifier`; `stamp` differs each time."""
    for mailbox, properties in (await account.all_properties(ACL_PREFIX)).items():
        if mailbox is not None and _entries(identifier) & properties.keys():
            await account.set_properties(mailbox, {_STAMP: stamp.encode("ascii")})


async def forget(account: AccountStore, identifier: str) -> None:
    """Take `identifier` out of every list, so that whoever gets the name next has no rights from it."""
    for mailbox, properties in (await account.all_properties(ACL_PREFIX)).items():
        gone = _entries(identifier) & properties.keys()
        if gone:
            await account.set_properties(mailbox, dict.fromkeys(gone))


def _entries(identifier: str) -> set[str]:
    return {ACL_PREFIX + identifier, ACL_PREFIX + NEGATIVE + identifier}
