"""The mail of a person for a login that may use less than all of it, such as one with a limited app password.

A layer in front of PersonalMail with the same calls. Each call names what it takes in rights of RFC 4314, and is
passed on when these are among the bounds'. A mailbox out of bounds is answered as one that is not there, with the same
work; only making one there is refused in any case, whether there is one or not. Other people's mailboxes are bounded
twice: what the bounds leave, their owners' lists may still take.

Bounds that name mailboxes hide the account too: its annotations and what it may keep. Bounded by rights, everything is
as RFC 4314 section 4 has it for somebody else's mailbox.

Must never: pass on a call that it does not know; look at a name once only: a mailbox that is renamed out of bounds is
gone from then on, also where it is open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from pillarbox.mail.errors import MailboxMissing, NoPermission
from pillarbox.mail.flags import FlagAction
from pillarbox.mail.rights import Rights, allowed_flags
from pillarbox.mail.uids import UidSet
from pillarbox.search.corpus import Candidates, TextKey
from pillarbox.sharing.acl import Acl, AclChange
from pillarbox.sharing.person import PersonalMail
from pillarbox.store.contract import (
    AccountId,
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
    TextIndexState,
    Unwatch,
    Watcher,
)

_FLAGS = Rights.SEEN | Rights.WRITE | Rights.DELETE
_TAKEN_AWAY = Rights.READ | Rights.DELETE | Rights.EXPUNGE
_REFUSAL = "What you logged in with is limited and does not allow that; log in with another password for it"


class Bounds(Protocol):
    """How far it goes; auth.scope.Scope is one."""

    @property
    def rights(self) -> Rights:
        """The most that may be done with a mailbox."""
        ...

    @property
    def is_partial(self) -> bool:
        """Whether some mailboxes are out of bounds."""
        ...

    def covers(self, name: str) -> bool:
        """Whether the mailbox of a canonical name is within."""
        ...


class ConfinedMail:
    """Has all that PersonalMail has. Closes it when it is closed."""

    def __init__(self, mail: PersonalMail, bounds: Bounds) -> None:
        self.account: AccountId = mail.account
        self.login_name = mail.login_name
        self.names = mail.names
        self._mail = mail
        self._bounds = bounds
        self._seen: dict[MailboxId, str] = {}
        """Names by id, as they were when they were looked at last."""
        self._stale = True
        self._unwatch = mail.watch_mailboxes(self._list_changed)

    async def close(self) -> None:
        self._unwatch()
        await self._mail.close()

    # --- rights ----------------------------------------------------------------------------------

    async def rights(self, mailbox: MailboxId) -> Rights:
        """What is left of the person's rights. Raises MailboxMissing."""
        await self._need(mailbox, Rights.NONE)
        return self._bounds.rights & await self._mail.rights(mailbox)

    def last_rights(self, mailbox: MailboxId) -> Rights:
        return self._bounds.rights & self._mail.last_rights(mailbox)

    def origin(self, mailbox: MailboxId) -> tuple[AccountId, MailboxId]:
        return self._mail.origin(mailbox)

    def owner_name(self, mailbox: MailboxId) -> str:
        return self._mail.owner_name(mailbox)

    async def acl(self, mailbox: MailboxId) -> Acl:
        await self._need(mailbox, Rights.ADMINISTER)
        return await self._mail.acl(mailbox)

    async def grant(self, mailbox: MailboxId, identifier: str, change: AclChange, rights: Rights) -> None:
        await self._need(mailbox, Rights.ADMINISTER)
        await self._mail.grant(mailbox, identifier, change, rights)

    # --- mailboxes -------------------------------------------------------------------------------

    async def mailboxes(self) -> Sequence[Mailbox]:
        return [mailbox for mailbox in await self._mail.mailboxes() if self._bounds.covers(mailbox.name)]

    async def find(self, name: str) -> Mailbox:
        mailbox = await self._mail.find(name)  # also out of bounds: the time it takes tells nothing either
        if not self._bounds.covers(name):
            raise MailboxMissing(name)
        self._seen[mailbox.id] = mailbox.name
        return mailbox

    async def create(self, name: str, special_use: frozenset[str] = frozenset()) -> Mailbox:
        if not self._bounds.covers(name):
            raise NoPermission(_REFUSAL)
        self._check(Rights.CREATE)
        made = await self._mail.create(name, special_use)
        self._seen[made.id] = made.name
        return made

    async def delete(self, name: str) -> None:
        await self._need_named(name, Rights.REMOVE)
        await self._mail.delete(name)

    async def rename(self, old: str, new: str) -> None:
        """Within bounds."""
        await self._need_named(old, Rights.REMOVE | Rights.CREATE)
        if not self._bounds.covers(new):
            raise NoPermission(_REFUSAL)
        await self._mail.rename(old, new)

    async def set_special_use(self, name: str, special_use: frozenset[str]) -> None:
        await self._need_named(name, Rights.REMOVE | Rights.CREATE)
        await self._mail.set_special_use(name, special_use)

    async def subscriptions(self) -> frozenset[str]:
        return frozenset(name for name in await self._mail.subscriptions() if self._bounds.covers(name))

    async def subscribe(self, name: str) -> None:
        self._check_subscription(name)
        await self._mail.subscribe(name)

    async def unsubscribe(self, name: str) -> None:
        self._check_subscription(name)
        await self._mail.unsubscribe(name)

    async def status(self, mailbox: MailboxId) -> MailboxStatus:
        await self._need(mailbox, Rights.READ)
        return await self._mail.status(mailbox)

    # --- properties ------------------------------------------------------------------------------

    async def properties(self, mailbox: MailboxId | None, prefix: str = "") -> Mapping[str, bytes]:
        if mailbox is None:
            return await self._mail.properties(None, prefix) if self._sees_account else {}
        await self._need(mailbox, Rights.READ)
        return await self._mail.properties(mailbox, prefix)

    async def all_properties(self, prefix: str) -> Mapping[MailboxId | None, Mapping[str, bytes]]:
        if Rights.READ not in self._bounds.rights:
            return {}
        found = await self._mail.all_properties(prefix)
        return {
            mailbox: values
            for mailbox, values in found.items()
            if (self._sees_account if mailbox is None else await self._is_within(mailbox))
        }

    async def set_properties(self, mailbox: MailboxId | None, values: Mapping[str, bytes | None]) -> None:
        if mailbox is not None:
            await self._need(mailbox, Rights.WRITE)
        elif values and not (self._sees_account and Rights.WRITE in self._bounds.rights):
            raise NoPermission(_REFUSAL)
        await self._mail.set_properties(mailbox, values)

    async def quota(self) -> Quota:
        """Without limits for who may not know how much there is."""
        quota = await self._mail.quota()
        return quota if self._sees_account else quota._replace(limits={})

    # --- watching --------------------------------------------------------------------------------

    async def image(self, mailbox: MailboxId) -> MailboxImage:
        await self._need(mailbox, Rights.READ)
        return await self._mail.image(mailbox)

    def watch(self, mailbox: MailboxId, watcher: Watcher) -> Unwatch:
        """contract; tells only that somebody may look."""
        return self._mail.watch(mailbox, watcher)

    def watch_mailboxes(self, watcher: Watcher) -> Unwatch:
        return self._mail.watch_mailboxes(watcher)

    # --- messages --------------------------------------------------------------------------------

    async def append(self, mailbox: MailboxId, messages: Sequence[NewMessage]) -> Appended:
        """contract; without the flags that may not be set (RFC 4314 section 4)."""
        await self._need(mailbox, Rights.INSERT)
        return await self._mail.append(mailbox, [self._with_flags(message) for message in messages])

    async def copy(self, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
        await self._need(destination, Rights.INSERT)
        await self._need(mailbox, Rights.READ)
        return await self._mail.copy(mailbox, uids, destination)

    async def move(self, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
        await self._need(destination, Rights.INSERT)
        await self._need(mailbox, _TAKEN_AWAY)
        return await self._mail.move(mailbox, uids, destination)

    async def replace(self, mailbox: MailboxId, uid: int, destination: MailboxId, message: NewMessage) -> Appended:
        await self._need(destination, Rights.INSERT)
        await self._need(mailbox, _TAKEN_AWAY)
        return await self._mail.replace(mailbox, uid, destination, self._with_flags(message))

    async def restore(
        self, mailbox: MailboxId, uidvalidity: int, messages: Sequence[KeptMessage], uidnext: int = 1, modseq: int = 0
    ) -> Appended:
        raise NoPermission(_REFUSAL)

    async def store_flags(
        self,
        mailbox: MailboxId,
        uids: Sequence[int],
        action: FlagAction,
        names: frozenset[str],
        unchanged_since: int | None = None,
    ) -> Flagged:
        await self._need(mailbox, Rights.READ | _FLAGS)
        return await self._mail.store_flags(mailbox, uids, action, names, unchanged_since)

    async def expunge(self, mailbox: MailboxId, uids: Sequence[int] | None = None) -> Expunged:
        await self._need(mailbox, Rights.EXPUNGE)
        return await self._mail.expunge(mailbox, uids)

    async def claim_recent(self, mailbox: MailboxId) -> int:
        r"""Only one who may change \Seen takes \Recent from others."""
        if Rights.SEEN not in self._bounds.rights:
            return (await self.status(mailbox)).first_recent_uid
        await self._need(mailbox, Rights.READ)
        return await self._mail.claim_recent(mailbox)

    async def digests(
        self, mailbox: MailboxId, uids: Sequence[int], fields: Sequence[DigestField]
    ) -> Sequence[tuple[bytes, ...] | None]:
        await self._need(mailbox, Rights.READ)
        return await self._mail.digests(mailbox, uids, fields)

    async def contents(self, mailbox: MailboxId, uids: Sequence[int]) -> Sequence[Content | None]:
        await self._need(mailbox, Rights.READ)
        return await self._mail.contents(mailbox, uids)

    async def text_candidates(self, mailbox: MailboxId, key: TextKey, uids: Sequence[int]) -> Candidates | None:
        await self._need(mailbox, Rights.READ)
        return await self._mail.text_candidates(mailbox, key, uids)

    async def fuzzy_hits(self, mailbox: MailboxId, key: Fuzzy, uids: Sequence[int]) -> Hits:
        await self._need(mailbox, Rights.READ)
        return await self._mail.fuzzy_hits(mailbox, key, uids)

    async def text_index_state(self) -> TextIndexState:
        raise NoPermission(_REFUSAL)

    async def vanished_since(self, mailbox: MailboxId, modseq: int) -> UidSet:
        await self._need(mailbox, Rights.READ)
        return await self._mail.vanished_since(mailbox, modseq)

    async def recall_answer(self, mailbox: MailboxId, name: str) -> bytes | None:
        return None  # worked out with fewer rights it may be less

    def keep_answer(self, mailbox: MailboxId, name: str, value: bytes) -> None:
        pass

    # --- what has left: for who may use the whole account ------------------------------------------

    async def departed(self, since_seconds: int = 0) -> Sequence[Departed]:
        raise NoPermission(_REFUSAL)

    async def departed_contents(self, mailbox: MailboxId, uids: Sequence[int]) -> Sequence[Content | None]:
        raise NoPermission(_REFUSAL)

    async def undelete(self, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
        raise NoPermission(_REFUSAL)

    async def purge_departed(self, before_seconds: int) -> int:
        raise NoPermission(_REFUSAL)

    # --- within ----------------------------------------------------------------------------------

    @property
    def _sees_account(self) -> bool:
        return Rights.READ in self._bounds.rights and not self._bounds.is_partial

    def _list_changed(self) -> None:
        self._stale = True

    async def _is_within(self, mailbox: MailboxId) -> bool:
        if not self._bounds.is_partial:
            return True
        if self._stale:
            self._stale = False
            try:
                self._seen |= {each.id: each.name for each in await self._mail.mailboxes()}
            except BaseException:
                self._stale = True
                raise
        name = self._seen.get(mailbox)
        return name is not None and self._bounds.covers(name)

    async def _need(self, mailbox: MailboxId, needed: Rights) -> None:
        if not await self._is_within(mailbox):
            raise MailboxMissing(self._seen.get(mailbox, ""))
        self._check(needed)

    async def _need_named(self, name: str, needed: Rights) -> None:
        """For what takes a name. One that is out of bounds or not there is told before what is not allowed."""
        if not self._bounds.covers(name):
            raise MailboxMissing(name)
        if needed not in self._bounds.rights:
            await self._mail.find(name)
        self._check(needed)

    def _check(self, needed: Rights) -> None:
        if needed not in self._bounds.rights:
            raise NoPermission(_REFUSAL)

    def _check_subscription(self, name: str) -> None:
        if Rights.WRITE not in self._bounds.rights or not self._bounds.covers(name):
            raise NoPermission(_REFUSAL)

    def _with_flags(self, message: NewMessage) -> NewMessage:
        return replace(message, flags=allowed_flags(message.flags, self._bounds.rights))


PersonsMail = PersonalMail | ConfinedMail
"""What a session works with."""
