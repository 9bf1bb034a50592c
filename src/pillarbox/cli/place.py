"""Where a server keeps its things, and the settings that hold there: what all commands start from.

Must never: make a data folder that others can read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from pillarbox.app.folder import DataFolder
from pillarbox.app.privileges import default_identity, prepare_folder
from pillarbox.app.settings import ServerSettings
from pillarbox.cli.exits import CommandFailed, ExitCode


def default_data() -> Path:
    """The data folder when none is named."""
    if os.geteuid() == 0:
        return Path("/var/lib/pillarbox")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "pillarbox"


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the server's things are."""

    data: Annotated[
        Path | None, Parameter(help="Data folder. Default: /var/lib/pillarbox for root, else ~/.local/share/pillarbox.")
    ] = None
    config: Annotated[
        Path | None,
        Parameter(help="Configuration file. Default: pillarbox.toml in the data folder, when there is one."),
    ] = None

    @property
    def path(self) -> Path:
        """Of the data folder."""
        return (self.data or default_data()).expanduser().absolute()

    @property
    def folder(self) -> DataFolder:
        return DataFolder(self.path)

    @property
    def config_path(self) -> Path | None:
        """The file to read, None when there is none."""
        if self.config is not None:
            return self.config.expanduser()
        usual = self.path / "pillarbox.toml"
        return usual if usual.is_file() else None

    def settings(self, **given: Any) -> ServerSettings:  # Any: values of ServerSettings' own fields
        """All settings, with those given on the command line. Raises CommandFailed."""
        from pillarbox.config import ConfigInvalid, load

        path = self.config_path
        try:
            return load(ServerSettings, path, {"data_folder": self.path, **given})
        except ConfigInvalid as error:
            raise CommandFailed(str(error), ExitCode.CONFIG) from error
        except OSError as error:
            raise CommandFailed(f"can't read {path}: {error.strerror}", ExitCode.CONFIG) from error

    def make(self) -> None:
        """Make the data folder, for its owner only, when it is not there. Raises CommandFailed."""
        try:
            self._give_to_default_user()
            self._check_owner()
            self.folder.prepare()
        except OSError as error:
            code = ExitCode.NO_PERMISSION if isinstance(error, PermissionError) else ExitCode.UNAVAILABLE
            raise CommandFailed(f"can't make the data folder {self.path}: {error.strerror}", code) from error

    def check(self) -> None:
        """Raises CommandFailed when there is no server here yet, or it is another user's."""
        self._check_owner()
        if not self.folder.accounts_path.exists():
            raise CommandFailed(
                f"there are no accounts in {self.path}; name the data folder with --data, or begin with: "
                "pillarbox user add NAME",
                ExitCode.NO_INPUT,
            )

    def _give_to_default_user(self) -> None:
        """The usual folder is the server's own user's from the beginning, also when root is the first to come."""
        if os.geteuid() == 0 and self.data is None and not self.path.exists():
            identity = default_identity()
            if identity is not None:
                prepare_folder(self.path, identity)

    def _check_owner(self) -> None:
        """Root would leave files behind that the server's own user can't open."""
        try:
            owner = self.path.stat().st_uid
        except OSError:
            return
        if os.geteuid() == 0 != owner:
            raise CommandFailed(
                f"{self.path} belongs to user {owner}; run this as that user: sudo -u '#{owner}' pillarbox ...",
                ExitCode.NO_PERMISSION,
            )
