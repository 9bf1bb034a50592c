"""Several hundred varied messages, the same on every run: what mail looks like, and what it should never look like.

Every message belongs to a family; differences between servers are counted by family.
Must never: depend on the clock, on dict order or on the machine.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.differential import broken, families
from tests.differential.pieces import CRLF, Families

SYSTEM_FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")
KEYWORDS = ("$Forwarded", "Urgent", "later")


@dataclass(frozen=True, slots=True)
class Sample:
    """One message as it is appended."""

    family: str
    name: str
    content: bytes
    internal_date: str
    """As APPEND takes it: `02-Jan-2023 03:04:05 +0100`."""
    flags: tuple[str, ...] = ()

    @property
    def has_bare_newlines(self) -> bool:
        """A lone LF, or a lone CR, anywhere: servers may keep such lines differently."""
        return b"\n" in self.content.replace(CRLF, b"") or b"\r" in self.content.replace(CRLF, b"")


def corpus() -> list[Sample]:
    """All messages, in the order in which they are appended."""
    table = Families()
    families.enter(table)
    broken.enter(table)
    table.add_texts("samples", _sample_letters())
    return list(_samples(table))


def _sample_letters() -> list[bytes]:
    """The letters of samples/, with the line ends that mail has on the wire."""
    files = sorted((Path(__file__).parents[2] / "samples").rglob("*.eml"))
    return [file.read_bytes().replace(CRLF, b"\n").replace(b"\n", CRLF) for file in files]


def _samples(table: Families) -> Iterator[Sample]:
    for family, count, maker in table.rows:
        dice = random.Random(f"pillarbox {family}")
        for index in range(count):
            day, hour = dice.randrange(1, 29), dice.randrange(24)
            month = dice.choice(("Jan", "Feb", "Jun", "Sep", "Dec"))
            zone = dice.choice(("+0000", "+0100", "-0530", "+1345", "-1100"))
            flags = dice.sample(SYSTEM_FLAGS, dice.choice((0, 0, 1, 2))) + dice.sample(KEYWORDS, dice.choice((0, 0, 1)))
            date = f"{day:02d}-{month}-{dice.randrange(1999, 2025)} {hour:02d}:{dice.randrange(60):02d}:07 {zone}"
            yield Sample(family, f"{family} {index}", maker(dice, index), date, tuple(flags))
