"""`pillarbox systemd ...`: the unit that runs the server with as few rights as it needs (docs/deploy.md).

Must never: start, stop or enable anything; it prints which commands do.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.acme.settings import AcmeSettings
from pillarbox.app.settings import ServerSettings
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.place import Place
from pillarbox.cli.speech import say
from pillarbox.cli.systemd_units import SYSUSERS, USUAL_DATA, activated_service, service, sockets

Activated = Annotated[
    bool, Parameter(name="--socket", negative="", help="systemd opens the ports; the server then needs no capability.")
]
Program = Annotated[Path | None, Parameter(help="What to start. Default: this program.")]
Data = Annotated[Path, Parameter(help="Data folder. Default: /var/lib/pillarbox.")]
Config = Annotated[Path | None, Parameter(help="Whose ports. Default: pillarbox.toml in the data folder.")]
_ETC: Final = Path("/etc")


def unit(*, socket: Activated = False, program: Program = None, data: Data = USUAL_DATA) -> None:
    """Print the service unit."""
    say((activated_service if socket else service)(_program(program), data).rstrip("\n"))


def print_sockets(*, data: Data = USUAL_DATA, config: Config = None) -> None:
    """Print the socket unit for the ports in the settings."""
    say(sockets(_settings(data, config)).rstrip("\n"))


def install(
    *,
    socket: Activated = False,
    program: Program = None,
    data: Data = USUAL_DATA,
    config: Config = None,
    into: Annotated[Path, Parameter(help="Instead of /etc.")] = _ETC,
) -> None:
    """Write the units and the user."""
    started = _program(program)
    files = {
        "sysusers.d/pillarbox.conf": SYSUSERS,
        "systemd/system/pillarbox.service": (activated_service if socket else service)(started, data),
    }
    if socket:
        files["systemd/system/pillarbox.socket"] = sockets(_settings(data, config))
    for name, text in files.items():
        path = into / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o644)
        except OSError as error:
            raise CommandFailed(
                f"can't write {path}: {error.strerror}; run this as root", ExitCode.NO_PERMISSION
            ) from (error)
        say(f"wrote {path}")
    unit_name = "pillarbox.socket pillarbox.service" if socket else "pillarbox.service"
    say("next: systemd-sysusers && systemctl daemon-reload && systemctl enable --now " + unit_name)


def _program(given: Path | None) -> Path:
    return (given or Path(sys.prefix) / "bin" / "pillarbox").absolute()


def _settings(data: Path, config: Path | None) -> ServerSettings:
    """Less ACME's ports, which are not listened at but for a minute now and then."""
    return replace(Place(data=data, config=config).settings(), acme=AcmeSettings())
