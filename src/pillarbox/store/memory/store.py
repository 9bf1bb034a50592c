"""contract.Store in memory. Must never: keep people's mail; it is an oracle and a fake for tests."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from pyroaring import BitMap

from pillarbox.clock import Clock
from pillarbox.mail.errors import (
    LimitReached,
    MailboxExists,
    MailboxMissing,
    MessageMissing,
    MessageTooBig,
    NameInvalid,
    NotAllowed,
    OverQuota,
)
from pillarbox.mail.flags import DELETED, SEEN, FlagAction, apply_flags, flag_set
from pillarbox.mail.names import INBOX, check_new_name
from pillarbox.mail.uids import UidSet
from pillarbox.mime.digest import digest
from pillarbox.search.renumber import set_of
from pillarbox.store import naming
from pillarbox.store.contract import (
    MAX_ANSWERS,
    NOTHING_MORE,
    AccountId,
    Appended,
    Candidates,
    Content,
    Copied,
    Departed,
    Departure,
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
    NewAccount,
    NewMessage,
    Quota,
    Staged,
    StoreLimits,
    TextIndexState,
    TextKey,
    Unwatch,
    Watcher,
)
from pillarbox.store.digesting import Digester, email_id, sha256_of
from pillarbox.store.image import Arrivals, SharedImage
from pillarbox.store.memory.model import Account, Box, Change, Mail, Message
from pillarbox.store.quota import Limits, check_growth, limits_of
from pillarbox.store.restoring import check_restore


class MemoryStore:
    """contract.Store in memory. `digest` computes what is kept ready of a message."""

    def __init__(
        self, limits: StoreLimits, clock: Clock, digest: Digester = digest, new_account: NewAccount = NOTHING_MORE
    ) -> None:
        self.limits = limits
        self._new_account = new_account
        self._clock = clock
        self._digest = digest
        self._accounts: dict[AccountId, Account] = {}

    async def open(self, account: AccountId) -> MemoryAccount:
        new = account not in self._accounts
        kept = self._accounts.setdefault(account, Account())
        opened = MemoryAccount(account, kept, self.limits, self._clock, self._digest)
        if new:
            await opened.create(INBOX)
            for name, special_use in self._new_account.named_uses():
                with contextlib.suppress(LimitReached, MailboxExists, NameInvalid, OverQuota):
                    await opened.create(name, special_use)
                    await opened.subscribe(name)
        return opened

    async def remove(self, account: AccountId) -> None:
        kept = self._accounts.pop(account, None)
        if kept is not None:
            kept.mail = Mail()

    def stage(self) -> Staged:
        return _Staging(self.limits.max_message_bytes)

    async def close(self) -> None:
        pass


class MemoryAccount:
    """contract.AccountStore in memory."""

    def __init__(self, account: AccountId, kept: Account, limits: StoreLimits, clock: Clock, digest: Digester) -> None:
        self.account = account
        self._kept = kept
        self._limits = limits
        self._clock = clock
        self._digest = digest
        self._watched: list[Unwatch] = []

    async def close(self) -> None:
        for unwatch in self._watched:
            unwatch()

    # --- mailboxes -------------------------------------------------------------------------------

    async def mailboxes(self) -> Sequence[Mailbox]:
        return naming.in_listing_order([box.info for box in self._kept.mail.boxes.values()])

    async def find(self, name: str) -> Mailbox:
        return self._begin().named(name).info

    async def create(self, name: str, special_use: frozenset[str] = frozenset()) -> Mailbox:
        change = self._begin()
        box = change.make(name, special_use)
        self._commit(change)
        return box.info

    async def delete(self, name: str) -> None:
        change = self._begin()
        if name == INBOX:
            raise NotAllowed("INBOX can't be deleted")
        if name not in change.names():
            raise naming.absent(name, change.names())
        box = change.named(name)
        change.stamp(box)
        change.remember(box, box.messages.values(), Departure.EXPUNGED)
        del change.mail.boxes[box.info.id]
        change.mail.properties.pop(box.info.id, None)
        self._commit(change)

    async def rename(self, old: str, new: str) -> None:
        change = self._begin()
        if old == INBOX:
            naming.check_rename_inbox(new, change.names(), self._limits)
            inbox, made = change.named(INBOX), change.make(new, frozenset())
            messages = list(inbox.messages.values())
            if messages:
                change.put(made, messages)
                change.move_out(inbox, messages)
            kept = change.mail.properties.get(inbox.info.id, {})
            copied = {name: kept[name] for name in kept if name.startswith(naming.SHARED_BY_BOTH_INBOXES)}
            change.mail.properties[made.info.id] = copied
        else:
            moves = naming.plan_rename(old, new, change.names(), self._limits)
            change.stamp()
            for box in change.mail.boxes.values():
                if box.info.name in moves:
                    box.info = replace(box.info, name=moves[box.info.name])
                    change.touched.add(box.info.id)
        self._commit(change)

    async def set_special_use(self, name: str, special_use: frozenset[str]) -> None:
        change = self._begin()
        box = change.named(name)
        if box.info.special_use != special_use:
            box.info = replace(box.info, special_use=special_use)
            change.stamp()
            change.touched.add(box.info.id)
        self._commit(change)

    async def subscriptions(self) -> frozenset[str]:
        return frozenset(self._kept.mail.subscriptions)

    async def subscribe(self, name: str) -> None:
        change = self._begin()
        check_new_name(name, self._limits.name)
        if name not in change.mail.subscriptions:
            if len(change.mail.subscriptions) >= self._limits.max_mailboxes:
                raise LimitReached(f"An account can have {self._limits.max_mailboxes} subscriptions at most")
            change.mail.subscriptions.add(name)
            change.stamp()
        self._commit(change)

    async def unsubscribe(self, name: str) -> None:
        change = self._begin()
        if name in change.mail.subscriptions:
            change.mail.subscriptions.remove(name)
            change.stamp()
        self._commit(change)

    async def status(self, mailbox: MailboxId) -> MailboxStatus:
        box = self._begin().box(mailbox)
        messages = box.messages.values()
        deleted = [message for message in messages if DELETED in message.flags]
        return MailboxStatus(
            messages=len(messages),
            unseen=sum(SEEN not in message.flags for message in messages),
            deleted=len(deleted),
            size_bytes=sum(len(message.content) for message in messages),
            deleted_bytes=sum(len(message.content) for message in deleted),
            uidnext=box.uidnext,
            uidvalidity=box.info.uidvalidity,
            highest_modseq=box.highest_modseq,
            first_recent_uid=box.first_recent_uid,
            recent=sum(message.uid >= box.first_recent_uid for message in messages),
        )

    # --- properties ------------------------------------------------------------------------------

    async def properties(self, mailbox: MailboxId | None, prefix: str = "") -> Mapping[str, bytes]:
        if mailbox is not None:
            self._begin().box(mailbox)
        return (await self.all_properties(prefix)).get(mailbox, {})

    async def all_properties(self, prefix: str) -> Mapping[MailboxId | None, Mapping[str, bytes]]:
        found = {
            mailbox: {name: kept[name] for name in sorted(kept) if name.startswith(prefix)}
            for mailbox, kept in self._kept.mail.properties.items()
        }
        return {mailbox: some for mailbox, some in found.items() if some}

    async def set_properties(self, mailbox: MailboxId | None, values: Mapping[str, bytes | None]) -> None:
        change = self._begin()
        if mailbox is not None:
            change.box(mailbox)
        before = change.mail.properties.get(mailbox, {})
        for name, value in values.items():
            naming.check_property(name, value, self._limits)
        after = {name: value for name, value in {**before, **values}.items() if value is not None}
        if after != before:
            change.mail.properties[mailbox] = after
            change.stamp()
            change.touched.add(mailbox or 0)
        kept = [item for properties in change.mail.properties.values() for item in properties.items()]
        size_bytes = sum(len(name.encode("utf-8")) + len(value) for name, value in kept)
        naming.check_properties(len(kept), size_bytes, self._limits)
        self._commit(change)

    async def quota(self) -> Quota:
        return Quota(self._quota_limits(self._kept.mail), self._kept.mail.usage())

    # --- watching --------------------------------------------------------------------------------

    async def image(self, mailbox: MailboxId) -> MailboxImage:
        kept = self._kept
        box = kept.mail.boxes.get(mailbox)
        if box is None:
            image = kept.images.get(mailbox)
            if image is None or not kept.watchers.get(mailbox):
                raise MailboxMissing("")
            image.deleted = True
            return image
        image = kept.images.setdefault(mailbox, SharedImage(box.info))
        gone = [uid for uid in image.uids if uid not in box.messages]
        image.vanish((uid, uid) for uid in gone)
        for row, uid in enumerate(image.uids):
            image.overwrite(row, [box.messages[uid].flags], array("Q", [box.messages[uid].modseq]))
        last = image.uids[-1] if image.uids else 0
        image.extend(_arrivals([message for message in box.messages.values() if message.uid > last]))
        image.settle(box.info, box.uidnext, box.highest_modseq, list(kept.mail.keywords.values()))
        return image

    def watch(self, mailbox: MailboxId, watcher: Watcher) -> Unwatch:
        return self._watch(self._kept.watchers.setdefault(mailbox, []), watcher)

    def watch_mailboxes(self, watcher: Watcher) -> Unwatch:
        return self._watch(self._kept.list_watchers, watcher)

    # --- messages --------------------------------------------------------------------------------

    async def append(self, mailbox: MailboxId, messages: Sequence[NewMessage]) -> Appended:
        change = self._begin()
        appended = self._append(change, mailbox, messages)
        self._commit(change)
        return appended

    async def copy(self, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
        return self._transfer(mailbox, uids, destination, lambda change, source, messages: None)

    async def move(self, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
        return self._transfer(mailbox, uids, destination, Change.move_out)

    async def restore(
        self, mailbox: MailboxId, uidvalidity: int, kept: Sequence[KeptMessage], uidnext: int = 1, modseq: int = 0
    ) -> Appended:
        change = self._begin()
        box = change.box(mailbox)
        uids = [each.uid for each in kept]
        after, gaps = check_restore((box.info.uidvalidity, box.uidnext), uidvalidity, uids, uidnext, modseq)
        change.mail.modseq = max(change.mail.modseq, modseq)
        change.mail.uidvalidity = max(change.mail.uidvalidity, uidvalidity)
        number = change.stamp(box)
        rows = self._incoming(change, [each.message for each in kept])
        for each, row in zip(kept, rows, strict=True):
            saved = change.now_seconds if each.save_seconds is None else each.save_seconds
            box.messages[each.uid] = replace(row, uid=each.uid, modseq=number, save_seconds=saved)
        box.vanished.extend((number, uid) for uid in gaps)
        box.info = replace(box.info, uidvalidity=uidvalidity)
        box.uidnext = box.first_recent_uid = after
        self._commit(change)
        return Appended(uidvalidity, uids, number)

    async def replace(self, mailbox: MailboxId, uid: int, destination: MailboxId, message: NewMessage) -> Appended:
        change = self._begin()
        source, _ = change.box(mailbox), change.box(destination)
        old = source.chosen([uid])
        if not old:
            raise MessageMissing
        change.take(source, old)
        appended = self._append(change, destination, [message])
        self._commit(change)
        return appended

    async def store_flags(
        self,
        mailbox: MailboxId,
        uids: Sequence[int],
        action: FlagAction,
        names: frozenset[str],
        unchanged_since: int | None = None,
    ) -> Flagged:
        change = self._begin()
        box = change.box(mailbox)
        if action is FlagAction.REMOVE:
            spelled = naming.known_flags(names, change.mail.keywords)
        else:
            spelled = change.spell(names)
        changed, refused, before = [], [], 0
        for message in box.chosen(uids):
            flags = apply_flags(message.flags, action, spelled)
            if unchanged_since is not None and message.modseq > unchanged_since:
                refused.append(message.uid)
            elif flags != message.flags:
                before = max(before, message.modseq)
                box.messages[message.uid] = replace(message, flags=flags, modseq=change.stamp(box))
                changed.append(message.uid)
        self._commit(change)
        return Flagged(box.highest_modseq, changed, refused, before)

    async def expunge(self, mailbox: MailboxId, uids: Sequence[int] | None = None) -> Expunged:
        change = self._begin()
        box = change.box(mailbox)
        chosen = list(box.messages.values()) if uids is None else box.chosen(uids)
        gone = [message for message in chosen if DELETED in message.flags]
        if gone:
            change.take(box, gone)
        self._commit(change)
        return Expunged([message.uid for message in gone], box.highest_modseq)

    async def claim_recent(self, mailbox: MailboxId) -> int:
        change = self._begin()
        box = change.box(mailbox)
        first, box.first_recent_uid = box.first_recent_uid, box.uidnext
        self._commit(change)
        return first

    async def digests(
        self, mailbox: MailboxId, uids: Sequence[int], fields: Sequence[DigestField]
    ) -> Sequence[tuple[bytes, ...] | None]:
        box = self._begin().box(mailbox)
        found = (box.messages.get(uid) for uid in uids)
        return [None if message is None else self._digested(message.content, fields) for message in found]

    async def contents(self, mailbox: MailboxId, uids: Sequence[int]) -> Sequence[Content | None]:
        box = self._begin().box(mailbox)
        return [_Bytes(box.messages[uid].content) if uid in box.messages else None for uid in uids]

    async def text_candidates(self, mailbox: MailboxId, key: TextKey, uids: Sequence[int]) -> Candidates | None:
        self._begin().box(mailbox)
        return Candidates(BitMap(), set_of(uids))

    async def fuzzy_hits(self, mailbox: MailboxId, key: Fuzzy, uids: Sequence[int]) -> Hits:
        self._begin().box(mailbox)
        return Hits({}, uids)

    async def text_index_state(self) -> TextIndexState:
        contents = {message.content for box in self._kept.mail.boxes.values() for message in box.messages.values()}
        return TextIndexState(indexed=0, waiting=len(contents), always_read=0, size_bytes=0)

    async def vanished_since(self, mailbox: MailboxId, modseq: int) -> UidSet:
        box = self._begin().box(mailbox)
        return UidSet.of(uid for changed, uid in box.vanished if changed > modseq)

    # --- what was worked out ---------------------------------------------------------------------

    async def recall_answer(self, mailbox: MailboxId, name: str) -> bytes | None:
        box = self._kept.mail.boxes.get(mailbox)
        return box.answers.get(name) if box else None

    def keep_answer(self, mailbox: MailboxId, name: str, value: bytes) -> None:
        box = self._kept.mail.boxes.get(mailbox)
        if box:
            box.answers.pop(name, None)
            box.answers[name] = value
            if len(box.answers) > MAX_ANSWERS:
                del box.answers[next(iter(box.answers))]

    # --- what has left ---------------------------------------------------------------------------

    async def departed(self, since_seconds: int = 0) -> Sequence[Departed]:
        found = [
            Departed(
                gone.box.id,
                gone.box.name,
                gone.box.uidvalidity,
                gone.message.uid,
                gone.message.flags,
                len(gone.message.content),
                gone.message.date,
                gone.message.save_seconds,
                gone.gone_seconds,
                gone.how,
            )
            for gone in self._kept.mail.departed
            if gone.gone_seconds >= since_seconds
        ]
        return sorted(found, key=lambda each: (each.gone_seconds, each.mailbox, each.uid))

    async def departed_contents(self, mailbox: MailboxId, uids: Sequence[int]) -> Sequence[Content | None]:
        kept = {gone.message.uid: gone.message for gone in self._kept.mail.departed if gone.box.id == mailbox}
        return [_Bytes(kept[uid].content) if uid in kept else None for uid in uids]

    async def undelete(self, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
        change = self._begin()
        target, mail = change.box(destination), change.mail
        back = [
            gone
            for gone in mail.departed
            if gone.box.id == mailbox and gone.message.uid in uids and gone.how is Departure.EXPUNGED
        ]
        mail.departed = [gone for gone in mail.departed if gone not in back]
        messages = sorted((gone.message for gone in back), key=lambda message: message.uid)
        given = change.put(target, messages) if messages else []
        for uid, message in zip(given, messages, strict=True):
            flags = flag_set(message.flags.names - {DELETED})
            put = target.messages[uid]
            target.messages[uid] = replace(put, flags=flags, save_seconds=message.save_seconds)
        self._commit(change)
        return Copied(target.info.uidvalidity, [message.uid for message in messages], given, target.highest_modseq)

    async def purge_departed(self, before_seconds: int) -> int:
        change = self._begin()
        stay = [gone for gone in change.mail.departed if gone.gone_seconds >= before_seconds]
        count, change.mail.departed = len(change.mail.departed) - len(stay), stay
        self._commit(change)
        return count

    # --- within ----------------------------------------------------------------------------------

    def _begin(self) -> Change:
        return Change(self._kept.mail, self._limits, int(self._clock.now_seconds()))

    def _quota_limits(self, mail: Mail) -> Limits:
        return limits_of(mail.properties.get(None, {}), self._limits.quota)

    def _commit(self, change: Change) -> None:
        before = self._kept.mail.usage()
        if before.mailboxes:
            check_growth(self._quota_limits(change.mail), before, change.mail.usage())
        self._kept.mail = change.mail
        for mailbox in change.touched:
            for watcher in list(self._kept.watchers.get(mailbox, ())):
                watcher()
        if change.touched:
            for watcher in list(self._kept.list_watchers):
                watcher()

    def _append(self, change: Change, mailbox: MailboxId, messages: Sequence[NewMessage]) -> Appended:
        box = change.box(mailbox)
        rows = self._incoming(change, messages)
        uids = change.put(box, rows) if rows else []
        return Appended(box.info.uidvalidity, uids, box.highest_modseq)

    def _incoming(self, change: Change, messages: Sequence[NewMessage]) -> list[Message]:
        rows = []
        for message in messages:
            content = message.content
            data = content if isinstance(content, bytes) else _Staging.taken(content)
            if len(data) > self._limits.max_message_bytes:
                raise MessageTooBig(self._limits.max_message_bytes)
            rows.append(Message(0, flag_set(self._spelled(change, message, data)), 0, data, message.internal_date, 0))
        return rows

    def _spelled(self, change: Change, message: NewMessage, data: bytes) -> frozenset[str]:
        marks = self._limits.mark_attachments
        if mark := naming.attachment_mark(data, message.flags, message.origin, marks):
            with contextlib.suppress(LimitReached):
                return change.spell(message.flags | mark)
        return change.spell(message.flags)

    def _watch(self, watchers: list[Watcher], watcher: Watcher) -> Unwatch:
        def entry() -> None:
            watcher()

        def unwatch() -> None:
            if entry in watchers:
                watchers.remove(entry)

        watchers.append(entry)
        self._watched.append(unwatch)
        return unwatch

    def _transfer(
        self,
        mailbox: MailboxId,
        uids: Sequence[int],
        destination: MailboxId,
        leave: Callable[[Change, Box, Sequence[Message]], None],
    ) -> Copied:
        change = self._begin()
        source, target = change.box(mailbox), change.box(destination)
        messages = source.chosen(uids)
        given: list[int] = []
        if messages:
            given = change.put(target, messages)
            leave(change, source, messages)
        modseq = target.highest_modseq if messages else source.highest_modseq
        self._commit(change)
        return Copied(target.info.uidvalidity, [message.uid for message in messages], given, modseq)

    def _digested(self, content: bytes, fields: Sequence[DigestField]) -> tuple[bytes, ...]:
        digest = self._digest(content)
        known = {
            DigestField.ENVELOPE: digest.envelope,
            DigestField.BODYSTRUCTURE: digest.bodystructure,
            DigestField.BODY: digest.body,
            DigestField.PARTS: digest.parts,
            DigestField.COMMON_FIELDS: digest.common_fields,
            DigestField.SORT_KEYS: digest.sort_keys,
            DigestField.HEADER: content[: digest.header_size],
            DigestField.EMAIL_ID: email_id(sha256_of(content)),
        }
        return tuple(known[name] for name in fields)


class _Bytes:
    """contract.Content."""

    def __init__(self, data: bytes) -> None:
        self.size_bytes = len(data)
        self._data = data

    def read(self, start: int, end: int) -> bytes:
        return self._data[start:end]

    def whole(self) -> bytes:
        return self._data


class _Staging:
    """contract.Staged."""

    def __init__(self, limit_bytes: int) -> None:
        self.size_bytes = 0
        self._limit_bytes = limit_bytes
        self._data = bytearray()

    @staticmethod
    def taken(staged: Staged) -> bytes:
        assert isinstance(staged, _Staging), "staged by another store"
        return bytes(staged._data)

    def write(self, data: bytes | memoryview) -> None:
        if self.size_bytes + len(data) > self._limit_bytes:
            raise MessageTooBig(self._limit_bytes)
        self._data += data
        self.size_bytes += len(data)

    def pieces(self, size: int) -> Iterator[bytes]:
        return (bytes(self._data[at : at + size]) for at in range(0, len(self._data), size))

    def discard(self) -> None:
        self._data.clear()


def _arrivals(messages: Sequence[Message]) -> Arrivals:
    arrivals = Arrivals([message.flags for message in messages])
    arrivals.uids.extend(message.uid for message in messages)
    arrivals.modseqs.extend(message.modseq for message in messages)
    arrivals.contents.extend(message.uid for message in messages)
    arrivals.sizes.extend(len(message.content) for message in messages)
    arrivals.date_seconds.extend(message.date.epoch_seconds for message in messages)
    arrivals.date_zones.extend(message.date.zone_minutes for message in messages)
    arrivals.save_seconds.extend(message.save_seconds for message in messages)
    return arrivals
