"""One mailbox of somebody else, as one person may use it: every operation checks the rights as they are now.

RFC 4314 section 4 says what takes which right, section 6 that who may not see a mailbox learns nothing: the answer is
the same as for one that is not there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, cast

from pillarbox.mail.errors import LimitReached, MailboxMissing, NoPermission
from pillarbox.mail.flags import SYSTEM_FLAGS, FlagAction
from pillarbox.mail.rights import Rights, allowed_flags
from pillarbox.mail.uids import UidSet
from pillarbox.search.corpus import Candidates, TextKey
from pillarbox.sharing.acl import ACL_PREFIX, effective, read_acl
from pillarbox.sharing.carry import Side
from pillarbox.sharing.neighbours import Owner
from pillarbox.sharing.settings import SharingSettings
from pillarbox.store.contract import (
    AccountStore,
    Appended,
    Content,
    DigestField,
    Expunged,
    Flagged,
    Fuzzy,
    Hits,
    Mailbox,
    MailboxImage,
    MailboxStatus,
    NewMessage,
)
from pillarbox.store.image import SharedImage

ANNOTATION_PREFIX: Final = "metadata/"
"""Of the properties that others may set (RFC 5464); all else that is kept with a mailbox is the owner's."""
_FLAG_RIGHTS: Final = Rights.SEEN | Rights.WRITE | Rights.DELETE


class GuardedImage:
    """The owner's image (contract.MailboxImage) under the name and id that it has here; ends when rights are lost."""

    __slots__ = ("_image", "companions", "lost", "mailbox")

    def __init__(self, image: MailboxImage, mailbox: Mailbox) -> None:
        self._image = image
        self.mailbox = mailbox
        self.companions: dict[str, object] = {}
        """Not the owner's: what is worked out with fewer rights may be less."""
        self.lost = False

    @property
    def deleted(self) -> bool:
        return self.lost or self._image.deleted

    def end(self) -> None:
        """The right to read is gone: what happens in the mailbox from now on is not seen any more."""
        last = SharedImage(self.mailbox)
        last.settle(self.mailbox, self._image.uidnext, self._image.highest_modseq, ())  # nor which keywords there are
        self._image, self.lost = last, True

    def shows(self, image: MailboxImage) -> bool:
        """Whether it is of this image."""
        return self._image is image

    def __getattr__(self, name: str) -> object:
        return getattr(self._image, name)


