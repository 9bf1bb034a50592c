"""`pillarbox config ...`.

Must never: change a configuration file.
"""

from __future__ import annotations

from pillarbox.app.settings import ServerSettings
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, complain, say, say_json


def check(*, json: Json = False, place: Place = Place()) -> None:  # noqa: B008 - frozen
    """Check the configuration file; every mistake is named at once, with its line."""
    from pillarbox.config import ConfigInvalid, load

    path = place.config_path
    try:
        load(ServerSettings, path, {"data_folder": place.path})
    except ConfigInvalid as error:
        if json:
            say_json([{"key": each.key, "line": each.line, "text": each.text} for each in error.mistakes])
        else:
            for mistake in error.mistakes:
                complain(f"{path}: {mistake}")
        raise CommandFailed(f"{len(error.mistakes)} mistakes in {path}", ExitCode.CONFIG) from error
    except OSError as error:
        raise CommandFailed(f"can't read {path}: {error.strerror}", ExitCode.CONFIG) from error
    if json:
        say_json([])
    else:
        say(
            f"{path} is fine"
            if path
            else f"there is no {place.path / 'pillarbox.toml'}: all settings have their defaults"
        )


def show_reference() -> None:
    """All settings with their defaults and reasons, as Markdown (docs/configure.md)."""
    from pillarbox.config import reference

    say(reference(ServerSettings).removesuffix("\n"))
