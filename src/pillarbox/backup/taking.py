"""One backup run: what there is, what has changed, and all of it into a chest, while the server goes on writing.

Each database is copied as it is at one moment, with SQLite's backup interface; the message files that it names come
after it, and when one is gone by then, the account is taken anew. Must never: write into an account, or hold up its
writers.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

from pillarbox import __version__
from pillarbox.backup.chest import Chest, Run, StoredFile, Unit
from pillarbox.backup.trouble import BackupTrouble
from pillarbox.clock import Clock
from pillarbox.store.sqlite.schema import BLOBS_NAME, DATABASE_NAME

KEYS_NAME: Final = "backup"
"""In the data folder: keys of encrypted backups. Not backed up."""
PIECE_BYTES: Final = 256 * 1024
"""Files are cut at multiples of it: a change to a database costs the pieces around it. Smaller ones would be
too many files (1 GiB has 4,096)."""
_ACCOUNTS: Final = "mail"
_LEFT_OUT: Final = frozenset(
    {"run", KEYS_NAME, f"{_ACCOUNTS}/run", f"{_ACCOUNTS}/staging", f"{_ACCOUNTS}/removed", ".restoring"}
)
"""Folders with nothing that outlives the server's process."""
_SQLITE: Final = b"SQLite format 3\0"
_SETTLED_SECONDS: Final = 2.0
"""A file changed within this time may change again without its time showing it."""
_BUSY_MS: Final = 10_000
_STEP_PAGES: Final = 4_096
_TRIES: Final = 10


@dataclass(frozen=True, slots=True)
class Planned:
    """An account, or what is outside of all; `known` is what the last run has of it, when nothing has changed."""

    name: str
    signature: str
    size_bytes: int
    known: Unit | None


def plan(data: Path, last: Run | None, now_seconds: float) -> list[Planned]:
    """What a run would do. What is outside of accounts comes first: the list of accounts is part of it."""
    known = {} if last is None else {unit.name: unit for unit in last.units}
    outside = sum(path.stat().st_size for path in _outside(data))
    planned = [Planned("", "", outside, None)]
    for database in sorted((data / _ACCOUNTS).glob(f"??/*/{DATABASE_NAME}")):
        name = str(database.parent.relative_to(data))
        signature, size_bytes = _signature(database, now_seconds)
        unit = known.get(name)
        same = unit is not None and signature != "" and unit.signature == signature
        planned.append(Planned(name, signature, size_bytes, unit if same else None))
    return planned


def take(data: Path, chest: Chest, planned: Sequence[Planned], clock: Clock, advance: Callable[[int], None]) -> Run:
    """Do it. Raises OSError, apsw.Error, BackupTrouble; then the chest has no new run."""
    began = clock.now_seconds()
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(began))
    units = []
    for each in planned:
        if each.known is not None:
            units.append(each.known)
            continue
        unit = _take_outside(data, chest, advance) if not each.name else _take_account(data, chest, each, advance)
        if unit is not None:
            units.append(unit)
    ended = int(clock.now_seconds())
    run = Run(chest.free_name(stamp), int(began), ended, __version__, chest.written_bytes, units)
    chest.finish(run)
    return run


def store_file(chest: Chest, source: Path, path: str, advance: Callable[[int], None]) -> StoredFile:
    """Store one file under the name that it has in the data folder. Raises OSError."""
    pieces, size_bytes = [], 0
    with open(source, "rb") as file:
        while data := file.read(PIECE_BYTES):
            pieces.append(chest.put(data))
            size_bytes += len(data)
            advance(len(data))
    return StoredFile(path, size_bytes, pieces)


def _take_outside(data: Path, chest: Chest, advance: Callable[[int], None]) -> Unit:
    files = []
    for path in _outside(data):
        name = str(path.relative_to(data))
        try:
            if _is_database(path):
                with tempfile.TemporaryDirectory(dir=_scratch(data)) as scratch:
                    copy = Path(scratch) / DATABASE_NAME
                    _copy_database(path, copy)
                    files.append(store_file(chest, copy, name, advance))
            else:
                files.append(store_file(chest, path, name, advance))
        except FileNotFoundError:
            continue  # it went meanwhile
    return Unit("", "", chest.put_listing(files), sum(file.size_bytes for file in files))


