"""How many messages are fetched with one command: enough that the way there and back is no matter, in little memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Final

from pillarbox.transfer.source import Head

BATCH_MESSAGES: Final = 200
BATCH_BYTES: Final = 8 * 1024 * 1024
"""Held in memory at a time, for each account that is under way."""
LARGE_BYTES: Final = 2 * 1024 * 1024
"""Messages from this size on come in pieces and are staged."""


def batches(heads: Sequence[Head], alone: Set[int] = frozenset()) -> Iterator[list[Head]]:
    """Large messages and those with the UIDs `alone` by themselves, others together up to a batch."""
    batch: list[Head] = []
    size_bytes = 0
    for head in heads:
        is_large = head.size_bytes >= LARGE_BYTES or head.uid in alone
        if batch and (is_large or len(batch) >= BATCH_MESSAGES or size_bytes + head.size_bytes > BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        if is_large:
            yield [head]
            continue
        batch.append(head)
        size_bytes += head.size_bytes
    if batch:
        yield batch
