"""A folder with backups: pieces named by their content, and a list for each run.

    pillarbox-backup.json       what this folder is
    key.age                     the key, when it is encrypted (seal.py)
    objects/ab/abcdef...        pieces: of files, and the lists of an account's files
    runs/20261120T143000Z       one run: which accounts, with the names of their lists

Everything is written beside its place, synced and renamed; a run is written last. So an interrupted run leaves pieces
that nothing names, which prune() removes, and the earlier runs as they were. Must never: change a piece.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pillarbox.backup.seal import KeyedSeal, PlainSeal, Seal, lock_key, new_key, unlock_key
from pillarbox.backup.trouble import BackupDamaged, BackupTrouble
from pillarbox.secret import Secret
from pillarbox.store.sqlite.schema import make_folder, sync_folder

FORMAT: Final = 1
_ABOUT: Final = "pillarbox-backup.json"
_KEY: Final = "key.age"
_RUN: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z(-[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Unit:
    """What is backed up together as one moment: an account's folder, or all that is outside of them."""

    name: str
    """Its folder in the data folder; empty for what is outside of accounts."""
    signature: str
    """The same as long as nothing changed; empty when that can't be said."""
    listing: str
    """The name of the piece that lists its files."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Run:
    """One backup of the whole server."""

    name: str
    began_seconds: int
    ended_seconds: int
    version: str
    new_bytes: int
    """That this run added to the chest."""
    units: Sequence[Unit]

    @property
    def size_bytes(self) -> int:
        """Of all that it holds."""
        return sum(unit.size_bytes for unit in self.units)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a unit."""

    path: str
    """In the data folder."""
    size_bytes: int
    pieces: Sequence[str]


