"""What was worked out from a mailbox's messages, kept for processes to come: orders of SORT, threads.

Must never: keep anybody waiting for a write, or tell anybody that one failed: what is lost is worked out again.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from pillarbox.mail.errors import StoreCorrupt, StoreUnavailable
from pillarbox.store.contract import MAX_ANSWERS, MailboxId
from pillarbox.store.sqlite.reading import Reader
from pillarbox.store.sqlite.transaction import Transaction
from pillarbox.store.sqlite.writer import Change, Durability, Writer

_RECALL: Final = "SELECT value FROM answer WHERE mailbox = ? AND name = ?"
_KEEP: Final = "INSERT OR REPLACE INTO answer (mailbox, name, value) SELECT id, ?, ? FROM mailbox WHERE id = ?"
_FORGET: Final = """
DELETE FROM answer WHERE mailbox = ?1 AND id <= (
    SELECT id FROM answer WHERE mailbox = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2
)"""


class Answers:
    """See contract.AccountStore.keep_answer. Lives on the loop thread."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer
        self._keeping: set[asyncio.Task[None]] = set()

    def recall(self, mailbox: MailboxId, name: str) -> bytes | None:
        """Raises one of DATABASE_FAILURES."""
        value: bytes | None = self._reader.connection.execute(_RECALL, (mailbox, name)).get
        return value

    def keep(self, mailbox: MailboxId, name: str, value: bytes) -> None:
        """Write it, some time."""

        def apply(transaction: Transaction) -> None:
            transaction.connection.execute(_KEEP, (name, value, mailbox))
            transaction.connection.execute(_FORGET, (mailbox, MAX_ANSWERS))

        async def keep() -> None:
            with contextlib.suppress(StoreUnavailable, StoreCorrupt):
                await self._writer.run(Change(apply, durability=Durability.IN_TIME))

        task = asyncio.get_running_loop().create_task(keep())
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)
