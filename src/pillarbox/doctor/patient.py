"""What is examined, and through what: settings, folder, clock, and a way to ask the DNS.

Must never: change mail, an account or a setting.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pillarbox.app.folder import DataFolder
from pillarbox.app.settings import ServerSettings
from pillarbox.clock import Clock


class NamesUnknown(Exception):
    """The DNS can't be asked now; the text says why."""


class Names(Protocol):
    """Asks the DNS."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        """IP addresses; empty when the name has none. Raises NamesUnknown."""
        ...

    async def services(self, name: str) -> tuple[tuple[str, int], ...]:
        """Targets of SRV records: host in lower case without the last dot ("" for "."), port. Raises NamesUnknown."""
        ...


class Bar(Protocol):
    """A bar of progress."""

    def advance(self, amount: float) -> None: ...


Progress = Callable[[str, float], AbstractContextManager[Bar]]
"""Begins a bar: title, total."""


@dataclass(frozen=True, slots=True)
class Patient:
    """One installation."""

    settings: ServerSettings
    """The defaults, when the configuration file is wrong."""
    config_path: Path | None
    clock: Clock
    names: Names
    progress: Progress

    @property
    def folder(self) -> DataFolder:
        return DataFolder(self.settings.data_folder)