class SharedMailbox:
    """Somebody else's mailbox. `mailbox` is how it is called here."""

    def __init__(
        self,
        mailbox: Mailbox,
        owner: Owner,
        store: AccountStore,
        kept: Mailbox,
        identifiers: Callable[[], Awaitable[frozenset[str]]],
        settings: SharingSettings,
    ) -> None:
        self.mailbox = mailbox
        self.owner = owner
        self.store = store
        self.kept = kept.id
        """The id in the owner's account."""
        self.kept_name = kept.name
        self.last_rights = Rights.NONE
        """As they were when somebody looked last."""
        self.ended = False
        """Reading was allowed once and is no longer: should it be allowed again, that is another mailbox here."""
        self._image: GuardedImage | None = None
        self._identifiers = identifiers
        self._settings = settings

    # --- rights ----------------------------------------------------------------------------------

    async def rights(self) -> Rights:
        """What the person may do now. Raises MailboxMissing when it is gone."""
        properties = await self.store.properties(self.kept, ACL_PREFIX)
        self.last_rights = effective(read_acl(properties), await self._identifiers())
        return self.last_rights

    async def need(self, needed: Rights) -> Rights:
        """The person's rights when all needed are among them. Raises NoPermission, or MailboxMissing to one who may
        not see the mailbox."""
        rights = await self.rights()
        if needed in rights:
            return rights
        if Rights.LOOKUP in rights:
            raise NoPermission
        raise MailboxMissing(self.mailbox.name)

    async def side(self, needed: Rights) -> Side:
        """For carrying messages."""
        return Side(self.store, self.kept, await self.need(needed))

    # --- what AccountStore does with a mailbox ---------------------------------------------------

    async def status(self) -> MailboxStatus:
        await self.need(Rights.READ)
        return await self.store.status(self.kept)

    async def properties(self, prefix: str) -> Mapping[str, bytes]:
        """RFC 5464 section 3.3. Annotations only: all else is the owner's."""
        await self._need_annotate()
        found = await self.store.properties(self.kept, prefix)
        return {name: value for name, value in found.items() if name.startswith(ANNOTATION_PREFIX)}

    async def set_properties(self, values: Mapping[str, bytes | None]) -> None:
        await self._need_annotate()
        if not all(name.startswith(ANNOTATION_PREFIX) for name in values):
            raise NoPermission
        await self._check_room(values)
        await self.store.set_properties(self.kept, values)

    async def image(self) -> MailboxImage:
        """The owner's image; one that was given out before is `deleted` when the right to read is gone."""
        known = self._image
        if known is not None and known.lost:
            return cast(MailboxImage, known)  # what it has not itself, it hands on
        try:
            await self.need(Rights.READ)
            image = await self.store.image(self.kept)
        except (MailboxMissing, NoPermission):
            if known is None:
                raise
            self.ended = True
            known.end()
            return cast(MailboxImage, known)  # as above
        if known is None or not known.shows(image):
            known = self._image = GuardedImage(image, self.mailbox)
        return cast(MailboxImage, known)  # as above

    async def append(self, messages: Sequence[NewMessage]) -> Appended:
        rights = await self.need(Rights.INSERT)
        allowed = [replace(message, flags=allowed_flags(message.flags, rights)) for message in messages]
        return await self.store.append(self.kept, allowed)

    async def store_flags(
        self, uids: Sequence[int], action: FlagAction, names: frozenset[str], unchanged_since: int | None
    ) -> Flagged:
        """Changes those of the flags that may be changed; refused when that is none of them."""
        rights = await self.need(Rights.READ)
        allowed = allowed_flags(names, rights)
        if not rights & _FLAG_RIGHTS or (names and not allowed):
            raise NoPermission
        if action is not FlagAction.REPLACE or _FLAG_RIGHTS in rights:
            return await self.store.store_flags(self.kept, uids, action, allowed, unchanged_since)
        keywords = (await self.store.image(self.kept)).keywords
        others = allowed_flags(frozenset({*SYSTEM_FLAGS, *keywords}) - _in_any_case(keywords, allowed), rights)
        added = await self.store.store_flags(self.kept, uids, FlagAction.ADD, allowed, unchanged_since)
        left_alone = frozenset(added.refused)
        rest = [uid for uid in uids if uid not in left_alone]
        removed = await self.store.store_flags(self.kept, rest, FlagAction.REMOVE, others)
        changed = sorted({*added.changed, *removed.changed})
        return Flagged(max(added.modseq, removed.modseq), changed, added.refused, added.modseq_before)

    async def expunge(self, uids: Sequence[int] | None) -> Expunged:
        await self.need(Rights.EXPUNGE)
        return await self.store.expunge(self.kept, uids)

    async def claim_recent(self) -> int:
        r"""Only one who may change \Seen takes \Recent from the owner's sessions."""
        rights = await self.need(Rights.READ)
        if Rights.SEEN in rights:
            return await self.store.claim_recent(self.kept)
        return (await self.store.status(self.kept)).first_recent_uid

    async def digests(self, uids: Sequence[int], fields: Sequence[DigestField]) -> Sequence[tuple[bytes, ...] | None]:
        await self.need(Rights.READ)
        return await self.store.digests(self.kept, uids, fields)

    async def contents(self, uids: Sequence[int]) -> Sequence[Content | None]:
        await self.need(Rights.READ)
        return await self.store.contents(self.kept, uids)

    async def text_candidates(self, key: TextKey, uids: Sequence[int]) -> Candidates | None:
        await self.need(Rights.READ)
        return await self.store.text_candidates(self.kept, key, uids)

    async def fuzzy_hits(self, key: Fuzzy, uids: Sequence[int]) -> Hits:
        await self.need(Rights.READ)
        return await self.store.fuzzy_hits(self.kept, key, uids)

    async def vanished_since(self, modseq: int) -> UidSet:
        await self.need(Rights.READ)
        return await self.store.vanished_since(self.kept, modseq)

    async def _check_room(self, values: Mapping[str, bytes | None]) -> None:
        """Whoever may read a mailbox may annotate it: that must not use up what the owner needs to say who may do
        what, or for Sieve scripts. Raises LimitReached."""
        kept = await self.store.all_properties(ANNOTATION_PREFIX)
        here = kept.get(self.kept, {})
        added = {name: value for name, value in values.items() if value is not None}
        every = [each for properties in kept.values() for each in properties.items()]
        every += added.items()
        replaced = [(name, here[name]) for name in values if name in here]
        count, size_bytes = len(every) - len(replaced), _size(every) - _size(replaced)
        grows = len(added) > len(replaced) or _size(added.items()) > _size(replaced)
        if grows and (count > self._settings.max_annotations or size_bytes > self._settings.max_annotations_bytes):
            raise LimitReached("There is no room for more annotations by others in the owner's account")

    async def _need_annotate(self) -> None:
        if not await self.need(Rights.LOOKUP) & Rights.ANNOTATE:
            raise NoPermission


def _size(properties: Iterable[tuple[str, bytes]]) -> int:
    """Bytes of names and values."""
    return sum(len(name.encode("utf-8")) + len(value) for name, value in properties)


def _in_any_case(keywords: Collection[str], names: frozenset[str]) -> frozenset[str]:
    """The names, and the keywords that differ from one of them in case only."""
    lower = {name.lower() for name in names}
    return names | {keyword for keyword in keywords if keyword.lower() in lower}
