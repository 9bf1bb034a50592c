"""All mail that one logged-in person may use: the own account, and what others share with them.

Satisfies contract.AccountStore. What is the person's own goes straight to the account; its owner may always do
everything with it. Mailboxes of others appear in the same lists under names of their namespaces, with ids that hold
for this object, and every call that concerns one goes through shared.SharedMailbox, which checks the rights.

Must never: stand in the way of the own account.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from pillarbox.mail.errors import LimitReached, MailboxMissing, MessageMissing, NoPermission, NotAllowed
from pillarbox.mail.flags import FlagAction
from pillarbox.mail.rights import Rights, allowed_flags
from pillarbox.mail.uids import UidSet
from pillarbox.search.corpus import Candidates, TextKey
from pillarbox.sharing.acl import ACL_PREFIX, NEGATIVE, Acl, AclChange, changed, property_of, read_acl
from pillarbox.sharing.carry import Side, Sides, carry, remove
from pillarbox.sharing.inheritance import inherit
from pillarbox.sharing.neighbours import Neighbours
from pillarbox.sharing.others import FIRST_SHARED, Others
from pillarbox.sharing.settings import SharingSettings
from pillarbox.store.contract import (
    AccountId,
    AccountStore,
    Appended,
    Content,
    Copied,
    Departed,
    DigestField,
    Expunged,
    Flagged,
    Fuzzy,
    Hits,
    KeptMessage,
    Mailbox,
    MailboxId,
    MailboxImage,
    MailboxStatus,
    NewMessage,
    Quota,
    Store,
    TextIndexState,
    Unwatch,
    Watcher,
)
from pillarbox.store.naming import in_listing_order

_T = TypeVar("_T")
_Soon = Coroutine[Any, Any, _T]
"""What a call gives that only hands on a coroutine. Any: what is sent to it is the event loop's business."""


def is_own(mailbox: MailboxId) -> bool:
    """Whether a mailbox that PersonalMail named belongs to the person."""
    return mailbox < FIRST_SHARED


