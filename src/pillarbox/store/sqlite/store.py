"""contract.Store in a folder: one SQLite database per account, and what they share.

    <folder>/<2 hex digits>/<account>/mail.db, blobs/      mail
    <folder>/<2 hex digits>/<account>/search.db            the index of its texts, which may be lost
    <folder>/staging/                                      messages on their way in
    <folder>/removed/                                      accounts whose files are being removed
    <folder>/run/                                          sockets for hints between processes

Must never: keep anything true about an account that is not in its database.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.mail.errors import MailError, StoreUnavailable
from pillarbox.mime.digest import digest
from pillarbox.store.contract import NOTHING_MORE, AccountId, NewAccount, Staged, StoreLimits
from pillarbox.store.digesting import Digester
from pillarbox.store.hints import HintBoard
from pillarbox.store.sqlite import mailboxes
from pillarbox.store.sqlite.account import SqliteAccount
from pillarbox.store.sqlite.check import check_account
from pillarbox.store.sqlite.departed import any_before
from pillarbox.store.sqlite.failures import DATABASE_FAILURES, mail_error
from pillarbox.store.sqlite.housekeeper import Housekeeper, extractor_for
from pillarbox.store.sqlite.index_settings import IndexSettings
from pillarbox.store.sqlite.opened import OpenAccount, Surroundings, open_account
from pillarbox.store.sqlite.schema import DATABASE_NAME, make_folder
from pillarbox.store.sqlite.settings import SqliteSettings
from pillarbox.store.sqlite.writer import Change
from pillarbox.store.staged import StagedMessage

_ACCOUNT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_DEFAULTS: Final = SqliteSettings()
_STAGING_SECONDS: Final = 24 * 3600.0
"""A staged file not written to for a day was left behind by a process that died."""


class _Entry:
    """An account in this process: being opened or open, and how many use it."""

    def __init__(self, opening: asyncio.Task[OpenAccount]) -> None:
        self.opening = opening
        self.users = 0


class SqliteStore:
    """Everybody's mail in a folder. Made by open_store()."""

    def __init__(
        self,
        folder: Path,
        limits: StoreLimits,
        clock: Clock,
        events: EventLog,
        digest: Digester,
        settings: SqliteSettings,
        new_account: NewAccount,
    ) -> None:
        self.limits = limits
        self._folder = folder
        self._settings = settings
        self._pool = ThreadPoolExecutor(settings.threads, "pillarbox-store")
        self._board = HintBoard(folder / "run", self._hinted, events)
        self._around = Surroundings(limits, settings, clock, events, digest, self._pool, new_account, self._publish)
        self._housekeeper: Housekeeper | None = None
        self._accounts: dict[AccountId, _Entry] = {}
        """The one used last comes last."""
        self._closing: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._poll = self._loop.call_later(settings.poll_seconds, self._look_around)
        self._closed = False

    # --- contract.Store --------------------------------------------------------------------------

    async def open(self, account: AccountId) -> SqliteAccount:
        """contract.Store.open. Raises StoreUnavailable, StoreCorrupt."""
        folder = self._folder_of(account)
        if self._closed:
            raise StoreUnavailable("The server is stopping")
        entry = self._accounts.pop(account, None)
        if entry is None:
            entry = _Entry(self._loop.create_task(open_account(account, folder, self._around)))
        self._accounts[account] = entry
        entry.users += 1
        try:
            opened = await asyncio.shield(entry.opening)
        except BaseException as error:
            entry.users -= 1
            if entry.opening.done() and self._accounts.get(account) is entry and _failed(entry.opening):
                del self._accounts[account]
            if isinstance(error, (*DATABASE_FAILURES, OSError)):
                self._around.events.error("store.open_failed", error=type(error).__name__, text=str(error))
                raise mail_error(error) from error
            raise
        return SqliteAccount(opened, lambda: self._give_back(entry))

    async def remove(self, account: AccountId) -> None:
        """contract.Store.remove"""
        folder, aside = self._folder_of(account), self._folder / "removed" / account
        if (folder / DATABASE_NAME).exists():
            held = await self.open(account)
            entry = self._accounts.pop(account)
            opened = entry.opening.result()
            await opened.writer.run(Change(mailboxes.delete_all))
            await held.close()
            await opened.close()
        try:
            await self._loop.run_in_executor(self._pool, _remove_folder, folder, aside)
        except OSError as error:
            raise mail_error(error) from error

    def stage(self) -> Staged:
        """contract.Store.stage"""
        return StagedMessage(
            self._folder / "staging", self._settings.staged_memory_bytes, self.limits.max_message_bytes
        )

    async def close(self) -> None:
        """contract.Store.close"""
        if self._closed:
            return
        self._closed = True
        self._poll.cancel()
        if self._housekeeper is not None:
            await self._housekeeper.stop()
        for entry in self._accounts.values():
            self._close_entry(entry)
        self._accounts.clear()
        await asyncio.gather(*self._closing, return_exceptions=True)
        self._board.close()
        self._pool.shutdown(wait=True)

    def keep_house(self, settings: IndexSettings) -> None:
        """Digest what comes in and keep the index of texts up to date until the store is closed. For a process that
        stays, one on each machine."""
        self._housekeeper = Housekeeper(
            self.accounts,
            self._folder_of,
            self._around.digest,
            settings,
            self._around.events,
            extractor_for(settings),
            self._folder / "run" / "attachments.lock",
        )
        self._housekeeper.start()

    # --- for the operator ------------------------------------------------------------------------

    async def accounts(self) -> Sequence[AccountId]:
        """The accounts that have mail here, sorted."""

        def look() -> list[AccountId]:
            return sorted(AccountId(path.parent.name) for path in self._folder.glob(f"??/*/{DATABASE_NAME}"))

        return await self._loop.run_in_executor(self._pool, look)

    async def check(self, account: AccountId) -> list[str]:
        """What is wrong with an account's mail, in plain words; empty when all is well."""
        folder = self._folder_of(account)
        return await self._loop.run_in_executor(self._pool, check_account, folder, self._settings.busy_seconds)

    async def forget_departed(self) -> int:
        """Remove for good what left its mailbox longer ago than StoreLimits.keep_expunged_days. How many messages it
        were. An account that can't be looked at is passed over, and told of."""
        before = int(self._around.clock.now_seconds()) - self.limits.keep_expunged_seconds
        count = 0
        for account in await self.accounts():
            path = self._folder_of(account) / DATABASE_NAME
            try:
                if await self._loop.run_in_executor(self._pool, any_before, path, before, self._settings.busy_seconds):
                    opened = await self.open(account)
                    try:
                        count += await opened.purge_departed(before)
                    finally:
                        await opened.close()
            except (*DATABASE_FAILURES, OSError, MailError) as error:
                self._around.events.error("store.not_swept", account=account, error=type(error).__name__)
        return count

    # --- within ----------------------------------------------------------------------------------

    def _folder_of(self, account: AccountId) -> Path:
        if not _ACCOUNT.fullmatch(account):
            raise ValueError("not an account id")
        return self._folder / hashlib.sha256(account.encode("ascii")).hexdigest()[:2] / account

    def _give_back(self, entry: _Entry) -> None:
        entry.users -= 1
        unused = [account for account, other in self._accounts.items() if other.users == 0]
        for account in unused[: max(0, len(unused) - self._settings.warm_accounts)]:
            self._close_entry(self._accounts.pop(account))

    def _close_entry(self, entry: _Entry) -> None:
        async def close() -> None:
            with contextlib.suppress(Exception):  # one that failed to open has told whoever opened it
                opened = await entry.opening
                await opened.close()

        task = self._loop.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _publish(self, account: AccountId, mailboxes: Iterable[int]) -> None:
        self._board.publish(account, mailboxes)
        if self._housekeeper is not None:
            self._housekeeper.changed(account)

    def _hinted(self, account: str, mailboxes: Iterable[int]) -> None:
        if self._housekeeper is not None and _ACCOUNT.fullmatch(account):
            self._housekeeper.changed(AccountId(account))
        entry = self._accounts.get(AccountId(account))
        if entry is not None and entry.opening.done() and not _failed(entry.opening):
            for mailbox in mailboxes:
                entry.opening.result().hinted(mailbox)

    def _look_around(self) -> None:
        for entry in list(self._accounts.values()):
            if entry.users and entry.opening.done() and not _failed(entry.opening):
                with contextlib.suppress(*DATABASE_FAILURES):
                    entry.opening.result().poll()
        self._poll = self._loop.call_later(self._settings.poll_seconds, self._look_around)


