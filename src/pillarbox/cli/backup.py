"""`pillarbox backup ...`: the whole server into a folder, while it runs (docs/backup.md).

Must never: take a secret on the command line.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import apsw
from cyclopts import Parameter

from pillarbox.backup.chest import Chest, Run, make_chest, open_chest
from pillarbox.backup.laying import chosen_run
from pillarbox.backup.taking import KEYS_NAME, plan, take
from pillarbox.backup.trouble import BackupDamaged, BackupTrouble
from pillarbox.backup.verifying import distinct_units, verify_unit
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.moments import moment_iso, moment_text
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, complain, progress_bar, say, say_json, say_table, size_text
from pillarbox.clock import SystemClock
from pillarbox.secret import Secret

_HERE: Final = Place()
Folder = Annotated[Path, Parameter(help="The folder with the backups.")]
Identity = Annotated[
    Path | None, Parameter(help="File with the age identity of an encrypted backup; /dev/stdin will do.")
]
RunName = Annotated[str | None, Parameter(help="Which run; see `pillarbox backup list`. Default: the latest.")]


def backup(
    destination: Annotated[Path, Parameter(help="A folder: a new one, or that of the last backups.")],
    /,
    *,
    encrypt_to: Annotated[
        tuple[str, ...], Parameter(help="An age recipient (age1...); may be repeated. For a new folder.")
    ] = (),
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """Back up the server."""
    place.check()
    folder, data = destination.expanduser().absolute(), place.path
    if folder.resolve().is_relative_to(data.resolve()) or data.resolve().is_relative_to(folder.resolve()):
        raise CommandFailed("the backup and the data folder can't be one in the other", ExitCode.USAGE)
    clock = SystemClock()
    with troubles(folder):
        chest = make_chest(folder, encrypt_to, data / KEYS_NAME)
        with chest.locked():
            planned = plan(data, chest.last_run(), clock.now_seconds())
            changed = [each for each in planned if each.known is None]
            with progress_bar("Backing up", sum(each.size_bytes for each in changed)) as bar:
                run = take(data, chest, planned, clock, bar.advance)
    unchanged = len(planned) - len(changed)
    if json:
        say_json({**_told(run), "accounts_unchanged": unchanged})
        return
    say(
        f"{run.name}: {_accounts(run)} accounts, {size_text(run.size_bytes)}; {size_text(run.new_bytes)} were new, "
        f"{unchanged} accounts had not changed"
    )


def verify(
    source: Folder,
    /,
    *,
    run: RunName = None,
    all_runs: Annotated[bool, Parameter(name="--all", negative="", help="All runs, not only the latest.")] = False,
    identity: Identity = None,
    json: Json = False,
    place: Place = _HERE,
) -> int:
    """Read a backup whole."""
    folder = source.expanduser().absolute()
    problems: list[str] = []
    with troubles(folder):
        chest = opened(folder, identity, place)
        runs = [chest.run(name) for name in chest.run_names()] if all_runs else [chosen_run(chest, run)]
        units = distinct_units(runs)
        with progress_bar("Verifying", sum(unit.size_bytes for unit in units)) as bar:
            for unit in units:
                problems.extend(verify_unit(chest, unit, bar.advance))
    if json:
        say_json({"runs": [each.name for each in runs], "problems": problems})
    else:
        for problem in problems:
            say(problem)
        names = ", ".join(each.name for each in runs)
        say(f"{names}: {len(problems)} problems" if problems else f"{names}: all is well, {len(units)} units read")
    return ExitCode.BAD_DATA if problems else ExitCode.OK


def list_runs(source: Folder, /, *, identity: Identity = None, json: Json = False, place: Place = _HERE) -> None:
    """Which backups there are."""
    folder = source.expanduser().absolute()
    with troubles(folder):
        chest = opened(folder, identity, place)
        runs = [chest.run(name) for name in chest.run_names()]
    if json:
        say_json([_told(run) for run in runs])
        return
    say_table(
        ("run", "began", "accounts", "size", "new"),
        [
            (
                run.name,
                moment_text(run.began_seconds),
                _accounts(run),
                size_text(run.size_bytes),
                size_text(run.new_bytes),
            )
            for run in runs
        ],
    )


def prune(
    source: Folder,
    /,
    *,
    keep: Annotated[int, Parameter(help="How many of the latest runs stay; 1 or more.")],
    identity: Identity = None,
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """Remove old runs."""
    if keep < 1:
        raise CommandFailed("at least one run must stay: --keep 1", ExitCode.USAGE)
    folder = source.expanduser().absolute()
    with troubles(folder):
        chest = opened(folder, identity, place)
        with chest.locked():
            runs, pieces = chest.prune(keep)
    if json:
        say_json({"runs_removed": runs, "pieces_removed": pieces, "runs": chest.run_names()})
    else:
        say(f"removed {runs} runs and {pieces} pieces; {len(chest.run_names())} runs stay")


def opened(folder: Path, identity: Path | None, place: Place) -> Chest:
    """The backups in a folder. Raises BackupTrouble, CommandFailed."""
    return open_chest(folder, _identities(identity), place.path / KEYS_NAME)


@contextmanager
def troubles(folder: Path) -> Iterator[None]:
    """What goes wrong with a backup becomes CommandFailed."""
    try:
        yield
    except BackupDamaged as error:
        raise CommandFailed(
            f"the backup in {folder} is damaged: {error}; see: pillarbox backup verify {folder}", ExitCode.BAD_DATA
        ) from error
    except BackupTrouble as error:
        raise CommandFailed(str(error), ExitCode.UNAVAILABLE) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            text = (
                f"there is no room left in {error.filename or folder}; what was there before is as it was. Make room, "
                f"or remove old runs with: pillarbox backup prune {folder} --keep 7"
            )
            raise CommandFailed(text, ExitCode.UNAVAILABLE) from error
        raise CommandFailed(f"{error.filename or folder}: {error.strerror}", ExitCode.UNAVAILABLE) from error
    except apsw.FullError as error:
        raise CommandFailed(
            "there is no room left for the copy of a database; it is made in the data folder", ExitCode.UNAVAILABLE
        ) from error
    except apsw.Error as error:
        complain(f"database: {error}")
        raise CommandFailed(
            "a database could not be read, nothing was finished; look with: pillarbox doctor", ExitCode.UNAVAILABLE
        ) from error


def _identities(path: Path | None) -> Sequence[Secret[str]]:
    if path is None:
        return ()
    try:
        text = path.expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"can't read the identity file {path}", ExitCode.NO_INPUT) from error
    lines = (line.strip() for line in text.splitlines())
    found = [Secret(line) for line in lines if line.startswith("AGE-SECRET-KEY-1")]
    if not found:
        raise CommandFailed(f"{path} holds no age identity (a line AGE-SECRET-KEY-1...)", ExitCode.BAD_DATA)
    return found


def _accounts(run: Run) -> int:
    return sum(1 for unit in run.units if unit.name)


def _told(run: Run) -> dict[str, object]:
    return {
        "run": run.name,
        "began": moment_iso(run.began_seconds),
        "ended": moment_iso(run.ended_seconds),
        "accounts": _accounts(run),
        "size_bytes": run.size_bytes,
        "new_bytes": run.new_bytes,
    }
