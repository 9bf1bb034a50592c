"""contract.AccountStore over one open account: what a session holds.

Reads happen at once on the loop thread; changes go to the account's writer.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from pillarbox.mail.errors import MailboxMissing, MessageTooBig, StoreUnavailable
from pillarbox.mail.flags import FlagAction
from pillarbox.mail.uids import UidSet
from pillarbox.store import naming
from pillarbox.store.contract import (
    AccountId,
    Appended,
    Candidates,
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
    TextKey,
    Unwatch,
    Watcher,
)
from pillarbox.store.sqlite import departed, mailboxes, messages
from pillarbox.store.sqlite.answers import Answers
from pillarbox.store.sqlite.contents import Incoming, Ready, make_ready, remove_blobs
from pillarbox.store.sqlite.failures import DATABASE_FAILURES, mail_error
from pillarbox.store.sqlite.opened import LIST, OpenAccount
from pillarbox.store.sqlite.schema import make_folder
from pillarbox.store.sqlite.transaction import Transaction, read_quota
from pillarbox.store.sqlite.writer import Change, Durability
from pillarbox.store.staged import StagedMessage

R = TypeVar("R")


class SqliteAccount:
    """One user's hold on an account. Several may hold the same one."""

    def __init__(self, opened: OpenAccount, give_back: Callable[[], None]) -> None:
        self.account: AccountId = opened.account
        self._opened = opened
        self._reader = opened.reader
        self._answers = Answers(opened.reader, opened.writer)
        self._give_back: Callable[[], None] | None = give_back
        self._unwatch: list[Unwatch] = []

    async def close(self) -> None:
        """Give it back; again is harmless. What it watched is unwatched."""
        for unwatch in self._unwatch:
            unwatch()
        self._unwatch.clear()
        if self._give_back is not None:
            give_back, self._give_back = self._give_back, None
            give_back()

    # --- mailboxes -------------------------------------------------------------------------------

    async def mailboxes(self) -> Sequence[Mailbox]:
        with self._reading():
            return naming.in_listing_order(self._reader.mailboxes())

    async def find(self, name: str) -> Mailbox:
        with self._reading():
            return self._reader.find(name)

    async def create(self, name: str, special_use: frozenset[str] = frozenset()) -> Mailbox:
        return await self._change(lambda transaction: mailboxes.create(transaction, name, special_use))

    async def delete(self, name: str) -> None:
        await self._change(lambda transaction: mailboxes.delete(transaction, name))

    async def rename(self, old: str, new: str) -> None:
        await self._change(lambda transaction: mailboxes.rename(transaction, old, new))

    async def set_special_use(self, name: str, special_use: frozenset[str]) -> None:
        await self._change(lambda transaction: mailboxes.set_special_use(transaction, name, special_use))

    async def subscriptions(self) -> frozenset[str]:
        with self._reading():
            return self._reader.subscriptions()

    async def subscribe(self, name: str) -> None:
        await self._change(lambda transaction: mailboxes.subscribe(transaction, name))

    async def unsubscribe(self, name: str) -> None:
        await self._change(lambda transaction: mailboxes.unsubscribe(transaction, name))

    async def status(self, mailbox: MailboxId) -> MailboxStatus:
        with self._reading():
            return self._reader.status(mailbox)

    # --- properties ------------------------------------------------------------------------------

    async def properties(self, mailbox: MailboxId | None, prefix: str = "") -> Mapping[str, bytes]:
        with self._reading():
            if mailbox is not None:
                self._reader.check_there(mailbox)
            return self._reader.properties(prefix, mailbox or mailboxes.ACCOUNT).get(mailbox, {})

    async def all_properties(self, prefix: str) -> Mapping[MailboxId | None, Mapping[str, bytes]]:
        with self._reading():
            return self._reader.properties(prefix)

    async def set_properties(self, mailbox: MailboxId | None, values: Mapping[str, bytes | None]) -> None:
        await self._change(lambda transaction: mailboxes.set_properties(transaction, mailbox, values))

    async def quota(self) -> Quota:
        with self._reading():
            return read_quota(self._reader.connection, self._opened.around.limits)

    # --- watching --------------------------------------------------------------------------------

    async def image(self, mailbox: MailboxId) -> MailboxImage:
        try:
            return self._opened.image(mailbox)
        except DATABASE_FAILURES as error:
            raise mail_error(error) from error

    def watch(self, mailbox: MailboxId, watcher: Watcher) -> Unwatch:
        return self._watch(mailbox, watcher)

    def watch_mailboxes(self, watcher: Watcher) -> Unwatch:
        return self._watch(LIST, watcher)

    # --- messages --------------------------------------------------------------------------------

    async def append(self, mailbox: MailboxId, new: Sequence[NewMessage]) -> Appended:
        return await self._store(new, lambda transaction, ready: messages.append(transaction, mailbox, ready))

    async def restore(
        self, mailbox: MailboxId, uidvalidity: int, kept: Sequence[KeptMessage], uidnext: int = 1, modseq: int = 0
    ) -> Appended:
        return await self._store(
            [each.message for each in kept],
            lambda transaction, ready: messages.restore(
                transaction, mailbox, uidvalidity, kept, (uidnext, modseq), ready
            ),
        )

    async def replace(self, mailbox: MailboxId, uid: int, destination: MailboxId, message: NewMessage) -> Appended:
        return await self._store(
            [message], lambda transaction, ready: messages.replace(transaction, mailbox, uid, destination, ready)
        )

    async def _store(
        self, new: Sequence[NewMessage], apply: Callable[[Transaction, Sequence[Ready]], Appended]
    ) -> Appended:
        limit = self._opened.around.limits.max_message_bytes
        for message in new:
            size = len(message.content) if isinstance(message.content, bytes) else message.content.size_bytes
            if size > limit:
                raise MessageTooBig(limit)
        blobs = self._opened.blobs
        around = self._opened.around
        incoming = self._take_over(new)
        settings, marks = around.settings, around.limits.mark_attachments
        ready: list[Ready] = []
        return await self._opened.writer.run(
            Change(
                lambda transaction: apply(transaction, ready),
                prepare=lambda: ready.extend(make_ready(incoming, blobs, settings.inline_bytes, around.digest, marks)),
                abandon=lambda: remove_blobs(blobs, [message.blob for message in incoming]),
            )
        )

    async def copy(self, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
        return await self._change(lambda transaction: messages.copy(transaction, mailbox, uids, destination))

    async def move(self, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
        return await self._change(lambda transaction: messages.move(transaction, mailbox, uids, destination))

    async def store_flags(
        self,
        mailbox: MailboxId,
        uids: Sequence[int],
        action: FlagAction,
        names: frozenset[str],
        unchanged_since: int | None = None,
    ) -> Flagged:
        return await self._change(
            lambda transaction: messages.store_flags(transaction, mailbox, uids, action, names, unchanged_since)
        )

    async def expunge(self, mailbox: MailboxId, uids: Sequence[int] | None = None) -> Expunged:
        return await self._change(lambda transaction: messages.expunge(transaction, mailbox, uids))

    async def claim_recent(self, mailbox: MailboxId) -> int:
        with self._reading():
            image = self._opened.image(mailbox)
        if image.deleted:
            raise MailboxMissing("")
        if image.first_recent_uid == image.uidnext:
            return image.uidnext
        return await self._opened.writer.run(
            Change(lambda transaction: messages.claim_recent(transaction, mailbox), durability=Durability.IN_TIME)
        )

    async def digests(
        self, mailbox: MailboxId, uids: Sequence[int], fields: Sequence[DigestField]
    ) -> Sequence[tuple[bytes, ...] | None]:
        with self._reading():
            contents = self._opened.content_of(mailbox, uids)
            return await self._opened.digests.of(contents, fields)

    async def contents(self, mailbox: MailboxId, uids: Sequence[int]) -> Sequence[Content | None]:
        with self._reading():
            contents = self._opened.content_of(mailbox, uids)
            found = self._reader.contents(contents)
        return list(map(found.get, contents))

    async def text_candidates(self, mailbox: MailboxId, key: TextKey, uids: Sequence[int]) -> Candidates | None:
        with self._reading():
            image = self._opened.image(mailbox)
        if image.deleted:
            raise MailboxMissing("")
        return await self._opened.index.candidates(key, self._opened.index.scope_of(image, uids))

    async def fuzzy_hits(self, mailbox: MailboxId, key: Fuzzy, uids: Sequence[int]) -> Hits:
        with self._reading():
            image = self._opened.image(mailbox)
        if image.deleted:
            raise MailboxMissing("")
        return await self._opened.index.fuzzy_hits(key, self._opened.index.scope_of(image, uids))

    async def text_index_state(self) -> TextIndexState:
        try:
            return await self._opened.index.state()
        except DATABASE_FAILURES as error:
            raise mail_error(error) from error

    async def vanished_since(self, mailbox: MailboxId, modseq: int) -> UidSet:
        with self._reading():
            return self._reader.vanished_since(mailbox, modseq)

    # --- what was worked out ---------------------------------------------------------------------

    async def recall_answer(self, mailbox: MailboxId, name: str) -> bytes | None:
        with self._reading():
            return self._answers.recall(mailbox, name)

    def keep_answer(self, mailbox: MailboxId, name: str, value: bytes) -> None:
        self._answers.keep(mailbox, name, value)

    # --- what has left ---------------------------------------------------------------------------

    async def departed(self, since_seconds: int = 0) -> Sequence[Departed]:
        with self._reading():
            return departed.read_departed(self._reader.connection, since_seconds)

    async def departed_contents(self, mailbox: MailboxId, uids: Sequence[int]) -> Sequence[Content | None]:
        with self._reading():
            contents = departed.contents_of(self._reader.connection, mailbox, uids)
            found = self._reader.contents(contents)
        return list(map(found.get, contents))

    async def undelete(self, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
        return await self._change(lambda transaction: departed.undelete(transaction, mailbox, uids, destination))

    async def purge_departed(self, before_seconds: int) -> int:
        """contract; a few thousand messages in one change, so that others need not wait long."""
        count = 0
        while some := await self._change(lambda transaction: departed.purge(transaction, before_seconds)):
            count += some
        return count

    # --- within ----------------------------------------------------------------------------------

    async def _change(self, apply: Callable[[Transaction], R]) -> R:
        return await self._opened.writer.run(Change(apply))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except DATABASE_FAILURES as error:
            self._opened.around.events.error("store.read_failed", error=type(error).__name__, text=str(error))
            raise mail_error(error) from error

    def _watch(self, mailbox: int, watcher: Watcher) -> Unwatch:
        unwatch = self._opened.watch(mailbox, watcher)
        self._unwatch.append(unwatch)

        def once() -> None:
            unwatch()
            if unwatch in self._unwatch:
                self._unwatch.remove(unwatch)

        return once

    def _take_over(self, new: Sequence[NewMessage]) -> list[Incoming]:
        """Hold the messages' bytes independent of what the caller does with what it staged."""
        blobs = self._opened.blobs
        taken: list[Incoming] = []
        try:
            for message in new:
                taken.append(Incoming(None, None, None, message.internal_date, message.flags, message.origin))
                if isinstance(message.content, bytes):
                    taken[-1].data = message.content
                    continue
                assert isinstance(message.content, StagedMessage), "staged by another store"
                taken[-1].sha256 = message.content.sha256()
                taken[-1].data = message.content.bytes_in_memory()
                if taken[-1].data is None:
                    taken[-1].blob = secrets.token_hex(16)
                    make_folder(blobs)
                    message.content.link_to(blobs / taken[-1].blob)
        except OSError as error:
            remove_blobs(blobs, [message.blob for message in taken])
            raise StoreUnavailable("The server can't take the message in now") from error
        return taken
