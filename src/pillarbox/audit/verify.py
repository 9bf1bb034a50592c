"""Reads an audit log whole and says where it was tampered with first.

What shows without any key: an entry that was changed, removed, put in or moved, and an end that was cut off while the
state file is as it was. With the verification key it also shows when somebody computed all hashes anew, or cut the end
off and made a state file to fit. With a head written down earlier it shows when the whole folder was put back to an
older one.

Must never: change anything; hold up those who write.
"""

from __future__ import annotations

import fcntl
import hmac
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from pillarbox.audit.entry import NO_HASH, Entry, EntryBroken, read_entry
from pillarbox.audit.sealing import KeyInvalid, SealKey
from pillarbox.audit.trail import DISCARDED, Head, audit_files, state_path

_STATE_CHARACTERS: Final = 4096


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found."""

    entries: int
    first: int
    """Number of the oldest entry that is kept."""
    head: Head
    """The newest entry that is as it was written."""
    broken: str
    """What is wrong first, empty when nothing is."""
    place: str
    """Where that is: a file and a line, or empty."""
    sealed: bool
    """Whether seals were checked."""
    unfinished_bytes: int
    """Of a line that a killed process left; the next writer cuts them off. No sign of tampering."""


class AuditMissing(Exception):
    """There is no audit log. The text is for the operator."""


class _Broken(Exception):
    pass


def verify(folder: Path, key: SealKey | None = None, known: Head | None = None) -> Verdict:
    """Read everything. `key` is the verification key, `known` a head that was written down earlier.

    Raises AuditMissing, OSError.
    """
    with ExitStack() as stack:
        files, kept = _capture(folder, stack)
        return _Reading(key, known).read(files, kept)


def entries(folder: Path) -> Iterator[Entry]:
    """All entries that can be read, oldest first, whether the log is whole or not. Raises AuditMissing, OSError."""
    with ExitStack() as stack:
        files, _ = _capture(folder, stack)
        for _, size, file in files:
            for line in file.read(size).split(b"\n"):
                try:
                    yield read_entry(line)
                except EntryBroken:
                    continue


class Follower:
    """Entries as they are written."""

    def __init__(self, folder: Path, before: int) -> None:
        """Begins with the last `before` entries that are there. Raises AuditMissing, OSError."""
        self._folder = folder
        self._lengths: list[int] = []
        self._seen = max(0, max((entry.number for entry in entries(folder)), default=0) - before)

    def news(self) -> Iterator[Entry]:
        """Those that came since the last time. Raises OSError."""
        files = audit_files(self._folder)
        lengths = [file.stat().st_size for file in files[-2:]]
        if lengths == self._lengths:
            return
        self._lengths = lengths
        first = max((number for number in map(_first_number, files) if number <= self._seen + 1), default=0)
        for file in files:
            if _first_number(file) < first:
                continue
            for line in file.read_bytes().split(b"\n"):
                try:
                    entry = read_entry(line)
                except EntryBroken:
                    continue
                if entry.number > self._seen:
                    self._seen = entry.number
                    yield entry


def _first_number(file: Path) -> int:
    digits = file.stem.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0


_Captured = list[tuple[str, int, BinaryIO]]


def _capture(folder: Path, stack: ExitStack) -> tuple[_Captured, str]:
    """Every file, opened, with its length, and the state: all of one moment."""
    try:
        state = os.open(state_path(folder), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        if not audit_files(folder):
            raise AuditMissing(f"there is no audit log in {folder}") from error
        state = None
    try:
        if state is not None:
            fcntl.flock(state, fcntl.LOCK_SH)
        files: _Captured = []
        for path in audit_files(folder):
            opened = stack.enter_context(path.open("rb"))
            files.append((path.name, os.fstat(opened.fileno()).st_size, opened))
        kept = "" if state is None else os.read(state, _STATE_CHARACTERS).decode("ascii", "replace")
    finally:
        if state is not None:
            os.close(state)
    return files, kept


class _Reading:
    """One pass over the log."""

    def __init__(self, key: SealKey | None, known: Head | None) -> None:
        self._first_key = key
        self._key = key
        self._known = known
        self._count = 0
        self._first = 0
        self._before = NO_HASH
        """What the oldest entry that is kept has before it."""
        self._head = Head(0, NO_HASH)
        self._discarded: set[Head] = set()
        self._place = ""
        self._unfinished = 0

    def read(self, files: _Captured, kept: str) -> Verdict:
        broken = ""
        try:
            for position, (name, size, file) in enumerate(files):
                self._read_file(name, file.read(size), is_last=position == len(files) - 1)
            self._place = ""
            self._check_start()
            self._check_end(kept)
            self._check_known()
        except _Broken as error:
            broken = str(error)
        return Verdict(
            self._count,
            self._first,
            self._head,
            broken,
            self._place,
            self._first_key is not None,
            self._unfinished,
        )

    def _read_file(self, name: str, data: bytes, *, is_last: bool) -> None:
        *lines, rest = data.split(b"\n")
        for number, line in enumerate(lines, start=1):
            self._place = f"{name}, line {number}"
            self._read_line(line)
            if number == 1 and name != f"audit-{self._head.number:012d}.jsonl":
                raise _Broken(f"the file begins with entry {self._head.number}: it has another's name")
        if rest:
            self._place = f"{name}, line {len(lines) + 1}"
            if not is_last:
                raise _Broken("the file ends within an entry")
            self._unfinished = len(rest)

    def _read_line(self, line: bytes) -> None:
        try:
            entry = read_entry(line)
        except EntryBroken as error:
            raise _Broken(f"entry {self._head.number + 1}: {error}") from error
        if self._first and entry.number > self._head.number + 1:
            raise _Broken(f"entries {self._head.number + 1} to {entry.number - 1} are missing")
        if self._first and entry.number <= self._head.number:
            raise _Broken(f"entry {entry.number} comes after entry {self._head.number}")
        if self._first and entry.previous != self._head.hash:
            raise _Broken(f"entry {entry.number} does not follow the one before it: one of them is not as it was")
        if not self._first:
            self._first, self._before = entry.number, entry.previous
        self._check_seal(entry)
        number, last = entry.fields.get("number"), entry.fields.get("hash")
        if entry.event == DISCARDED and isinstance(number, int) and isinstance(last, str):
            self._discarded.add(Head(number, last))
        self._count += 1
        self._head = Head(entry.number, entry.hash)
        if self._known is not None and entry.number == self._known.number and entry.hash != self._known.hash:
            raise _Broken(f"entry {entry.number} is not the one that was written down")

    def _check_seal(self, entry: Entry) -> None:
        if self._key is None:
            return
        try:
            self._key = self._key.at(entry.number)
        except ValueError as error:
            raise _Broken(f"entry {entry.number} is older than the verification key") from error
        if not hmac.compare_digest(
            self._key.seal(bytes.fromhex(entry.hash)).encode(), entry.seal.encode("ascii", "replace")
        ):
            raise _Broken(f"entry {entry.number}: its seal does not fit; it was written without the log's key")

    def _check_start(self) -> None:
        if self._first == 1 and self._before == NO_HASH:
            return
        if self._first and Head(self._first - 1, self._before) not in self._discarded:
            raise _Broken(f"entries 1 to {self._first - 1} are missing, and the log did not remove them itself")

    def _check_end(self, kept: str) -> None:
        try:
            state = SealKey.parse(kept)
        except KeyInvalid as error:
            raise _Broken("the state file is gone or is none: whether the end is missing can't be told") from error
        if state.number > self._head.number + 1:
            raise _Broken(f"entries {self._head.number + 1} to {state.number - 1} are missing at the end")
        if self._first_key is None or state.number < self._first_key.number:
            return
        if not hmac.compare_digest(self._first_key.at(state.number).secret, state.secret):
            raise _Broken("the state file was made by somebody without the log's key: the end may be missing")

    def _check_known(self) -> None:
        known = self._known
        if known is not None and known.number > self._head.number:
            raise _Broken(f"entries {self._head.number + 1} to {known.number}, which were written down, are missing")
