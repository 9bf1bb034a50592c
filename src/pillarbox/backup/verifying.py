"""Is a backup what was written, and can it be used? Every piece is read, every database looked into.

Must never: change the backup.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import apsw

from pillarbox.backup.chest import Chest, Run, Unit
from pillarbox.backup.laying import lay_file
from pillarbox.backup.trouble import BackupDamaged
from pillarbox.store.sqlite.check import check_account
from pillarbox.store.sqlite.schema import DATABASE_NAME, MIGRATIONS

_BUSY_SECONDS = 10.0


def distinct_units(runs: Sequence[Run]) -> list[Unit]:
    """The units of these runs, each that several share once."""
    return list({(unit.name, unit.listing): unit for run in runs for unit in run.units}.values())


def verify_unit(chest: Chest, unit: Unit, advance: Callable[[int], None]) -> Iterator[str]:
    """What is wrong with it, in plain words. Needs room for it where temporary files go. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix="pillarbox-verify-") as scratch:
        folder = Path(scratch)
        try:
            files = chest.listing(unit)
        except BackupDamaged as error:
            yield f"{unit.name or 'the server'}: {error}"
            return
        whole = True
        for file in files:
            try:
                lay_file(chest, file, folder, advance)
            except BackupDamaged as error:
                whole = False
                yield f"{file.path}: {error}"
        if whole:
            yield from _look_into(folder, unit, [file.path for file in files])


def _look_into(folder: Path, unit: Unit, paths: Sequence[str]) -> Iterator[str]:
    if unit.name:
        path = folder / unit.name
        if _version(path / DATABASE_NAME) == len(MIGRATIONS):
            problems: Sequence[str] = check_account(path, _BUSY_SECONDS)
        else:
            problems = _database_problems(path / DATABASE_NAME)  # of an older Pillarbox, which is migrated when opened
        for problem in problems:
            yield f"{unit.name}: {problem}"
        return
    for name in paths:
        if name.endswith(".db"):
            for problem in _database_problems(folder / name):
                yield f"{name}: {problem}"


def _version(database: Path) -> int:
    try:
        connection = apsw.Connection(str(database))
        try:
            return int(connection.execute("PRAGMA user_version").get)
        finally:
            connection.close()
    except apsw.Error:
        return -1


def _database_problems(database: Path) -> list[str]:
    try:
        connection = apsw.Connection(str(database))
        try:
            lines = [str(line) for (line,) in connection.execute("PRAGMA integrity_check")]
        finally:
            connection.close()
    except apsw.Error as error:
        return [f"the database can't be read: {error}"]
    return [line for line in lines if line != "ok"]
