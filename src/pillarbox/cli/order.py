"""What `pillarbox serve` was asked for, ready to be carried out by a process that has read no command line.

Must never: import at its top what only reading takes (cyclopts, pydantic): the server would hold it for good.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pillarbox.app.aside import aside
from pillarbox.app.settings import ServerSettings
from pillarbox.cli.exits import CommandFailed, ExitCode


@dataclass(frozen=True, slots=True)
class Order:
    """Serve with these settings, and read them again when asked to."""

    settings: ServerSettings
    data: Path | None
    config: Path | None
    given: Mapping[str, object]
    """Settings of the command line: they win, whatever the file says later."""

    def __call__(self) -> None:
        """Serve until stopped. Raises CommandFailed."""
        from pillarbox.app.server import CannotStart, serve

        try:
            serve(self.settings, announce=_announce, read_again=self._read_again)
        except CannotStart as error:
            raise CommandFailed(str(error), ExitCode.UNAVAILABLE) from error

    def _read_again(self) -> ServerSettings:
        from pillarbox.app.server import SettingsUnusable

        found = aside(self._read)
        if isinstance(found, str):
            raise SettingsUnusable(found)
        return found

    def _read(self) -> ServerSettings | str:
        """The settings as they are now, or what is wrong with them."""
        from pillarbox.cli.place import Place

        try:
            return Place(data=self.data, config=self.config).settings(**self.given)
        except CommandFailed as error:
            return str(error)


def _announce(line: str) -> None:
    print(line)  # noqa: T201 - the command line speaks
    sys.stdout.flush()