class Chest:
    """See make_chest() and open_chest()."""

    def __init__(self, folder: Path, seal: Seal) -> None:
        self._folder = folder
        self._seal = seal
        self._touched: set[Path] = set()
        self.written_bytes = 0

    # --- pieces ----------------------------------------------------------------------------------

    def put(self, data: bytes) -> str:
        """Store a piece, unless it is there; its name. Raises OSError."""
        name = self._seal.name_of(data)
        path = self._path_of(name)
        if not path.exists():
            stored = self._seal.close(name, data)
            self._write(path, stored)
            self.written_bytes += len(stored)
        return name

    def get(self, name: str) -> bytes:
        """A piece, looked at whether it is what was written. Raises BackupDamaged, OSError."""
        try:
            stored = self._path_of(name).read_bytes()
        except FileNotFoundError:
            raise BackupDamaged(f"piece {name} is missing") from None
        data = self._seal.open(name, stored)
        if self._seal.name_of(data) != name:
            raise BackupDamaged(f"piece {name} is not what was written")
        return data

    def put_listing(self, files: Sequence[StoredFile]) -> str:
        """Store the list of a unit's files."""
        return self.put(json.dumps([[file.path, file.size_bytes, *file.pieces] for file in files]).encode())

    def listing(self, unit: Unit) -> list[StoredFile]:
        """The files of a unit. Raises BackupDamaged, OSError."""
        return [StoredFile(path, size, pieces) for path, size, *pieces in json.loads(self.get(unit.listing))]

    def pieces_of(self, file: StoredFile) -> Iterator[bytes]:
        """The bytes of a file. Raises BackupDamaged, OSError."""
        return map(self.get, file.pieces)

    # --- runs ------------------------------------------------------------------------------------

    def run_names(self) -> list[str]:
        """All runs that were finished, the earliest first."""
        folder = self._folder / "runs"
        return sorted(name for name in os.listdir(folder) if _RUN.fullmatch(name)) if folder.is_dir() else []

    def run(self, name: str) -> Run:
        """Raises BackupDamaged, BackupTrouble when there is no such run."""
        if name not in self.run_names():
            raise BackupTrouble(f"there is no run {name}; see: pillarbox backup list {self._folder}")
        told = json.loads(self._seal.open(name, (self._folder / "runs" / name).read_bytes()))
        return Run(**{**told, "units": [Unit(**unit) for unit in told["units"]]})

    def last_run(self) -> Run | None:
        """The latest; None when there is none."""
        names = self.run_names()
        return self.run(names[-1]) if names else None

    def finish(self, run: Run) -> None:
        """Write a run: from now on it is there. Raises OSError."""
        for folder in self._touched:
            sync_folder(folder)
        self._touched.clear()
        self._write(self._folder / "runs" / run.name, self._seal.close(run.name, json.dumps(asdict(run)).encode()))
        sync_folder(self._folder / "runs")

    def free_name(self, stamp: str) -> str:
        """A name for a new run, after all others."""
        taken = [name for name in self.run_names() if name.startswith(stamp)]
        return stamp if not taken else f"{stamp}-{len(taken) + 1}"

    def prune(self, keep: int) -> tuple[int, int]:
        """Remove all runs but the latest `keep`, and the pieces that no run names: how many of each."""
        names = self.run_names()
        dropped = names[: max(0, len(names) - keep)]
        needed: set[str] = set()
        listings = {unit.listing: unit for name in names[len(dropped) :] for unit in self.run(name).units}
        for listing, unit in listings.items():
            needed.add(listing)
            for file in self.listing(unit):
                needed.update(file.pieces)
        for name in dropped:
            (self._folder / "runs" / name).unlink()
        sync_folder(self._folder / "runs")
        swept = 0
        for path in (self._folder / "objects").glob("??/*"):
            if path.name not in needed:
                path.unlink()
                swept += 1
        return len(dropped), swept

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes here meanwhile. Raises BackupTrouble when somebody does."""
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupTrouble(f"another backup into {self._folder} is under way; try again later") from None
            for leftover in self._folder.glob("unfinished-*"):
                leftover.unlink()
            yield
        finally:
            os.close(descriptor)

    # --- within ----------------------------------------------------------------------------------

    def _path_of(self, name: str) -> Path:
        return self._folder / "objects" / name[:2] / name

    def _write(self, path: Path, data: bytes) -> None:
        make_folder(path.parent)
        _write_beside(self._folder, path, data)
        self._touched.add(path.parent)


def make_chest(folder: Path, recipients: Sequence[str], kept_keys: Path) -> Chest:
    """The chest in a folder, made when it is not there, encrypted when there are recipients.

    `kept_keys` is where this server keeps its copy of keys. Raises BackupTrouble, OSError.
    """
    about = read_about(folder)
    if about is None:
        if folder.is_dir() and any(folder.iterdir()):
            raise BackupTrouble(f"{folder} holds something else; name an empty or a new folder")
        make_folder(folder)
        about = {"format": FORMAT, "id": secrets.token_hex(8), "encrypted": bool(recipients)}
        if recipients:
            key = new_key()
            _write_beside(folder, folder / _KEY, lock_key(key, recipients))
            make_folder(kept_keys)
            _write_beside(kept_keys, kept_keys / f"{about['id']}.key", key.reveal())
        _write_beside(folder, folder / _ABOUT, json.dumps(about).encode())
        sync_folder(folder)
    elif recipients and not about["encrypted"]:
        raise BackupTrouble(f"the backups in {folder} are not encrypted; name another folder for encrypted ones")
    chest, key_here = _opened(folder, about, (), kept_keys)
    if recipients and key_here is not None:
        _write_beside(folder, folder / _KEY, lock_key(key_here, recipients))
    return chest


def open_chest(folder: Path, identities: Sequence[Secret[str]], kept_keys: Path | None) -> Chest:
    """The chest in a folder; an encrypted one with an identity, or with the key that this server kept.

    Raises BackupTrouble, OSError.
    """
    about = read_about(folder)
    if about is None:
        raise BackupTrouble(f"there is no backup in {folder}")
    return _opened(folder, about, identities, kept_keys)[0]


def read_about(folder: Path) -> Mapping[str, Any] | None:  # Any: JSON
    """What a folder says of itself; None when it is no chest. Raises BackupTrouble."""
    try:
        about = json.loads((folder / _ABOUT).read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise BackupDamaged(f"{folder / _ABOUT} can't be read") from error
    if about.get("format") != FORMAT:
        raise BackupTrouble(f"the backups in {folder} were made by a newer Pillarbox")
    found: Mapping[str, Any] = about  # JSON
    return found


def _opened(
    folder: Path,
    about: Mapping[str, Any],  # JSON
    identities: Sequence[Secret[str]],
    kept_keys: Path | None,
) -> tuple[Chest, Secret[bytes] | None]:
    if not about["encrypted"]:
        return Chest(folder, PlainSeal()), None
    kept = None if kept_keys is None else kept_keys / f"{about['id']}.key"
    if identities:
        key = unlock_key((folder / _KEY).read_bytes(), identities)
    elif kept is not None and kept.exists():
        key = Secret(kept.read_bytes())
    else:
        raise BackupTrouble(
            f"the backups in {folder} are encrypted: give the age identity with --identity FILE, or the data folder of "
            "the server that made them with --data"
        )
    return Chest(folder, KeyedSeal(key)), key


def _write_beside(folder: Path, path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    beside = folder / f"unfinished-{secrets.token_hex(8)}"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
