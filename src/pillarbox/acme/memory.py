"""What is remembered between two looks at a certificate: failures, and what the authority suggests.

Must never: keep anything that could not be lost; a file that can't be read counts as none.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pillarbox.acme.folder import make_private, write_private
from pillarbox.acme.schedule import Window


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one certificate that is wanted."""

    failures: int = 0
    """Since it was last issued."""
    error: str = ""
    """What the last of them said."""
    next_try_seconds: float = 0.0
    """Not before."""
    serial: str = ""
    """Of the certificate that the window is for."""
    window: Window | None = None
    ask_at_seconds: float = 0.0
    """When to ask for renewal information again."""


def recall(folder: Path, name: str) -> Memory:
    """What is known of the certificate of that name."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        told: dict[str, Any] = json.loads((folder / f"{name}.json").read_bytes())  # Any: checked by the constructors
        window = told.pop("window")
        return Memory(**told, window=None if window is None else Window(**window))
    return Memory()


def remember(folder: Path, name: str, memory: Memory) -> None:
    """Raises OSError."""
    make_private(folder)
    window = memory.window
    told = {
        "failures": memory.failures,
        "error": memory.error,
        "next_try_seconds": memory.next_try_seconds,
        "serial": memory.serial,
        "ask_at_seconds": memory.ask_at_seconds,
        "window": None
        if window is None
        else {
            "start_seconds": window.start_seconds,
            "end_seconds": window.end_seconds,
            "explanation_url": window.explanation_url,
        },
    }
    write_private(folder / f"{name}.json", json.dumps(told, indent=1).encode())
