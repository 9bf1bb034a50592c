"""The audit log on disk: files of entries, one after the other, that several processes append to.

    audit/audit-000000000001.jsonl    entries from number 1 on
    audit/audit-000000041022.jsonl    the file after it
    audit/.next-key                   the key of the next entry; locked while somebody writes
    audit/verification.key            the first key; to be moved to another machine

Entries are on disk (fdatasync) before the key moves on; a process that dies between the two leaves a key from which the
next writer goes forward. A line that was not finished is cut off by the next writer, who says so in an entry.

Must never: change or remove an entry, but for the oldest file when there are enough of them; leave the lock held.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pillarbox.audit.entry import NO_HASH, EntryBroken, Happening, read_entry, sealed_line
from pillarbox.audit.sealing import KeyInvalid, SealKey
from pillarbox.audit.settings import AuditSettings

DISCARDED: Final = "audit.discarded"
"""The oldest file was removed; its last number and hash are told."""
MENDED: Final = "audit.mended"
"""A line that was not finished was cut off."""
GAP: Final = "audit.gap"
"""Entries that were there once are gone."""
KEY_LOST: Final = "audit.key_lost"
"""The key of the next entry was gone: there is a new one, and seals fit no more."""

_STATE_BYTES: Final = len(SealKey(1, bytes(32)).text())
_TAIL_BYTES: Final = 64 * 1024
"""More than the longest entry has."""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry: who writes it down elsewhere can tell later that nothing before it is gone."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


@dataclass(frozen=True, slots=True)
class _Tail:
    """Where the log ends."""

    head: Head
    file: Path | None
    size_bytes: int
    torn_bytes: int


class AuditTrail:
    """Appends. Any number of processes may have one for the same folder; one thread at a time uses it."""

    def __init__(self, folder: Path, settings: AuditSettings) -> None:
        self._folder = folder
        self._settings = settings
        self._known = _Tail(Head(0, NO_HASH), None, 0, 0)

    def append(self, happenings: Sequence[Happening]) -> Head:
        """Write some entries (one or more), all on disk when it returns. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(self._folder) as state:
            tail = self._tail()
            kept = os.pread(state, _STATE_BYTES, 0).decode("ascii", "replace")
            key, notes = _next_key(kept, tail.head.number + 1)
            if not kept and key.number == 1:
                _write_new(key_path(self._folder), key.text().encode())
                _keep(state, key)
            if tail.torn_bytes:
                notes.append((MENDED, {"bytes": tail.torn_bytes}))
            file, oldest = self._file(tail, key.number)
            if oldest is not None:
                last = _head_of(oldest)
                notes.append((DISCARDED, {"file": oldest.name, "number": last.number, "hash": last.hash}))
            own = [Happening(happenings[0].seconds, event, "log", os.getpid(), fields) for event, fields in notes]
            torn = tail.torn_bytes if file == tail.file else 0
            head, size = _write(file, torn, [*own, *happenings], tail.head.hash, key)
            _keep(state, key.at(head.number + 1))
            if oldest is not None:
                oldest.unlink()
            self._known = _Tail(head, file, size, 0)
        return head

    def _tail(self) -> _Tail:
        files = audit_files(self._folder)
        known = self._known
        if files and files[-1] == known.file and files[-1].stat().st_size == known.size_bytes:
            return known
        return _look_for_tail(files)

    def _file(self, tail: _Tail, number: int) -> tuple[Path, Path | None]:
        """Where to write, and the file to be removed then."""
        if tail.file is not None and tail.size_bytes - tail.torn_bytes < self._settings.file_bytes:
            return tail.file, None
        files = audit_files(self._folder)
        return self._folder / f"audit-{number:012d}.jsonl", files[0] if len(files) >= self._settings.files else None


def audit_files(folder: Path) -> list[Path]:
    """The files of an audit log, oldest first."""
    return sorted(folder.glob("audit-*.jsonl"))


def state_path(folder: Path) -> Path:
    """Where the key of the next entry is. By name it comes before the files: a backup never has it newer than them."""
    return folder / ".next-key"


def key_path(folder: Path) -> Path:
    """Where the verification key is, until somebody moves it away."""
    return folder / "verification.key"


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """The state file, for nobody else meanwhile; the kernel lets go when the process dies.

    Opened each time: what is open over a fork would lock for parent and child together.
    """
    state = os.open(state_path(folder), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(state, fcntl.LOCK_EX)
        yield state
    finally:
        os.close(state)


def _look_for_tail(files: Sequence[Path]) -> _Tail:
    """Lines that are no entries are passed over: somebody changed them; verifying tells, writing goes on."""
    if not files:
        return _Tail(Head(0, NO_HASH), None, 0, 0)
    newest = files[-1]
    torn = len(_last_bytes(newest).rpartition(b"\n")[2])
    heads = (_head_of(file) for file in reversed(files))
    return _Tail(next((head for head in heads if head.number), Head(0, NO_HASH)), newest, newest.stat().st_size, torn)


def _head_of(file: Path) -> Head:
    """Of the last entry in a file; number 0 when there is none."""
    for line in reversed(_last_bytes(file).split(b"\n")[:-1]):
        try:
            entry = read_entry(line)
        except EntryBroken:
            continue
        return Head(entry.number, entry.hash)
    return Head(0, NO_HASH)


def _last_bytes(file: Path) -> bytes:
    with file.open("rb") as opened:
        opened.seek(max(0, os.fstat(opened.fileno()).st_size - _TAIL_BYTES))
        return opened.read()


def _next_key(kept: str, number: int) -> tuple[SealKey, list[tuple[str, dict[str, str | int]]]]:
    """The key of the entry to come, and what the log has to say about itself."""
    try:
        key = SealKey.parse(kept)
    except KeyInvalid:
        return SealKey.new(number), [(KEY_LOST, {})] if kept or number > 1 else []
    if key.number > number:
        return key, [(GAP, {"first": number, "last": key.number - 1})]
    return key.at(number), []


def _keep(state: int, key: SealKey) -> None:
    """In place, in one write of always the same length: what was there is no longer readable."""
    os.pwrite(state, key.text().encode(), 0)


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _write(
    path: Path, torn_bytes: int, happenings: Sequence[Happening], previous: str, key: SealKey
) -> tuple[Head, int]:
    """Append lines, whole or not at all; the newest entry, and how long the file is."""
    lines = []
    for happening in happenings:
        time = datetime.fromtimestamp(happening.seconds, UTC).isoformat(timespec="milliseconds")
        line, previous = sealed_line(happening, key.number, previous, key, time.replace("+00:00", "Z"))
        lines.append(line)
        key = key.at(key.number + 1)
    data = b"".join(lines)
    is_new = not path.exists()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(file).st_size - torn_bytes
        if torn_bytes:
            os.ftruncate(file, size)
        try:
            if os.write(file, data) != len(data):
                raise OSError("the disk is full")
            os.fdatasync(file)
        except OSError:
            os.ftruncate(file, size)
            raise
    finally:
        os.close(file)
    if is_new:
        _sync_folder(path.parent)
    return Head(key.number - 1, previous), size + len(data)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
