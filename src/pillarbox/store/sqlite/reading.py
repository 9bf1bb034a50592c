"""Reads one account on the loop thread, through a connection that never writes.

What it tells is what was committed last, by whichever process. Must never: wait for a lock, or trust what it
read before without asking `PRAGMA data_version`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, cast

import apsw

from pillarbox.mail.errors import MailboxMissing, StoreCorrupt
from pillarbox.mail.uids import UidSet
from pillarbox.store.contract import Content, DigestField, Mailbox, MailboxId, MailboxStatus
from pillarbox.store.digesting import Digester, email_id
from pillarbox.store.image import FEW_PIECES, Arrivals, SharedImage
from pillarbox.store.sqlite.blocks import Block, Blocks
from pillarbox.store.sqlite.contents import InlineContent, MappedContent
from pillarbox.store.sqlite.derived import DERIVED, Pieces, pieces_of
from pillarbox.store.sqlite.flagsets import FlagSets
from pillarbox.store.sqlite.rows import Rows, unpack

_CONTENT_COLUMNS: Final = {DigestField.HEADER: "header", DigestField.EMAIL_ID: "sha256"}
_PLACES: Final = {
    field: (table, column)
    for table, columns in {**DERIVED, "content": _CONTENT_COLUMNS}.items()
    for field, column in columns.items()
}
"""Field -> its table and column."""
_KEYS: Final = {"content": "id"}
"""Table -> where the content's id is, when that is not `content`."""


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
                "SELECT id, name, uidvalidity, special_use, first_recent_uid, uidnext, highest_modseq"
                " FROM mailbox WHERE id = ?",
                (image.mailbox.id,),
            ).fetchone()
            if row is None:
                return False
            *facts, image.first_recent_uid, uidnext, highest = row
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
        if not known or len(vanished) > FEW_PIECES:
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

    def digests(self, contents: Sequence[int], fields: Sequence[DigestField]) -> list[tuple[bytes | None, ...]]:
        """A row for each content, in their order, with the fields asked for (at least one): None for those that are
        not digested yet, and for all of a content that is gone. SQLite joins in that order already, since nothing but
        the ids can be the outer table: looking each up afterwards took as long as reading them."""
        if not contents:
            return []
        tables = dict.fromkeys(_PLACES[field][0] for field in fields)
        joins = " ".join(
            f"LEFT JOIN {table} ON {table}.{_KEYS.get(table, 'content')} = wanted.value" for table in tables
        )
        columns = ", ".join(".".join(_PLACES[field]) for field in fields)
        statement = f"SELECT {columns} FROM carray(?) AS wanted {joins}"  # noqa: S608 - constants
        rows = cast("list[tuple[bytes | None, ...]]", self.connection.execute(statement, (_ids(contents),)).fetchall())
        if DigestField.EMAIL_ID in fields:
            at = fields.index(DigestField.EMAIL_ID)
            rows = [_with_email_id(row, at) for row in rows]
        return rows

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
        anew = "SELECT count(*) FROM content WHERE id IN carray(?)"
        if missing and self.connection.execute(anew, (_ids(missing),)).get:
            raise StoreCorrupt("The bytes of a message are missing")
        return found

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


def _with_email_id(row: tuple[bytes | None, ...], at: int) -> tuple[bytes | None, ...]:
    sha256 = row[at]
    return row if sha256 is None else (*row[:at], email_id(sha256), *row[at + 1 :])


def _ids(contents: Sequence[int]) -> object:
    """Content ids as a table that a query joins; 0, which none has, where there are none."""
    return apsw.carray(array("q", contents or (0,)))


def _mailbox(mailbox: int, name: str, uidvalidity: int, special_use: str) -> Mailbox:
    return Mailbox(MailboxId(mailbox), name, uidvalidity, frozenset(special_use.split()))
