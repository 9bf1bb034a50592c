"""Walks through the UIDs of a source mailbox in windows that hold some hundred messages each.

UIDs may lie close or far apart, so a window is widened where little is found and narrowed where much is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar

from pillarbox.transfer.source import Head, ImapSource

P = ParamSpec("P")
R = TypeVar("R")

_FEW: Final = 250
_MANY: Final = 2_000
_WIDEST: Final = 1_000_000


class Thread:
    """Runs what blocks in a thread."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def __call__(self, function: Callable[P, R], /, *arguments: P.args, **named: P.kwargs) -> R:
        return await asyncio.wrap_future(self._executor.submit(function, *arguments, **named))


@dataclass(frozen=True, slots=True)
class Window:
    """What is there between two UIDs."""

    low: int
    high: int
    heads: list[Head]
    """Ascending."""


async def windows(source: ImapSource, thread: Thread, low: int, last: int) -> AsyncIterator[Window]:
    """All from `low` to `last`, ascending."""
    width = _FEW
    while low <= last:
        high = min(low + width - 1, last)
        told = await thread(source.heads, f"{low}:{high}")
        heads = [head for head in told if low <= head.uid <= high]  # others were not asked for, and come in their turn
        yield Window(low, high, heads)
        low = high + 1
        if len(heads) < _FEW:
            width = min(width * 2, _WIDEST)
        elif len(heads) > _MANY:
            width = max(_FEW, width // 4)