def _take_account(data: Path, chest: Chest, planned: Planned, advance: Callable[[int], None]) -> Unit | None:
    folder = data / planned.name
    blobs: dict[str, StoredFile] = {}
    for _ in range(_TRIES):
        with tempfile.TemporaryDirectory(dir=_scratch(data)) as scratch:
            copy = Path(scratch) / DATABASE_NAME
            try:
                _copy_database(folder / DATABASE_NAME, copy)
            except FileNotFoundError:
                return None  # the account was removed
            database = store_file(chest, copy, f"{planned.name}/{DATABASE_NAME}", advance)
            named = _blobs_of(copy)
        try:
            for name in named:
                if name not in blobs:
                    path = f"{planned.name}/{BLOBS_NAME}/{name}"
                    blobs[name] = store_file(chest, folder / BLOBS_NAME / name, path, advance)
        except FileNotFoundError:
            continue  # removed since the copy was made: look again
        files = [database, *(blobs[name] for name in named)]
        size_bytes = sum(file.size_bytes for file in files)
        return Unit(planned.name, planned.signature, chest.put_listing(files), size_bytes)
    raise BackupTrouble(
        f"message files of {planned.name} are missing, or are removed as fast as they are read; look with: "
        "pillarbox doctor"
    )


def _copy_database(source: Path, copy: Path) -> None:
    """A database as it is at one moment. Raises FileNotFoundError, OSError, apsw.Error."""
    os.stat(source)
    reading = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        reading.set_busy_timeout(_BUSY_MS)
        needed = reading.execute("PRAGMA page_count").get * reading.execute("PRAGMA page_size").get
        if shutil.disk_usage(copy.parent).free < needed:
            raise BackupTrouble(f"there is no room in {copy.parent.parent} to copy {source.name}: {needed} bytes")
        writing = apsw.Connection(str(copy))
        try:
            writing.execute("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF").fetchall()
            reading.execute("BEGIN")
            reading.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # the moment
            with writing.backup("main", reading, "main") as backup:
                while not backup.done:
                    backup.step(_STEP_PAGES)
            reading.execute("COMMIT")
        finally:
            writing.close()
    except apsw.CantOpenError as error:
        raise FileNotFoundError(source) from error
    finally:
        reading.close()


def _blobs_of(copy: Path) -> list[str]:
    connection = apsw.Connection(str(copy))
    try:
        rows = connection.execute("SELECT blob FROM content WHERE blob IS NOT NULL ORDER BY blob").fetchall()
        return [str(name) for (name,) in rows]
    finally:
        connection.close()


def _signature(database: Path, now_seconds: float) -> tuple[str, int]:
    """What stays the same as long as nobody commits, empty when that can't be said; and the account's size."""
    try:
        main = database.stat()
    except FileNotFoundError:
        return "", 0
    facts, latest, size_bytes = [main.st_ino, main.st_size, main.st_mtime_ns], main.st_mtime, main.st_size
    try:
        log = database.with_name(database.name + "-wal").stat()
        if log.st_size:
            facts += [log.st_ino, log.st_size, log.st_mtime_ns]
            latest = max(latest, log.st_mtime)
    except FileNotFoundError:
        pass
    blobs = database.parent / BLOBS_NAME
    if blobs.is_dir():
        with os.scandir(blobs) as entries:
            for entry in entries:
                try:
                    size_bytes += entry.stat().st_size
                except FileNotFoundError:
                    continue
    settled = now_seconds - latest > _SETTLED_SECONDS
    return json.dumps(facts) if settled else "", size_bytes


def _outside(data: Path) -> Iterator[Path]:
    """The files that belong to no account, in order, but for what lives as long as the server only."""
    for folder, names, files in os.walk(data):
        here = Path(folder)
        inside = here.relative_to(data)
        names[:] = sorted(name for name in names if str(inside / name) not in _LEFT_OUT and inside != Path(_ACCOUNTS))
        for name in sorted(files):
            path = here / name
            if name.endswith(("-wal", "-shm", "-journal")):
                continue
            try:
                if stat.S_ISREG(path.lstat().st_mode):
                    yield path
            except FileNotFoundError:
                continue


def _is_database(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _scratch(data: Path) -> Path:
    folder = data / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
