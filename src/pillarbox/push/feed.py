"""What happened in one account since a position, from the store's change sequence (RFC 7162 mod-sequences).

Nothing is written down when something happens: whoever knows a position asks what came after it. So no change is
missed, whichever process made it, and a reader that hangs costs nobody anything.

Must never: change anything in the store.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Final

from pillarbox.mail.errors import MailboxMissing
from pillarbox.mail.flags import DELETED, SEEN, FlagSet
from pillarbox.push.happening import Happening, Kind
from pillarbox.push.position import Place, Position
from pillarbox.store.contract import AccountStore, Mailbox, MailboxId, MailboxImage, Unwatch

UNLIMITED: Final = 1 << 62


class AccountFeed:
    """Reads one account's events. Use it on the loop's thread; close() it before the account."""

    def __init__(self, mail: AccountStore, position: Position | None = None) -> None:
        """Without a position: from now on."""
        self._mail = mail
        self._given = position
        self.position: Position = dict(position or {})
        self._known: dict[int, dict[int, FlagSet]] = {}
        """Mailbox -> UID -> flags, as they were told last; empty for what was told by an earlier process."""
        self._told: dict[int, dict[int, FlagSet]] = {}
        """The same of new messages, until all that came before them is known."""
        self._unwatch: dict[int, Unwatch] = {}
        self._changed = asyncio.Event()
        self._changed.set()
        self._unwatch[0] = mail.watch_mailboxes(self._changed.set)

    def close(self) -> None:
        """Look no more."""
        for unwatch in self._unwatch.values():
            unwatch()
        self._unwatch.clear()

    async def begin(self) -> None:
        """Take now for the position when none was given."""
        if self._given is None:
            await self._look(UNLIMITED)

    async def wait(self) -> None:
        """Until there may be something to look at."""
        await self._changed.wait()

    async def look(self, limit: int = UNLIMITED) -> list[Happening]:
        """What came after the position, in the order of each mailbox; the position moves on.

        About `limit` at most; what is left comes with the next call.
        """
        return await self._look(limit)

    async def _look(self, limit: int) -> list[Happening]:
        self._changed.clear()
        found: list[Happening] = []
        boxes = await self._mail.mailboxes()
        for id in self.position.keys() - {int(box.id) for box in boxes}:
            found.append(self._deleted(id))
        for box in boxes:
            if len(found) >= limit:
                self._changed.set()
                break
            if box.id not in self._unwatch:
                self._unwatch[box.id] = self._mail.watch(box.id, self._changed.set)
            found += self._named(box)
            with suppress(MailboxMissing):  # it goes with the next look
                found += await self._messages(box.id, limit)
        return found

    # --- mailboxes ---------------------------------------------------------------------------------

    def _deleted(self, id: int) -> Happening:
        place = self.position.pop(id)
        self._known.pop(id, None)
        if id in self._unwatch:
            self._unwatch.pop(id)()
        return Happening(Kind.MAILBOX_DELETE, place.name, id, place.uidvalidity, place.modseq)

    def _named(self, box: Mailbox) -> list[Happening]:
        """It is new, or has another name."""
        place = self.position.get(box.id)
        if place is None:
            self.position[box.id] = place = Place(box.name, box.uidvalidity, 1, 0)
            self._known[box.id] = {}
            return [Happening(Kind.MAILBOX_CREATE, box.name, box.id, box.uidvalidity, 0)]
        if place.name == box.name:
            return []
        self.position[box.id] = replace(place, name=box.name)
        return [Happening(Kind.MAILBOX_RENAME, box.name, box.id, box.uidvalidity, place.modseq, old_name=place.name)]

    # --- messages ----------------------------------------------------------------------------------

    async def _messages(self, id: MailboxId, limit: int) -> list[Happening]:
        image = await self._mail.image(id)
        place = self.position[id]
        if image.deleted or (image.highest_modseq <= place.modseq and image.uidnext <= place.uidnext):
            self._remember(image)
            return []
        uidnext, highest = image.uidnext, image.highest_modseq
        rows = list(image.changed_since(place.modseq))
        news = [row for row in rows if image.uids[row] >= place.uidnext]
        if len(news) > limit:
            news = news[:limit]
            self._changed.set()
            self.position[id] = replace(place, uidnext=image.uids[news[-1]] + 1)
            return [self._new(image, row) for row in news]
        found = [self._new(image, row) for row in news]
        older = [row for row in rows if image.uids[row] < place.uidnext]
        for row in sorted(older, key=lambda row: (image.modseqs[row], row)):
            found += self._flags_changed(image, row)
        since = place.modseq
        vanished = await self._mail.vanished_since(id, since)
        known = self._known.get(id)
        gone = [uid for low, high in vanished.ranges for uid in range(low, min(high, place.uidnext - 1) + 1)]
        if known is not None:
            gone = [uid for uid in gone if known.pop(uid, None) is not None]
        found += [Happening(Kind.MESSAGE_EXPUNGE, place.name, id, place.uidvalidity, highest, uid) for uid in gone]
        self.position[id] = replace(place, uidnext=max(uidnext, place.uidnext), modseq=highest)
        self._remember(image)
        return found

    def _remember(self, image: MailboxImage) -> None:
        """After a start nobody knows what the flags were; from the first look on they are known."""
        self._told.pop(image.mailbox.id, None)
        if image.mailbox.id not in self._known:
            self._known[image.mailbox.id] = dict(zip(image.uids, image.flags, strict=True))

    def _new(self, image: MailboxImage, row: int) -> Happening:
        uid, flags = image.uids[row], image.flags[row]
        self._flags_of(image.mailbox.id)[uid] = flags
        return self._happening(Kind.MESSAGE_NEW, image, row, flags.names)

    def _flags_changed(self, image: MailboxImage, row: int) -> list[Happening]:
        uid, now = image.uids[row], image.flags[row]
        known = self._flags_of(image.mailbox.id)
        if uid not in known:
            return [replace(self._happening(Kind.FLAGS_SET, image, row, now.names), is_exact=False)]
        before, known[uid] = known[uid], now
        came, went = now.names - before.names, before.names - now.names
        kinds = (
            (Kind.MESSAGE_READ, came & {SEEN}),
            (Kind.MESSAGE_TRASH, came & {DELETED}),
            (Kind.FLAGS_SET, came - {SEEN, DELETED}),
            (Kind.FLAGS_CLEAR, went),
        )
        return [self._happening(kind, image, row, names) for kind, names in kinds if names]

    def _flags_of(self, id: int) -> dict[int, FlagSet]:
        known = self._known.get(id)
        return self._told.setdefault(id, {}) if known is None else known

    def _happening(self, kind: Kind, image: MailboxImage, row: int, names: frozenset[str]) -> Happening:
        box = image.mailbox
        place = self.position[box.id]
        return Happening(
            kind,
            place.name,
            box.id,
            place.uidvalidity,
            image.modseqs[row],
            image.uids[row],
            tuple(sorted(names)),
            image.sizes[row],
        )
