"""The digests of one account's messages: read where they are kept, computed where they are missing.

Most are there before anybody asks (account_digester.py).

Must never: compute for long without giving others their turn; keep an answer waiting for a write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from operator import contains
from typing import Final, cast

from pillarbox.store.contract import DigestField
from pillarbox.store.sqlite.derived import FIELDS, Pieces
from pillarbox.store.sqlite.reading import Reader
from pillarbox.store.sqlite.transaction import Transaction
from pillarbox.store.sqlite.writer import Change, Durability, Writer

TURN_MESSAGES: Final = 16
"""Digested at a time, before others get their turn: about 3 ms. Smaller turns lose more to threads that want the
interpreter at each pause than others gain."""


class Digests:
    """See the module. Lives on the loop thread."""

    def __init__(self, reader: Reader, writer: Writer, not_kept: Callable[[], None]) -> None:
        """`not_kept` is told when digests could not be written; they are computed again another time."""
        self._reader = reader
        self._writer = writer
        self._not_kept = not_kept
        self._loop = asyncio.get_running_loop()
        self._keeping: set[asyncio.Task[None]] = set()

    async def of(self, contents: Sequence[int], fields: Sequence[DigestField]) -> Sequence[Pieces | None]:
        """The fields asked for of each content, None for those that are gone. Raises one of DATABASE_FAILURES."""
        if not fields:
            return [() if content else None for content in contents]
        rows = self._reader.digests(contents, fields)
        if any(map(contains, rows, repeat(None))):
            missing = [content for content, row in zip(contents, rows, strict=True) if None in row]
            computed = await self._compute(missing)
            return [_filled(row, fields, computed.get(content)) for content, row in zip(contents, rows, strict=True)]
        return cast("list[Pieces]", rows)

    async def settled(self) -> None:
        """Returns when nothing is being written."""
        while self._keeping:
            await asyncio.gather(*self._keeping, return_exceptions=True)

    # --- within ----------------------------------------------------------------------------------

    async def _compute(self, contents: Sequence[int]) -> dict[int, Pieces]:
        """Content id -> derived.FIELDS of what is not digested yet; kept, too. Those that are gone are left out."""
        computed: dict[int, Pieces] = {}
        missing = list(dict.fromkeys(filter(None, contents)))
        for start in range(0, len(missing), TURN_MESSAGES):
            turn = self._reader.compute(missing[start : start + TURN_MESSAGES])
            if turn:
                computed.update(turn)
                self._keep(turn)
                await asyncio.sleep(0)
        return computed

    def _keep(self, computed: Mapping[int, Pieces]) -> None:
        """Write digests, some time."""

        def apply(transaction: Transaction) -> None:
            for content, pieces in computed.items():
                transaction.contents.keep_digest(content, pieces)

        async def keep() -> None:
            await self._writer.run(Change(apply, durability=Durability.IN_TIME))

        task = self._loop.create_task(keep())
        self._keeping.add(task)
        task.add_done_callback(self._kept)

    def _kept(self, task: asyncio.Task[None]) -> None:
        self._keeping.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._not_kept()


def _filled(row: tuple[bytes | None, ...], fields: Sequence[DigestField], computed: Pieces | None) -> Pieces | None:
    """A row with what was missing in it; None when that is gone."""
    derived = {} if computed is None else dict(zip(FIELDS, computed, strict=True))
    pieces = [derived.get(field, piece) for field, piece in zip(fields, row, strict=True)]
    return None if None in pieces else cast(Pieces, tuple(pieces))
