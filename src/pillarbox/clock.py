"""The time. The only module that reads a clock, so that tests can hold it still.

Must never: sleep, or know what anybody does with the time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Where the rest of the house asks for the time."""

    def now_seconds(self) -> float:
        """Seconds since 1970-01-01 UTC; may jump when the machine's clock is set."""
        ...

    def monotonic_seconds(self) -> float:
        """Seconds from an unknown start; never goes back. For durations and time-outs."""
        ...

    def zone_minutes(self) -> int:
        """The local offset from UTC now, in minutes east."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_seconds(self) -> float:
        return time.time()

    def monotonic_seconds(self) -> float:
        return time.monotonic()

    def zone_minutes(self) -> int:
        return time.localtime().tm_gmtoff // 60


@dataclass(slots=True)
class HeldClock:
    """A clock for tests: it stands still until it is advanced."""

    seconds: float = 1_780_000_000.0
    zone: int = 0

    def now_seconds(self) -> float:
        return self.seconds

    def monotonic_seconds(self) -> float:
        return self.seconds

    def zone_minutes(self) -> int:
        return self.zone

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self.seconds += seconds
