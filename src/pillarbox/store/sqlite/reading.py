"""Reads one account on the loop thread, through a connection that never writes.

What it tells is what was committed last, by whichever process. Must never: wait for a lock, or trust what it
read before without asking `PRAGMA data_version`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import apsw

from pillarbox.mail.errors import MailboxMissing, StoreCorrupt
from pillarbox.mail.uids import UidSet
from pillarbox.store.contract import Content, DigestField, Mailbox, MailboxId, MailboxStatus
from pillarbox.store.digesting import Digester, email_id
from pillarbox.store.image import FEW_PIECES, Arrivals, SharedImage
from pillarbox.store.sqlite.blocks import Block, Blocks
from pillarbox.store.sqlite.contents import InlineContent, MappedContent
from pillarbox.store.sqlite.derived import DERIVED, FIELDS, Pieces, pieces_of
from pillarbox.store.sqlite.flagsets import FlagSets
from pillarbox.store.sqlite.rows import Rows, unpack

_CONTENT_COLUMNS: Final = {DigestField.HEADER: "header", DigestField.EMAIL_ID: "sha256"}
_TABLES: Final = {**DERIVED, "content": _CONTENT_COLUMNS}


class Reader:
    """One reading connection."""

    def __init__(self, connection: apsw.Connection, blobs: Path, digest: Digester) -> None:
        self.connection = connection
        self._blocks = Blocks(connection)
        self._flagsets = FlagSets(connection)
        self._version_cursor = connection.cursor()
        self._blobs = blobs
        self._digest = digest

    def version(self) -> int:
        """A number that is another one when anybody has committed since it was asked last."""
        version: int = self._version_cursor.execute("PRAGMA data_version").get
        return version

    # --- mailboxes -------------------------------------------------------------------------------

    def mailboxes(self) -> list[Mailbox]:
        """All, in no order."""
        found = self.connection.execute("SELECT id, name, uidvalidity, special_use FROM mailbox")
        return [_mailbox(*row) for row in found]

    def find(self, name: str) -> Mailbox:
        """Raises MailboxMissing."""
        row = self.connection.execute(
            "SELECT id, name, uidvalidity, special_use FROM mailbox WHERE name = ?", (name,)
        ).fetchone()
        if row is None:
            raise MailboxMissing(name)
        return _mailbox(*row)

    def check_there(self, mailbox: MailboxId) -> None:
        """Raises MailboxMissing."""
        if self.connection.execute("SELECT 1 FROM mailbox WHERE id = ?", (mailbox,)).get is None:
            raise MailboxMissing("")

    def subscriptions(self) -> frozenset[str]:
        """All subscribed names."""
        return frozenset(name for (name,) in self.connection.execute("SELECT name FROM subscription"))

    def properties(self, prefix: str, owner: int | None = None) -> dict[MailboxId | None, dict[str, bytes]]:
        """Whose names begin with `prefix`: of all mailboxes and the account (None), or one (0: the account)."""
        statement = "SELECT mailbox, name, value FROM property WHERE substr(name, 1, ?) = ?"
        values: tuple[int | str, ...] = (len(prefix), prefix)
        if owner is not None:
            statement, values = statement + " AND mailbox = ?", (*values, owner)
        found: dict[MailboxId | None, dict[str, bytes]] = {}
        for mailbox, name, value in self.connection.execute(statement + " ORDER BY mailbox, name", values):
            found.setdefault(MailboxId(mailbox) if mailbox else None, {})[name] = value
        return found

    def status(self, mailbox: MailboxId) -> MailboxStatus:
        """Raises MailboxMissing."""
        row = self.connection.execute(
            "SELECT messages, unseen, deleted, size_bytes, deleted_bytes, uidnext, uidvalidity, highest_modseq,"
            " first_recent_uid FROM mailbox WHERE id = ?",
            (mailbox,),
        ).fetchone()
        if row is None:
            raise MailboxMissing("")
        messages, unseen, deleted, size_bytes, deleted_bytes, uidnext, uidvalidity, highest, first_recent = row
        recent = self._blocks.count_from(mailbox, first_recent) if first_recent < uidnext else 0
        return MailboxStatus(
            messages, unseen, deleted, size_bytes, deleted_bytes, uidnext, uidvalidity, highest, first_recent, recent
        )

    # --- the image -------------------------------------------------------------------------------

    def refresh(self, image: SharedImage) -> bool:
        """Bring an image up to date, from whatever state; False when the mailbox is gone."""
        self.connection.execute("BEGIN")
        try:
            row = self.connection.execute(
                "SELECT id, name, uidvalidity, special_use, uidnext, highest_modseq FROM mailbox WHERE id = ?",
                (image.mailbox.id,),
            ).fetchone()
            if row is None:
                return False
            *facts, uidnext, highest = row
            if highest > image.highest_modseq:
                self._apply_changes(image)
            keywords = [name for (name,) in self.connection.execute("SELECT name FROM keyword ORDER BY position")]
            image.settle(_mailbox(*facts), uidnext, highest, keywords)
            return True
        finally:
            self.connection.execute("COMMIT")

    def vanished_since(self, mailbox: MailboxId, modseq: int) -> UidSet:
        """Raises MailboxMissing."""
        self.check_there(mailbox)
        return UidSet.of_ranges(self._vanished(mailbox, modseq))

    def _apply_changes(self, image: SharedImage) -> None:
        mailbox, known = image.mailbox.id, image.highest_modseq
        vanished = list(self._vanished(mailbox, known)) if image.uids else []
        if len(vanished) > FEW_PIECES:
            image.load(self._arrivals(self._blocks.everything(mailbox)))
            return
        image.vanish(vanished)
        if not image.uids:
            image.extend(self._arrivals(self._blocks.everything(mailbox)))
            return
        last = image.uids[-1]
        for block in self._blocks.changed_since(mailbox, known):
            self._apply_block(image, block, last)

    def _apply_block(self, image: SharedImage, block: Block, last: int) -> None:
        """Overwrite the rows that the image has (UIDs up to `last`), and add the others."""
        there = len(block.uids)
        if block.uids[-1] > last:
            there = next(at for at, uid in enumerate(block.uids) if uid > last)
        if there:
            row = image.row_of(block.uids[0])
            start, end = image.span_of_changes(row, block.modseqs[:there])
            flags = list(map(self._flagsets.__getitem__, block.flags[start:end]))
            image.overwrite(row + start, flags, block.modseqs[start:end])
        if there < len(block.uids):
            rows = self._blocks.rows(block).part(there, len(block.uids))
            image.extend(self._arrivals(rows))

    def _arrivals(self, rows: Rows) -> Arrivals:
        flags = list(map(self._flagsets.__getitem__, rows.flags))
        uids, _, *others = rows.columns()
        return Arrivals(flags, uids, *others)

    def _vanished(self, mailbox: MailboxId, modseq: int) -> Iterable[tuple[int, int]]:
        for (ranges,) in self.connection.execute(
            "SELECT ranges FROM vanished WHERE mailbox = ? AND modseq > ?", (mailbox, modseq)
        ):
            ends = iter(unpack("I", ranges))
            yield from zip(ends, ends, strict=True)

    # --- messages --------------------------------------------------------------------------------

    def digests(
        self, contents: Sequence[int], fields: Sequence[DigestField], computed: Mapping[int, Pieces]
    ) -> dict[int, Pieces]:
        """Content id -> the fields asked for; those that are gone or not digested are left out.

        `computed` are digests that are not kept yet, as compute() gives them.
        """
        if not fields:
            return {content: () for content in contents if content}
        parts: list[dict[int, Pieces]] = []
        for table, columns in _TABLES.items():
            chosen = [name for name in fields if name in columns]
            if not chosen:
                continue
            rows = self._columns(table, [columns[name] for name in chosen], contents)
            if table != "content":
                for content, digest in computed.items():
                    by_name = dict(zip(FIELDS, digest, strict=True))
                    rows[content] = tuple(by_name[name] for name in chosen)
            parts.append(rows)
        if len(parts) == 1 and DigestField.EMAIL_ID not in fields:
            return parts[0]
        return _in_order(fields, parts)

    def contents(self, contents: Sequence[int]) -> dict[int, Content]:
        """Content id -> the bytes; those that are gone are left out. Raises StoreCorrupt."""
        found: dict[int, Content] = {}
        missing: list[int] = []
        for content, size_bytes, header, body, blob in self.connection.execute(
            "SELECT id, size_bytes, header, body, blob FROM content WHERE id IN carray(?)", (_ids(contents),)
        ):
            if blob is None:
                found[content] = InlineContent(header + body)
                continue
            try:
                found[content] = MappedContent(self._blobs / blob, size_bytes)
            except FileNotFoundError:
                missing.append(content)
        # Files go after the change that frees them: asked anew, now without the old snapshot, its row is gone too.
        if missing and self._columns("content", ["blob"], missing):
            raise StoreCorrupt("The bytes of a message are missing")
        return found

    def _columns(self, table: str, names: Sequence[str], contents: Sequence[int]) -> dict[int, Pieces]:
        key = "id" if table == "content" else "content"
        found = self.connection.execute(
            f"SELECT {key}, {', '.join(names)} FROM {table} WHERE {key} IN carray(?)",  # noqa: S608 - constants
            (_ids(contents),),
        )
        return {row[0]: row[1:] for row in found}

    def last_digested(self) -> int:
        """The last content with a digest, 0 when there is none."""
        last: int = self.connection.execute("SELECT coalesce(max(content), 0) FROM digest").get
        return last

    def undigested(self, after: int, limit: int) -> list[int]:
        """The first contents behind `after` that have no digest, ascending."""
        found = self.connection.execute(
            "SELECT id FROM content LEFT JOIN digest ON digest.content = id"
            " WHERE id > ? AND digest.content IS NULL ORDER BY id LIMIT ?",
            (after, limit),
        )
        return [content for (content,) in found]

    def compute(self, contents: Sequence[int]) -> dict[int, Pieces]:
        """Content id -> derived.FIELDS, from the bytes; those gone are left out."""
        digests: dict[int, Pieces] = {}
        for content, message in self.contents(contents).items():
            digests[content] = pieces_of(self._digest(message.whole()))
        return digests


def _in_order(fields: Sequence[DigestField], parts: list[dict[int, Pieces]]) -> dict[int, Pieces]:
    """Rows of the tables as rows of `fields`."""
    merged: dict[int, Pieces] = {}
    order = [name for columns in _TABLES.values() for name in fields if name in columns]
    places = [order.index(name) for name in fields]
    email_at = order.index(DigestField.EMAIL_ID) if DigestField.EMAIL_ID in fields else -1
    for content in set(parts[0]).intersection(*parts[1:]):
        pieces = [piece for part in parts for piece in part[content]]
        if email_at >= 0:
            pieces[email_at] = email_id(pieces[email_at])
        merged[content] = tuple(pieces[place] for place in places)
    return merged


def _ids(contents: Sequence[int]) -> object:
    """Content ids as a table that a query joins; 0, which none has, where there are none."""
    return apsw.carray(array("q", contents or (0,)))


def _mailbox(mailbox: int, name: str, uidvalidity: int, special_use: str) -> Mailbox:
    return Mailbox(MailboxId(mailbox), name, uidvalidity, frozenset(special_use.split()))
