"""What is wrong with a configuration file, and where.

Must never: show a value of a setting that is a secret; there is none yet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

KeyPath = tuple[str | int, ...]
"""From the root: keys of tables, numbers of array entries (from 0)."""

_HEADER: Final = re.compile(r"\s*\[(\[?)\s*([^\[\]]+?)\s*\]")
_ENTRY: Final = re.compile(
    r"\s*((?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*'))*)\s*="
)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to mend."""

    key: str
    """As a person would say it: `net.idle_timeout_seconds`; empty for the file as a whole."""
    line: int
    """From 1; 0 when it could not be told."""
    text: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return place + (f"{self.key}: {self.text}" if self.key else self.text)


def spell(path: KeyPath) -> str:
    """`("listen", 1, "port")` -> `listen[1].port`."""
    spelled = ""
    for step in path:
        spelled += f"[{step}]" if isinstance(step, int) else f".{step}" if spelled else step
    return spelled


class LineFinder:
    """Finds the line on which a key was given.

    It reads line by line and knows tables and dotted keys; entries of arrays and of inline tables are on the line
    where the array or table begins. Good enough to point at, which is all that it is for.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        for number, line in enumerate(text.splitlines(), 1):
            if header := _HEADER.match(line):
                table = _split(header[2])
                self._lines.setdefault(table, number)
            elif entry := _ENTRY.match(line):
                self._lines.setdefault((*table, *_split(entry[1])), number)

    def line_of(self, path: KeyPath) -> int:
        """The line of the key or of the nearest one above it; 0 when there is none."""
        names = tuple(step for step in path if isinstance(step, str))
        while names:
            candidates = [line for known, line in self._lines.items() if known[: len(names)] == names]
            if candidates:
                return self._lines.get(names) or min(candidates)
            names = names[:-1]
        return 0


def in_order(mistakes: Sequence[Mistake]) -> list[Mistake]:
    """By line, then by key."""
    return sorted(mistakes, key=lambda mistake: (mistake.line, mistake.key))


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
