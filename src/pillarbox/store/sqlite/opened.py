"""One account that is open in this process: its connections, images and watchers, shared by all who use it.

Must never: answer from an image without asking whether anybody has committed since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from pillarbox.clock import Clock
from pillarbox.database import open_database
from pillarbox.events import EventLog
from pillarbox.mail.errors import MailboxMissing
from pillarbox.store.contract import AccountId, Mailbox, MailboxId, NewAccount, StoreLimits, Unwatch, Watcher
from pillarbox.store.digesting import Digester
from pillarbox.store.image import SharedImage
from pillarbox.store.sqlite.contents import sweep
from pillarbox.store.sqlite.digests import Digests
from pillarbox.store.sqlite.index import discard_index_from_the_future
from pillarbox.store.sqlite.index_reader import IndexReader
from pillarbox.store.sqlite.mailboxes import found
from pillarbox.store.sqlite.reading import Reader
from pillarbox.store.sqlite.schema import BLOBS_NAME, DATABASE_NAME, make_folder, migrate
from pillarbox.store.sqlite.settings import SqliteSettings
from pillarbox.store.sqlite.transaction import LIST, Transaction
from pillarbox.store.sqlite.writer import Change, Writer


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every account of a store needs."""

    limits: StoreLimits
    settings: SqliteSettings
    clock: Clock
    events: EventLog
    digest: Digester
    pool: Executor
    new_account: NewAccount
    """What an account has from the start."""
    publish: Callable[[AccountId, Iterable[int]], None]
    """Tell other processes which mailboxes changed."""


@dataclass(slots=True)
class _Held:
    """An image with the version of the database that it shows."""

    image: SharedImage
    version: int = -1


@dataclass(slots=True)
class _Watchers:
    """Who watches which mailbox (or LIST)."""

    of: dict[int, list[Watcher]] = field(default_factory=dict)

    def add(self, mailbox: int, watcher: Watcher) -> Unwatch:
        def entry() -> None:
            watcher()

        def unwatch() -> None:
            watching = self.of.get(mailbox, [])
            if entry in watching:
                watching.remove(entry)
                if not watching:
                    del self.of[mailbox]

        self.of.setdefault(mailbox, []).append(entry)
        return unwatch

    def tell(self, mailboxes: Iterable[int]) -> None:
        for mailbox in mailboxes:
            for entry in list(self.of.get(mailbox, ())):
                entry()


class OpenAccount:
    """See open_account()."""

    def __init__(self, account: AccountId, folder: Path, reader: apsw.Connection, around: Surroundings) -> None:
        self.account = account
        self.around = around
        self.blobs = folder / BLOBS_NAME
        self.index = IndexReader(folder, around.events)
        self.reader = Reader(reader, self.blobs, around.digest)
        self.writer = Writer(
            lambda: Transaction(_writing(folder, around.settings), around.limits, around.clock),
            around.pool,
            around.settings.group_changes,
            self.blobs,
            self._committed,
            around.events,
        )
        self._images: dict[MailboxId, _Held] = {}
        self._watchers = _Watchers()
        self._polled_version = self.reader.version()
        self.digests = Digests(
            self.reader, self.writer, lambda: around.events.warning("store.digest_not_kept", account=account)
        )

    async def close(self) -> None:
        """Let go of the connections; watchers are not called again."""
        self._watchers.of.clear()
        await self.digests.settled()
        await self.writer.close()
        await self.index.close()
        self.reader.connection.close()

    # --- images ----------------------------------------------------------------------------------

    def image(self, mailbox: MailboxId) -> SharedImage:
        """contract.AccountStore.image"""
        held = self._images.get(mailbox)
        if held is None:
            held = _Held(SharedImage(Mailbox(mailbox, "", 0)))
        version = self.reader.version()
        if version != held.version:
            held.image.deleted = not self.reader.refresh(held.image)
            held.version = version
        if held.image.deleted and (mailbox not in self._watchers.of or not held.image.highest_modseq):
            self._images.pop(mailbox, None)
            raise MailboxMissing("")
        if self._images.get(mailbox) is not held:
            self._images[mailbox] = held
            self._drop_cold()
        return held.image

    def _drop_cold(self) -> None:
        """Forget the oldest images that nobody watches, past the number that stays warm."""
        cold = [mailbox for mailbox in self._images if mailbox not in self._watchers.of]
        for mailbox in cold[: -self.around.settings.warm_images]:
            del self._images[mailbox]

    # --- watching --------------------------------------------------------------------------------

    def watch(self, mailbox: int, watcher: Watcher) -> Unwatch:
        """Call `watcher` after changes to a mailbox, or to LIST."""
        return self._watchers.add(mailbox, watcher)

    def hinted(self, mailbox: int) -> None:
        """Another process says that it changed this."""
        self._watchers.tell([mailbox])

    def poll(self) -> None:
        """Look for changes whose hints were lost, and tell everybody who watches."""
        if not self._watchers.of:
            return
        version = self.reader.version()
        if version != self._polled_version:
            self._polled_version = version
            self._watchers.tell(list(self._watchers.of))

    def _committed(self, touched: set[int]) -> None:
        self._watchers.tell(touched)
        self.around.publish(self.account, touched)

    # --- messages --------------------------------------------------------------------------------

    def content_of(self, mailbox: MailboxId, uids: Sequence[int]) -> list[int]:
        """The content id of each UID, 0 when it is gone. Raises MailboxMissing."""
        image = self.image(mailbox)
        if image.deleted:
            raise MailboxMissing("")
        if not uids:
            return []
        row = image.row_of(uids[0])
        if row >= 0 and image.uids[row : row + len(uids)].tolist() == list(uids):
            return image.contents[row : row + len(uids)].tolist()
        rows = map(image.row_of, uids)
        return [image.contents[row] if row >= 0 else 0 for row in rows]


def _writing(folder: Path, settings: SqliteSettings) -> apsw.Connection:
    connection = open_database(folder / DATABASE_NAME, settings.busy_seconds)
    connection.wal_autocheckpoint(settings.log_pages)
    return connection


def open_connection(folder: Path, around: Surroundings) -> apsw.Connection:
    """A reading connection to an account's database, which is made or migrated when it must be.

    Also sweeps message files that no row names. Runs in a thread.
    """
    make_folder(folder)
    connection = open_database(folder / DATABASE_NAME, around.settings.busy_seconds)
    try:
        migrate(connection)
        discard_index_from_the_future(folder, connection)
        swept = sweep(connection, folder / BLOBS_NAME, around.clock.now_seconds() - around.settings.orphan_seconds)
    except BaseException:
        connection.close()
        raise
    if swept:
        around.events.info("store.orphans_swept", files=swept)
    return connection


async def open_account(account: AccountId, folder: Path, around: Surroundings) -> OpenAccount:
    """Open an account's mail; make it, with INBOX, when there is none. Raises StoreUnavailable, StoreCorrupt."""
    loop = asyncio.get_running_loop()
    connection = await loop.run_in_executor(around.pool, open_connection, folder, around)
    opened = OpenAccount(account, folder, connection, around)
    if not opened.reader.mailboxes():
        await opened.writer.run(Change(lambda transaction: found(transaction, around.new_account)))
    return opened


__all__ = ["LIST", "OpenAccount", "Surroundings", "open_account"]
