"""A client's open mailbox as the corpus of a search: columns from the image, texts from the store through MIME.

Row i is the message that the client numbers i + 1, whatever happened in the mailbox since. How a message reads is
for store/searchable.py to say, so that the store's index of texts agrees.

Must never: change the view, or hold more than what it was asked for last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pyroaring import BitMap

from pillarbox.imap.object_ids import thread_object_id
from pillarbox.imap.view import View
from pillarbox.mail.errors import MailboxMissing
from pillarbox.mail.flags import NO_FLAGS
from pillarbox.mail.uids import UidSet
from pillarbox.search.corpus import BodyTexts, Candidates, Columns, HeaderTexts, TextKey
from pillarbox.search.fuzzy import Fuzzy, Hits
from pillarbox.search.renumber import renumbered, set_of
from pillarbox.store.contract import AccountStore, DigestField
from pillarbox.store.searchable import MessageBody, MessageHeader


class _Header(MessageHeader):
    """See search.corpus.HeaderTexts."""

    __slots__ = ("_email_id",)

    def __init__(self, raw_header: bytes, email_id: bytes) -> None:
        super().__init__(raw_header)
        self._email_id = email_id

    def email_id(self) -> str:
        return self._email_id.decode("ascii")

    def thread_id(self) -> str:
        return thread_object_id(self.raw_header, self._email_id).decode("ascii")


class ViewCorpus:
    """See search.corpus.Corpus. Good for one search."""

    def __init__(self, view: View, account: AccountStore, saved: UidSet, now_seconds: int) -> None:
        self._account = account
        self._mailbox = view.image.mailbox.id
        self.columns = _columns(view, saved, now_seconds)

    async def candidates(self, key: TextKey, rows: Sequence[int]) -> Candidates | None:
        uids = self.columns.uids
        asked = uids if len(rows) == len(uids) else renumbered(set_of(rows), range(len(uids)), uids).to_array()
        try:
            found = await self._account.text_candidates(self._mailbox, key, asked)
        except MailboxMissing:
            return None
        if found is None:
            return None
        return Candidates(self._rows_of(found.certain), self._rows_of(found.possible))

    async def fuzzy_hits(self, key: Fuzzy, rows: Sequence[int]) -> Hits:
        uids = self.columns.uids
        asked = uids if len(rows) == len(uids) else [uids[row] for row in rows]
        try:
            known = await self._account.fuzzy_hits(self._mailbox, key, asked)
        except MailboxMissing:
            return Hits({}, ())
        rows_of = dict(zip(asked, rows, strict=True))
        found = {rows_of[uid]: hit for uid, hit in known.found.items()}
        return Hits(found, self._rows_of(set_of(known.unread)).to_array())

    def _rows_of(self, found: BitMap) -> BitMap:
        return renumbered(found, self.columns.uids, range(len(self.columns.uids)))

    async def headers(self, rows: Sequence[int]) -> Sequence[HeaderTexts | None]:
        uids = [self.columns.uids[row] for row in rows]
        try:
            digests = await self._account.digests(self._mailbox, uids, (DigestField.HEADER, DigestField.EMAIL_ID))
        except MailboxMissing:
            return [None] * len(rows)
        return [None if digest is None else _Header(*digest) for digest in digests]

    async def bodies(self, rows: Sequence[int]) -> Sequence[BodyTexts | None]:
        uids = [self.columns.uids[row] for row in rows]
        try:
            digests = await self._account.digests(self._mailbox, uids, (DigestField.PARTS,))
            contents = await self._account.contents(self._mailbox, uids)
        except MailboxMissing:
            return [None] * len(rows)
        return [
            None if digest is None or content is None else MessageBody(digest[0], content)
            for digest, content in zip(digests, contents, strict=True)
        ]

    async def pause(self) -> None:
        await asyncio.sleep(0)  # no waiting: one turn for everybody else


def _columns(view: View, saved: UidSet, now_seconds: int) -> Columns:
    """The image's own columns while they agree with the view; else a copy with gaps where messages are gone."""
    image = view.image
    rows = view.rows_of(range(view.count))
    shared = isinstance(rows, range)
    recent = UidSet.of_ranges((uids[0], uids[-1]) for uids in view.recent if uids)
    return Columns(
        uids=view.uids[: view.count],
        flags=image.flags if shared else [image.flags[row] if row >= 0 else NO_FLAGS for row in rows],
        modseqs=image.modseqs if shared else _spread(image.modseqs, rows),
        sizes=image.sizes if shared else _spread(image.sizes, rows),
        date_seconds=image.date_seconds if shared else _spread(image.date_seconds, rows),
        date_zones=image.date_zones if shared else _spread(image.date_zones, rows),
        save_seconds=image.save_seconds if shared else _spread(image.save_seconds, rows),
        now_seconds=now_seconds,
        recent=recent,
        saved=saved,
    )


def _spread(column: Sequence[int], rows: Sequence[int]) -> Sequence[int]:
    return [column[row] if row >= 0 else 0 for row in rows]