class PersonalMail:
    """contract.AccountStore for one person. Gives `own` back when it is closed."""

    def __init__(
        self, own: AccountStore, login_name: str, store: Store, neighbours: Neighbours, settings: SharingSettings
    ) -> None:
        self.account: AccountId = own.account
        self.login_name = login_name
        self._own = own
        self._store = store
        self._neighbours = neighbours
        self._settings = settings
        self._others = Others(login_name, store, neighbours, settings)
        self.names = self._others.names
        self._at = self._others.at

    async def close(self) -> None:
        await self._others.close()
        await self._own.close()

    # --- rights ----------------------------------------------------------------------------------

    async def rights(self, mailbox: MailboxId) -> Rights:
        """What the person may do with a mailbox now. Raises MailboxMissing."""
        return Rights.ALL if mailbox < FIRST_SHARED else await self._at(mailbox).rights()

    def last_rights(self, mailbox: MailboxId) -> Rights:
        """The same as of the last look at the mailbox."""
        return Rights.ALL if mailbox < FIRST_SHARED else self._at(mailbox).last_rights

    def origin(self, mailbox: MailboxId) -> tuple[AccountId, MailboxId]:
        """Whose mailbox it is and its id there: what names it alike for everybody. Raises MailboxMissing."""
        if mailbox < FIRST_SHARED:
            return self.account, mailbox
        shared = self._at(mailbox)
        return shared.owner.account, shared.kept

    def owner_name(self, mailbox: MailboxId) -> str:
        """The login name of the owner; empty for a shared folder."""
        return self.login_name if mailbox < FIRST_SHARED else self._at(mailbox).owner.login_name

    async def acl(self, mailbox: MailboxId) -> Acl:
        """Who may do what with it, but for the owner, who may do everything. Raises NoPermission to one without `a`,
        or MailboxMissing."""
        side = await self._side(mailbox, Rights.ADMINISTER)
        return read_acl(await side.account.properties(side.mailbox, ACL_PREFIX))

    async def grant(self, mailbox: MailboxId, identifier: str, change: AclChange, rights: Rights) -> None:
        """Change what somebody may do with it. Raises as acl() does; NotAllowed for the owner, whose rights are
        always all; LimitReached."""
        side = await self._side(mailbox, Rights.ADMINISTER)
        if identifier.removeprefix(NEGATIVE) == self.owner_name(mailbox):
            raise NotAllowed("The owner of a mailbox always has all rights")
        acl = read_acl(await side.account.properties(side.mailbox, ACL_PREFIX))
        after = changed(acl.get(identifier, Rights.NONE), change, rights)
        if after and identifier not in acl:
            if len(acl) >= self._settings.max_identifiers:
                raise LimitReached(f"A mailbox can be shared with {self._settings.max_identifiers} at most; use groups")
            await self._neighbours.note(side.account.account, identifier)
        await side.account.set_properties(side.mailbox, property_of(identifier, after))

    # --- mailboxes -------------------------------------------------------------------------------

    async def mailboxes(self) -> Sequence[Mailbox]:
        own, others = await self._own.mailboxes(), await self._others.mailboxes()
        if not others:
            return own
        taken = {mailbox.name for mailbox in own}
        return in_listing_order([*own, *(mailbox for mailbox in others if mailbox.name not in taken)])

    async def find(self, name: str) -> Mailbox:
        if not self.names.holds(name):
            return await self._own.find(name)
        shared = await self._others.known(name)
        return await self._own.find(name) if shared is None else shared.mailbox

    async def create(self, name: str, special_use: frozenset[str] = frozenset()) -> Mailbox:
        """contract; and it inherits the rights of the nearest mailbox above (RFC 4314 section 4)."""
        if self.names.holds(name):
            return await self._others.create(name)
        made = await self._own.create(name, special_use)
        await inherit(self._own, made)
        return made

    async def delete(self, name: str) -> None:
        shared = await self._others.known(name) if self.names.holds(name) else None
        if shared is None:
            await self._own.delete(name)
        else:
            await shared.need(Rights.REMOVE)
            await shared.store.delete(shared.kept_name)

    async def rename(self, old: str, new: str) -> None:
        """contract; within one account only."""
        if not self.names.holds(old) and not self.names.holds(new):
            await self._own.rename(old, new)
        else:
            await self._others.rename(old, new)

    async def set_special_use(self, name: str, special_use: frozenset[str]) -> None:
        """contract; a special use is what the owner's own programs go by."""
        if self.names.holds(name) and await self._others.known(name) is not None:
            raise NoPermission
        await self._own.set_special_use(name, special_use)

    async def subscriptions(self) -> frozenset[str]:
        return await self._own.subscriptions()

    async def subscribe(self, name: str) -> None:
        await self._own.subscribe(name)

    async def unsubscribe(self, name: str) -> None:
        await self._own.unsubscribe(name)

    def status(self, mailbox: MailboxId) -> _Soon[MailboxStatus]:
        return self._own.status(mailbox) if mailbox < FIRST_SHARED else self._at(mailbox).status()

    # --- properties ------------------------------------------------------------------------------

    async def properties(self, mailbox: MailboxId | None, prefix: str = "") -> Mapping[str, bytes]:
        if mailbox is None or mailbox < FIRST_SHARED:
            return await self._own.properties(mailbox, prefix)
        return await self._at(mailbox).properties(prefix)

    async def all_properties(self, prefix: str) -> Mapping[MailboxId | None, Mapping[str, bytes]]:
        """contract; of others' mailboxes, those that properties() tells of."""
        found = dict(await self._own.all_properties(prefix))
        for mailbox in await self.mailboxes():
            if is_own(mailbox.id):
                continue
            try:
                theirs = await self._at(mailbox.id).properties(prefix)
            except (NoPermission, MailboxMissing):
                continue
            if theirs:
                found[mailbox.id] = theirs
        return found

    async def set_properties(self, mailbox: MailboxId | None, values: Mapping[str, bytes | None]) -> None:
        if mailbox is None or mailbox < FIRST_SHARED:
            await self._own.set_properties(mailbox, values)
        else:
            await self._at(mailbox).set_properties(values)

    async def quota(self) -> Quota:
        """contract; of the own account."""
        return await self._own.quota()

    # --- watching --------------------------------------------------------------------------------

    def image(self, mailbox: MailboxId) -> _Soon[MailboxImage]:
        return self._own.image(mailbox) if mailbox < FIRST_SHARED else self._at(mailbox).image()

    def watch(self, mailbox: MailboxId, watcher: Watcher) -> Unwatch:
        if mailbox < FIRST_SHARED:
            return self._own.watch(mailbox, watcher)
        shared = self._at(mailbox)
        return shared.store.watch(shared.kept, watcher)

    def watch_mailboxes(self, watcher: Watcher) -> Unwatch:
        """contract; of other accounts, those that were looked at so far, and others from when they are."""
        unwatches = self._own.watch_mailboxes(watcher), self._others.watch_mailboxes(watcher)

        def unwatch() -> None:
            for each in unwatches:
                each()

        return unwatch

    # --- messages --------------------------------------------------------------------------------

    def append(self, mailbox: MailboxId, messages: Sequence[NewMessage]) -> _Soon[Appended]:
        if mailbox < FIRST_SHARED:
            return self._own.append(mailbox, messages)
        return self._at(mailbox).append(messages)

    async def copy(self, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
        sides = partial(self._sides, mailbox, destination, Rights.READ)
        source, target = await sides()
        if _native(source, target):
            return await source.account.copy(source.mailbox, uids, target.mailbox)
        return await carry(sides, uids, self._store.stage)

    async def move(self, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
        """contract; into another account it is one change there and then one here: after a crash in between messages
        are in both. Takes `t` and `e` (RFC 6851 section 4.4)."""
        sides = partial(self._sides, mailbox, destination, Rights.READ | Rights.DELETE | Rights.EXPUNGE)
        source, target = await sides()
        if _native(source, target):
            return await source.account.move(source.mailbox, uids, target.mailbox)
        moved = await carry(sides, uids, self._store.stage)
        await remove(source.account, source.mailbox, moved.source_uids)
        return moved

    async def replace(self, mailbox: MailboxId, uid: int, destination: MailboxId, message: NewMessage) -> Appended:
        """contract; into another account as move() does."""
        source, target = await self._sides(mailbox, destination, Rights.READ | Rights.DELETE | Rights.EXPUNGE)
        allowed = replace(message, flags=allowed_flags(message.flags, target.rights))
        if source.account is target.account:
            return await source.account.replace(source.mailbox, uid, target.mailbox, allowed)
        if (await source.account.image(source.mailbox)).row_of(uid) < 0:
            raise MessageMissing
        appended = await target.account.append(target.mailbox, [allowed])
        await remove(source.account, source.mailbox, [uid])
        return appended

    async def restore(
        self, mailbox: MailboxId, uidvalidity: int, messages: Sequence[KeptMessage], uidnext: int = 1, modseq: int = 0
    ) -> Appended:
        if mailbox >= FIRST_SHARED:
            raise NotAllowed("Only the owner's mailboxes can be restored")
        return await self._own.restore(mailbox, uidvalidity, messages, uidnext, modseq)

    def store_flags(
        self,
        mailbox: MailboxId,
        uids: Sequence[int],
        action: FlagAction,
        names: frozenset[str],
        unchanged_since: int | None = None,
    ) -> _Soon[Flagged]:
        if mailbox < FIRST_SHARED:
            return self._own.store_flags(mailbox, uids, action, names, unchanged_since)
        return self._at(mailbox).store_flags(uids, action, names, unchanged_since)

    def expunge(self, mailbox: MailboxId, uids: Sequence[int] | None = None) -> _Soon[Expunged]:
        return self._own.expunge(mailbox, uids) if mailbox < FIRST_SHARED else self._at(mailbox).expunge(uids)

    def claim_recent(self, mailbox: MailboxId) -> _Soon[int]:
        return self._own.claim_recent(mailbox) if mailbox < FIRST_SHARED else self._at(mailbox).claim_recent()

    def digests(
        self, mailbox: MailboxId, uids: Sequence[int], fields: Sequence[DigestField]
    ) -> _Soon[Sequence[tuple[bytes, ...] | None]]:
        if mailbox < FIRST_SHARED:
            return self._own.digests(mailbox, uids, fields)
        return self._at(mailbox).digests(uids, fields)

    def contents(self, mailbox: MailboxId, uids: Sequence[int]) -> _Soon[Sequence[Content | None]]:
        return self._own.contents(mailbox, uids) if mailbox < FIRST_SHARED else self._at(mailbox).contents(uids)

    def text_candidates(self, mailbox: MailboxId, key: TextKey, uids: Sequence[int]) -> _Soon[Candidates | None]:
        if mailbox < FIRST_SHARED:
            return self._own.text_candidates(mailbox, key, uids)
        return self._at(mailbox).text_candidates(key, uids)

    def fuzzy_hits(self, mailbox: MailboxId, key: Fuzzy, uids: Sequence[int]) -> _Soon[Hits]:
        if mailbox < FIRST_SHARED:
            return self._own.fuzzy_hits(mailbox, key, uids)
        return self._at(mailbox).fuzzy_hits(key, uids)

    async def text_index_state(self) -> TextIndexState:
        return await self._own.text_index_state()

    def vanished_since(self, mailbox: MailboxId, modseq: int) -> _Soon[UidSet]:
        if mailbox < FIRST_SHARED:
            return self._own.vanished_since(mailbox, modseq)
        return self._at(mailbox).vanished_since(modseq)

    # --- what was worked out: by somebody with fewer rights it may be less ----------------------------

    async def recall_answer(self, mailbox: MailboxId, name: str) -> bytes | None:
        return await self._own.recall_answer(mailbox, name) if mailbox < FIRST_SHARED else None

    def keep_answer(self, mailbox: MailboxId, name: str, value: bytes) -> None:
        if mailbox < FIRST_SHARED:
            self._own.keep_answer(mailbox, name, value)

    # --- what has left ---------------------------------------------------------------------------

    async def departed(self, since_seconds: int = 0) -> Sequence[Departed]:
        """contract; of the own account."""
        return await self._own.departed(since_seconds)

    async def departed_contents(self, mailbox: MailboxId, uids: Sequence[int]) -> Sequence[Content | None]:
        if mailbox >= FIRST_SHARED:
            raise NotAllowed("Only the owner may look at what was expunged")
        return await self._own.departed_contents(mailbox, uids)

    async def undelete(self, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
        if mailbox >= FIRST_SHARED or destination >= FIRST_SHARED:
            raise NotAllowed("Only the owner may bring back what was expunged")
        return await self._own.undelete(mailbox, uids, destination)

    async def purge_departed(self, before_seconds: int) -> int:
        """contract; of the own account."""
        return await self._own.purge_departed(before_seconds)

    # --- within ----------------------------------------------------------------------------------

    async def _side(self, mailbox: MailboxId, needed: Rights) -> Side:
        if mailbox < FIRST_SHARED:
            return Side(self._own, mailbox, Rights.ALL)
        return await self._at(mailbox).side(needed)

    async def _sides(self, mailbox: MailboxId, destination: MailboxId, needed: Rights) -> Sides:
        """Where messages come from and where they go; the rights to insert are looked at first, since the name of the
        destination is what the client typed."""
        target = await self._side(destination, Rights.INSERT)
        return await self._side(mailbox, needed), target


def _native(source: Side, target: Side) -> bool:
    """Whether the store can do it alone: within one account, and no flag is to be left behind."""
    return source.account is target.account and Rights.SEEN | Rights.WRITE | Rights.DELETE in target.rights
