"""What others share with one person: finds it, names it, and makes and renames mailboxes there.

Must never: tell a mailbox that may not be known from one that is not there; open accounts that share nothing.
"""

from __future__ import annotations

import contextlib
import functools
import operator
from dataclasses import dataclass, replace
from typing import Final

from pillarbox.mail.errors import MailboxMissing, NoPermission, NotAllowed, StoreCorrupt
from pillarbox.mail.names import INBOX, is_below
from pillarbox.mail.rights import Rights
from pillarbox.sharing.acl import ACL_PREFIX, effective, read_acl
from pillarbox.sharing.inheritance import inherit, nearest_above
from pillarbox.sharing.namespaces import Namespaces, Spot
from pillarbox.sharing.neighbours import Neighbours, Owner
from pillarbox.sharing.settings import SharingSettings
from pillarbox.sharing.shared import SharedMailbox
from pillarbox.store.contract import AccountId, AccountStore, Mailbox, MailboxId, Store, Unwatch, Watcher

FIRST_SHARED: Final = 1 << 60
"""Ids from here on are of other people's mailboxes; an account never gets so far."""

_NOT_THERE: Final = "You may not make mailboxes there; the owner of the mailbox above can let you"


@dataclass(eq=False, slots=True)
class _Watching:
    """Somebody who wants to hear when mailboxes come, go or change their rights."""

    watcher: Watcher
    unwatches: list[Unwatch]