async def open_store(
    folder: Path,
    limits: StoreLimits,
    clock: Clock,
    events: EventLog,
    settings: SqliteSettings = _DEFAULTS,
    digest: Digester = digest,
    new_account: NewAccount = NOTHING_MORE,
) -> SqliteStore:
    """The mail in `folder` (made, 0700, when it is not there). Raises StoreUnavailable."""

    def make() -> None:
        for needed in (folder, folder / "staging", folder / "run"):
            make_folder(needed)
        for path in (folder / "staging").iterdir():
            if path.stat().st_mtime < clock.now_seconds() - _STAGING_SECONDS:
                path.unlink(missing_ok=True)

    try:
        await asyncio.get_running_loop().run_in_executor(None, make)
    except OSError as error:
        raise StoreUnavailable("The mail folder can't be used") from error
    return SqliteStore(folder, limits, clock, events, digest, settings, new_account)


def _remove_folder(folder: Path, aside: Path) -> None:
    """First out of the way, where no other process (the housekeeper) opens what is half gone or makes files anew."""
    if aside.exists():
        shutil.rmtree(aside)  # of a removal that was stopped half-way
    if folder.exists():
        make_folder(aside.parent)
        folder.rename(aside)
        shutil.rmtree(aside)


def _failed(task: asyncio.Task[OpenAccount]) -> bool:
    return task.cancelled() or task.exception() is not None
