"""Moments as people type them: `2026-11-20`, `2026-11-20 14:30`, `2026-11-20T14:30:00+01:00`, `3h`, `2d`.

Must never: guess; what names no zone is in the zone of this machine.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.clock import SystemClock

_AGO: Final = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def moment(typed: str) -> int:
    """Epoch seconds of a moment, or of so long ago. Raises CommandFailed."""
    if ago := _AGO.fullmatch(typed):
        return int(SystemClock().now_seconds()) - int(ago[1]) * _UNITS[ago[2]]
    try:
        return int(datetime.fromisoformat(typed).timestamp())
    except (ValueError, OverflowError) as error:
        raise CommandFailed(
            f'"{typed}" is no moment: give a date (2026-11-20), a time ("2026-11-20 14:30"), or how long ago (3h, 2d)',
            ExitCode.USAGE,
        ) from error


def seconds_of(typed: str) -> int:
    """A length of time such as `3h` or `14d`. Raises CommandFailed."""
    found = _AGO.fullmatch(typed)
    if found is None:
        raise CommandFailed(f'"{typed}" is no length of time: give for example 12h or 14d', ExitCode.USAGE)
    return int(found[1]) * _UNITS[found[2]]


def moment_text(epoch_seconds: int) -> str:
    """For people, in the zone of this machine."""
    return datetime.fromtimestamp(epoch_seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def moment_iso(epoch_seconds: int) -> str:
    """For programs: UTC, as in `2026-11-20T13:30:00+00:00`."""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat()