class Others:
    """Other people's accounts, as one person sees them."""

    def __init__(self, login_name: str, store: Store, neighbours: Neighbours, settings: SharingSettings) -> None:
        self.names = Namespaces(settings)
        self._settings = settings
        self._login_name = login_name
        self._store = store
        self._neighbours = neighbours
        self._opened: dict[AccountId, AccountStore] = {}
        self._watchings: list[_Watching] = []
        self._shared: dict[MailboxId, SharedMailbox] = {}
        self._current: dict[tuple[AccountId, MailboxId], SharedMailbox] = {}

    async def close(self) -> None:
        """Give all accounts back."""
        opened, self._opened = self._opened, {}
        for account in opened.values():
            await account.close()

    def watch_mailboxes(self, watcher: Watcher) -> Unwatch:
        """contract.AccountStore.watch_mailboxes, of all accounts that were looked at or will be."""
        watching = _Watching(watcher, [account.watch_mailboxes(watcher) for account in self._opened.values()])
        self._watchings.append(watching)

        def unwatch() -> None:
            if watching in self._watchings:
                self._watchings.remove(watching)
            for each in watching.unwatches:
                each()
            watching.unwatches.clear()

        return unwatch

    def at(self, mailbox: MailboxId) -> SharedMailbox:
        """The mailbox of an id that was given here. Raises MailboxMissing."""
        shared = self._shared.get(mailbox)
        if shared is None:
            raise MailboxMissing("")
        return shared

    async def mailboxes(self) -> list[Mailbox]:
        """Those that the person may see in lists."""
        owners = await self._neighbours.sharing_with(self._login_name)
        if not owners:
            return []
        identifiers = await self._neighbours.identifiers(self._login_name)
        found: list[Mailbox] = []
        for owner in owners:
            with contextlib.suppress(StoreCorrupt):  # one account that can't be read must not hide all others
                account = await self._open(owner)
                acls = await account.all_properties(ACL_PREFIX)
                for mailbox in await account.mailboxes() if acls else ():
                    if Rights.LOOKUP in effective(read_acl(acls.get(mailbox.id, {})), identifiers):
                        found.append(self._seen(owner, account, mailbox).mailbox)
        return [mailbox for mailbox in found if mailbox.name]

    async def known(self, name: str) -> SharedMailbox | None:
        """The mailbox of a name, when there is one and the person may know that. Does the same work in every case, so
        that the time it takes tells no more than the answer."""
        spot = self.names.locate(name)
        if spot is None:
            return None
        identifiers = await self._identifiers()
        owner = await self._owner(spot)
        if owner is None:
            return None
        account = await self._open(owner)
        try:
            kept = await account.find(spot.name)
            rights = effective(read_acl(await account.properties(kept.id, ACL_PREFIX)), identifiers)
        except MailboxMissing:
            await account.properties(None, ACL_PREFIX)
            return None
        return self._seen(owner, account, kept) if rights & Rights.KNOWABLE else None

    async def create(self, name: str) -> Mailbox:
        """A mailbox in somebody else's account: takes `k` on the nearest one above. Raises NoPermission whether
        there is nothing above or it is not the person's to know."""
        spot = self.names.locate(name)
        owner = None if spot is None else await self._owner(spot)
        if spot is None or owner is None:
            raise NoPermission(_NOT_THERE)
        account = await self._open(owner)
        await self._check_create(account, spot.name)
        made = await account.create(spot.name)
        await inherit(account, made)
        return self._seen(owner, account, made).mailbox

    async def rename(self, old: str, new: str) -> None:
        """Within one account; takes `x` on all that go along, and `k` on what lies above the new name."""
        source, target = self.names.locate(old), self.names.locate(new)
        if source is None or target is None or source.login_name != target.login_name:
            raise NotAllowed("A mailbox can't move to another account; copy its messages instead")
        owner = await self._owner(source)
        if owner is None:
            raise MailboxMissing(old)
        account = await self._open(owner)
        await self._check_remove(account, source.name, old)
        await self._check_create(account, target.name)
        await account.rename(source.name, target.name)

    # --- within ----------------------------------------------------------------------------------

    async def _owner(self, spot: Spot) -> Owner | None:
        """Whose it is, if they share anything with the person at all."""
        for owner in await self._neighbours.sharing_with(self._login_name):
            if owner.login_name == spot.login_name:
                return owner
        return None

    async def _open(self, owner: Owner) -> AccountStore:
        account = self._opened.get(owner.account)
        if account is None:
            fresh = await self._store.open(owner.account)
            account = self._opened.setdefault(owner.account, fresh)
            if account is not fresh:  # somebody else was faster
                await fresh.close()
            else:
                for watching in self._watchings:
                    watching.unwatches.append(account.watch_mailboxes(watching.watcher))
        return account

    async def _identifiers(self) -> frozenset[str]:
        return await self._neighbours.identifiers(self._login_name)

    def _seen(self, owner: Owner, account: AccountStore, kept: Mailbox) -> SharedMailbox:
        """The mailbox under its name and id here. Special uses are for the owner's programs alone."""
        name = self.names.name_of(owner, kept.name)
        shared = self._current.get((owner.account, kept.id))
        if shared is None or shared.ended:
            shown = Mailbox(MailboxId(FIRST_SHARED + len(self._shared)), name, kept.uidvalidity)
            shared = SharedMailbox(shown, owner, account, kept, self._identifiers, self._settings)
            self._shared[shown.id] = self._current[(owner.account, kept.id)] = shared
        shared.mailbox = replace(shared.mailbox, name=name, uidvalidity=kept.uidvalidity)
        shared.kept_name = kept.name
        return shared

    async def _check_create(self, account: AccountStore, name: str) -> None:
        above = await nearest_above(account, name)
        kept = await account.properties(None if above is None else above.id, ACL_PREFIX)  # the same work in every case
        if Rights.CREATE not in effective(read_acl({} if above is None else kept), await self._identifiers()):
            raise NoPermission(_NOT_THERE)

    async def _check_remove(self, account: AccountStore, name: str, shown: str) -> None:
        moved = [each for each in await account.mailboxes() if each.name == name or is_below(each.name, name)]
        acls = await account.all_properties(ACL_PREFIX)
        identifiers = await self._identifiers()
        rights = [effective(read_acl(acls.get(each.id, {})), identifiers) for each in moved]
        itself = next((mine for each, mine in zip(moved, rights, strict=True) if each.name == name), None)
        top = functools.reduce(operator.or_, rights, Rights.NONE) if itself is None else itself
        if all(Rights.REMOVE in each for each in rights) and rights:
            if name == INBOX:
                raise NotAllowed("Somebody else's INBOX can't be renamed")
        elif Rights.LOOKUP in top:
            raise NoPermission
        else:
            raise MailboxMissing(shown)
