"""Brings one account from an IMAP server into one of ours: what is not here yet, in small durable steps.

Messages come window by window (some hundred UIDs) and batch by batch (some MiB), large ones piece by piece, so memory
stays bounded. How a kill -9 at any moment brings nothing twice is told in checkpoint.py.

Must never: change the source, or go on past a message without storing it or saying so.
"""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pillarbox.clock import Clock
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.errors import LimitReached, MailboxExists, MailboxMissing, MailError, MessageTooBig, NameInvalid
from pillarbox.mail.flags import DELETED, FlagAction
from pillarbox.store.contract import AccountStore, Mailbox, NewMessage, Staged
from pillarbox.transfer.batches import BATCH_MESSAGES, LARGE_BYTES, batches
from pillarbox.transfer.checkpoint import Checkpoint, Intended, Point
from pillarbox.transfer.names import plan_names, shown_name
from pillarbox.transfer.progress import MailboxOutcome, Outcome, Progress
from pillarbox.transfer.recognise import find_batch, hashes_of
from pillarbox.transfer.source import Examined, Head, ImapSource, SourceFolder, SourceLost, SourceRefused
from pillarbox.transfer.windows import Thread, windows

_HANG_UPS: Final = 2


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is wanted besides new messages."""

    only: tuple[str, ...] = ()
    """Patterns of mailbox names at the source; empty: all."""
    exclude: tuple[str, ...] = ()
    update_flags: bool = False
    """Carry over flags that changed at the source since."""
    expunge: bool = False
    """Remove here what was expunged at the source since."""

    def wants(self, name: str) -> bool:
        return (not self.only or _matches(name, self.only)) and not _matches(name, self.exclude)


@dataclass(frozen=True, slots=True)
class Target:
    """The account here, and where its large messages are staged."""

    mail: AccountStore
    stage: Callable[[], Staged]
    clock: Clock


@dataclass(slots=True)
class _Fetched:
    head: Head
    content: bytes | Staged
    hash: bytes


class Migration:
    """One pass over one account; run() again after SourceLost goes on where it was."""

    def __init__(
        self,
        target: Target,
        checkpoint: Checkpoint,
        wishes: Wishes,
        thread: Thread,
        progress: Progress,
        outcome: Outcome,
    ) -> None:
        self._target = target
        self._mail = target.mail
        self._checkpoint = checkpoint
        self._wishes = wishes
        self._thread = thread
        self._progress = progress
        self.outcome = outcome
        self.points: list[tuple[SourceFolder, Point]] = []
        """The mailboxes that have come whole."""
        self._suspects: dict[tuple[int, int], int] = {}
        """(mailbox, source UID) -> how often the source hung up while it was asked for its bytes."""

    async def run(self, source: ImapSource) -> None:
        """Raises SourceLost, SourceRefused, MailError (no room), OSError."""
        self.points.clear()
        all_folders = await self._thread(source.folders)
        prefix = await self._thread(source.personal_prefix)
        names = plan_names(all_folders, prefix, self._checkpoint.names())
        for folder in all_folders:
            if self._wishes.wants(shown_name(folder.raw_name)):
                await self._folder(source, folder, names[folder.raw_name])
        await self._special_uses(set(names.values()))

    # --- one mailbox -----------------------------------------------------------------------------

    async def _folder(self, source: ImapSource, folder: SourceFolder, name: str) -> None:
        shown = shown_name(folder.raw_name)
        try:
            examined = await self._thread(source.examine, folder.raw_name)
            mailbox = await self._mailbox(folder, name)
        except (SourceRefused, LimitReached, NameInvalid) as error:
            self._leave_out(f"mailbox {shown}: {error}")
            return
        done = self.outcome.mailboxes.setdefault(folder.raw_name, MailboxOutcome(shown, mailbox.name))
        done.at_source = examined.messages
        self._progress.mailbox(shown, examined.messages)
        point = self._checkpoint.point(folder.raw_name)
        if point is None or point.target != mailbox.id:
            point = self._checkpoint.begin(folder.raw_name, mailbox, examined)
        await self._settle(point)
        if point.uidvalidity != examined.uidvalidity:
            self._progress.note(f"{shown} has new UIDs at the source; its messages are recognised by their bytes")
            self._checkpoint.renumber(point, examined)
        bring = _Bringing(self, source, point, done)
        await bring.left_out_before()
        await bring.new(examined)
        await bring.changes(examined)
        if self._wishes.update_flags and self._wishes.expunge:
            self._checkpoint.finished(point, examined.modseq)
        self.points.append((folder, point))

    async def _mailbox(self, folder: SourceFolder, name: str) -> Mailbox:
        """The mailbox for a folder: the one of an earlier run, also when it was renamed here since."""
        point = self._checkpoint.point(folder.raw_name)
        if point is not None:
            for mailbox in await self._mail.mailboxes():
                if mailbox.id == point.target:
                    return mailbox
        try:
            mailbox = await self._mail.find(name)
        except MailboxMissing:
            with contextlib.suppress(MailboxExists):  # somebody else was faster
                await self._mail.create(name, folder.special_use)
            mailbox = await self._mail.find(name)
        if folder.special_use - mailbox.special_use:
            await self._mail.set_special_use(name, mailbox.special_use | folder.special_use)
        if folder.is_subscribed:
            await self._mail.subscribe(name)
        return mailbox

    async def _special_uses(self, brought: set[str]) -> None:
        """Take away mailboxes that every new account has and nobody used, where the source has its own for that use."""
        mailboxes = await self._mail.mailboxes()
        uses = {use for mailbox in mailboxes if mailbox.name in brought for use in mailbox.special_use}
        for mailbox in mailboxes:
            if mailbox.name not in brought and mailbox.special_use & uses:
                status = await self._mail.status(mailbox.id)
                if status.uidnext == 1 and not any(each.name.startswith(mailbox.name + "/") for each in mailboxes):
                    await self._mail.delete(mailbox.name)
                    await self._mail.unsubscribe(mailbox.name)

    async def _settle(self, point: Point) -> None:
        """Find out whether the batch that was intended when the last run ended was stored."""
        uidnext, intended = self._checkpoint.intention(point)
        if not intended:
            return
        image = await self._mail.image(point.target)
        uids = [uid for uid in image.uids if uid >= uidnext]
        found = find_batch([each.hash for each in intended], uids, await hashes_of(self._mail, point.target, uids))
        self._checkpoint.took(point, [] if found is None else [(each, found + at) for at, each in enumerate(intended)])

    def _leave_out(self, text: str) -> None:
        self.outcome.left_out.append(text)
        self._progress.note(f"left out: {text}")


class _Bringing:
    """The messages of one mailbox."""

    def __init__(self, migration: Migration, source: ImapSource, point: Point, done: MailboxOutcome) -> None:
        self._migration = migration
        self._mail = migration._mail
        self._checkpoint = migration._checkpoint
        self._thread = migration._thread
        self._source = source
        self._point = point
        self._done = done
        self._known: dict[bytes, list[int]] | None = None
        """Hash -> UIDs here of messages whose source UIDs were lost."""

    async def new(self, examined: Examined) -> None:
        """All that came to the source since the last run."""
        async for window in windows(self._source, self._thread, self._point.seen_uid + 1, examined.uidnext - 1):
            come = self._checkpoint.pairs(self._point, window.low, window.high)
            await self._bring([head for head in window.heads if head.uid not in come])
            self._checkpoint.saw(self._point, window.high)

    async def left_out_before(self) -> None:
        """Try again what could not be stored."""
        uids = self._checkpoint.left_out(self._point)
        for at in range(0, len(uids), BATCH_MESSAGES):
            part = uids[at : at + BATCH_MESSAGES]
            await self._bring(await self._thread(self._source.heads, ",".join(map(str, part))))

    async def changes(self, examined: Examined) -> None:
        """Flags that changed at the source and messages that were expunged there, when that is wished."""
        wishes, last = self._migration._wishes, self._point.seen_uid
        since = self._point.modseq if examined.modseq else 0
        if not last or (since and since == examined.modseq):
            return
        if wishes.expunge and since and self._source.tells_vanished:
            gone = await self._thread(self._source.vanished, f"1:{last}", since)
            await self._expunge(gone.within(sorted(self._checkpoint.pairs(self._point, 1, last))))
        elif wishes.expunge:
            async for window in windows(self._source, self._thread, 1, last):
                there = {head.uid for head in window.heads}
                await self._expunge(sorted(self._checkpoint.pairs(self._point, window.low, window.high).keys() - there))
        if wishes.update_flags and since:
            await self._flags(await self._thread(self._source.flags, f"1:{last}", since))
        elif wishes.update_flags:
            async for window in windows(self._source, self._thread, 1, last):
                await self._flags({head.uid: head.flags for head in window.heads})

    # --- messages --------------------------------------------------------------------------------

    async def _bring(self, heads: list[Head]) -> None:
        """Fetch the next batch while the one before is stored."""
        suspects = self._migration._suspects
        waiting = list(batches(heads, {head.uid for head in heads if (self._point.key, head.uid) in suspects}))
        coming: asyncio.Task[list[_Fetched]] | None = None
        try:
            for at, batch in enumerate(waiting):
                fetched = await (coming or self._fetch(batch))
                following = waiting[at + 1] if at + 1 < len(waiting) else None
                coming = None if following is None else asyncio.create_task(self._fetch(following))
                await self._take(fetched)
        finally:
            if coming is not None:
                with contextlib.suppress(Exception):
                    _discard(await coming)

    async def _fetch(self, batch: Sequence[Head]) -> list[_Fetched]:
        """Some servers hang up when one message can't be read: those asked for then are asked for alone the next time.

        One that they hang up at again is left out.
        """
        suspects = self._migration._suspects
        keys = [(self._point.key, head.uid) for head in batch]
        if len(batch) == 1 and suspects.get(keys[0], 0) >= _HANG_UPS:
            self._leave_out(batch[0], "the source hangs up when it is asked for it")
            return []
        try:
            return await self._fetch_now(batch)
        except SourceLost:
            suspects.update((key, suspects.get(key, 0) + 1) for key in keys)
            raise

    async def _fetch_now(self, batch: Sequence[Head]) -> list[_Fetched]:
        """Their bytes; what was expunged meanwhile is not among them, what can't be read there is left out."""
        if len(batch) == 1 and batch[0].size_bytes >= LARGE_BYTES:
            return await self._fetch_large(batch[0])
        try:
            bodies = await self._thread(self._source.bodies, [head.uid for head in batch])
        except SourceRefused as error:
            if len(batch) > 1:  # one of them is the cause
                return [each for head in batch for each in await self._fetch_now([head])]
            self._leave_out(batch[0], f"the source says: {error}")
            return []
        await self._check_gone([head for head in batch if head.uid not in bodies])
        return [
            _Fetched(head, bodies[head.uid], hashlib.sha256(bodies[head.uid]).digest())
            for head in batch
            if head.uid in bodies
        ]

    async def _check_gone(self, missing: Sequence[Head]) -> None:
        """Leave out, not in silence, messages that are there and have no bytes."""
        if missing:
            for head in await self._thread(self._source.heads, ",".join(str(head.uid) for head in missing)):
                self._leave_out(head, "the source does not give its bytes")

    async def _fetch_large(self, head: Head) -> list[_Fetched]:
        staged = self._migration._target.stage()
        sha256 = hashlib.sha256()

        def read() -> int:
            for piece in self._source.pieces(head.uid):
                sha256.update(piece)
                staged.write(piece)
            return staged.size_bytes

        try:
            size_bytes = await self._thread(read)
        except (MessageTooBig, SourceRefused) as error:
            staged.discard()
            self._leave_out(head, str(error))
            return []
        except BaseException:
            staged.discard()
            raise
        if not size_bytes:
            await self._check_gone([head])
        return [_Fetched(head, staged, sha256.digest())] if size_bytes else []

    async def _take(self, fetched: list[_Fetched]) -> None:
        try:
            new = await self._recognised(fetched)
            try:
                await self._store(new)
            except (LimitReached, MessageTooBig, NameInvalid):
                for each in new:
                    await self._store_alone(each)
        finally:
            _discard(fetched)

    async def _recognised(self, fetched: list[_Fetched]) -> list[_Fetched]:
        """Those that are not here under a source UID that was lost; the others are noted under their new one."""
        if self._known is None:
            self._known = {}
            orphans = sorted(self._checkpoint.orphans(self._point))
            hashes = await hashes_of(self._mail, self._point.target, orphans)
            for uid, hash in hashes.items():
                self._known.setdefault(hash, []).append(uid)
        if not self._known:
            return fetched
        here = [each for each in fetched if self._known.get(each.hash[:20])]
        pairs = [(_intended(each), self._known[each.hash[:20]].pop(0)) for each in here if self._known[each.hash[:20]]]
        self._checkpoint.took(self._point, pairs)
        paired = {intended.uid for intended, _ in pairs}
        return [each for each in fetched if each.head.uid not in paired]

    async def _store_alone(self, each: _Fetched) -> None:
        try:
            await self._store([each])
        except MessageTooBig as error:
            self._leave_out(each.head, str(error))
        except (LimitReached, NameInvalid) as error:
            system_flags = frozenset(flag for flag in each.head.flags if flag.startswith("\\"))
            await self._store([each], system_flags)  # the message before its keywords
            self._migration._progress.note(f"{self._done.source}: a message came without its keywords: {error}")

    async def _store(self, fetched: list[_Fetched], flags: frozenset[str] | None = None) -> None:
        if not fetched:
            return
        batch = [_intended(each) for each in fetched]
        now = InternalDate(int(self._migration._target.clock.now_seconds()), 0)
        messages = [
            NewMessage(each.content, each.head.date or now, each.head.flags if flags is None else flags)
            for each in fetched
        ]
        status = await self._mail.status(self._point.target)
        self._checkpoint.intend(self._point, status.uidnext, batch)
        try:
            appended = await self._mail.append(self._point.target, messages)
        except MailError:
            self._checkpoint.took(self._point, [])
            raise
        self._checkpoint.took(self._point, list(zip(batch, appended.uids, strict=True)))
        size_bytes = sum(_size(each) for each in fetched)
        self._done.brought += len(batch)
        self._migration.outcome.size_bytes += size_bytes
        self._migration._progress.took(len(batch), size_bytes)

    def _leave_out(self, head: Head, reason: str) -> None:
        self._checkpoint.leave_out(self._point, head.uid, reason)
        self._migration._leave_out(f"{self._done.source}, UID {head.uid}: {reason}")

    # --- what changed ----------------------------------------------------------------------------

    async def _flags(self, now: dict[int, frozenset[str]]) -> None:
        """Carry over flags that are others at the source than they were when it was looked at last."""
        if not now:
            return
        pairs = self._checkpoint.pairs(self._point, min(now), max(now))
        changed = {uid: flags for uid, flags in now.items() if uid in pairs and pairs[uid][1] != flags}
        together: dict[frozenset[str], list[int]] = {}
        for uid, flags in changed.items():
            together.setdefault(flags, []).append(pairs[uid][0])
        for flags, uids in together.items():
            await self._mail.store_flags(self._point.target, sorted(uids), FlagAction.REPLACE, flags)
        self._checkpoint.remember_flags(self._point, changed)
        self._done.flags_changed += len(changed)

    async def _expunge(self, gone: list[int]) -> None:
        if not gone:
            return
        pairs = self._checkpoint.pairs(self._point, gone[0], gone[-1])
        uids = sorted(pairs[uid][0] for uid in gone)
        await self._mail.store_flags(self._point.target, uids, FlagAction.ADD, frozenset({DELETED}))
        await self._mail.expunge(self._point.target, uids)
        self._checkpoint.forget(self._point, gone)
        self._done.expunged += len(gone)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) or name == pattern for pattern in patterns)


def _intended(fetched: _Fetched) -> Intended:
    return Intended(fetched.head.uid, fetched.hash[:20], fetched.head.flags)


def _size(fetched: _Fetched) -> int:
    return len(fetched.content) if isinstance(fetched.content, bytes) else fetched.content.size_bytes


def _discard(fetched: Sequence[_Fetched]) -> None:
    for each in fetched:
        if not isinstance(each.content, bytes):
            each.content.discard()
