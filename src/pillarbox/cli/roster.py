"""A CSV file of accounts: checked as a whole before anything is done, then hashed on all processors.

Must never: repeat a password in a complaint.
"""

from __future__ import annotations

import asyncio
import csv
import os
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pillarbox.auth.names import LoginNameInvalid, PasswordInvalid, prepare_login_name, prepare_password
from pillarbox.auth.passwords import PasswordHasher
from pillarbox.auth.settings import AuthSettings
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.speech import progress_bar
from pillarbox.secret import Secret

_CHUNK: Final = 64
"""Hashes asked for at a time."""


@dataclass(frozen=True, slots=True)
class RosterLine:
    """One row, not yet checked."""

    number: int
    cells: Secret[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Roster:
    """All rows that are not empty."""

    lines: tuple[RosterLine, ...]

    @classmethod
    def read(cls, path: Path) -> Roster:
        """Raises CommandFailed when the file can't be read or is no CSV."""
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, strict=True)
                rows = [RosterLine(reader.line_num, Secret(tuple(row))) for row in reader if row]
        except OSError as error:
            raise CommandFailed(f"can't read {path}: {error.strerror}", ExitCode.NO_INPUT) from error
        except UnicodeDecodeError as error:
            raise CommandFailed(f"{path} is not UTF-8", ExitCode.BAD_DATA) from error
        except csv.Error as error:
            raise CommandFailed(f"{path}, line {reader.line_num}: {error}", ExitCode.BAD_DATA) from error
        if rows and [cell.strip().lower() for cell in rows[0].cells.reveal()] == ["name", "password"]:
            rows = rows[1:]
        return cls(tuple(rows))

    def mistakes(self, taken: AbstractSet[str]) -> list[str]:
        """What is wrong, line by line; `taken` are the accounts there are."""
        found = []
        first_lines: dict[str, int] = {}
        for line in self.lines:
            cells = line.cells.reveal()
            if len(cells) != 2:
                found.append(f"line {line.number}: {len(cells)} columns, not name,password")
                continue
            try:
                name = prepare_login_name(cells[0].strip())
                prepare_password(cells[1])
            except (LoginNameInvalid, PasswordInvalid) as error:
                found.append(f"line {line.number}: {error}")
                continue
            if name in first_lines:
                found.append(f"line {line.number}: {name} stands on line {first_lines[name]} already")
            elif name in taken:
                found.append(f"line {line.number}: there is already an account {name}")
            first_lines.setdefault(name, line.number)
        return found

    def names(self) -> list[str]:
        """Login names, in order; only when nothing is wrong."""
        return [prepare_login_name(line.cells.reveal()[0].strip()) for line in self.lines]

    def passwords(self) -> list[Secret[str]]:
        """Passwords, in the order of `names`."""
        return [Secret(line.cells.reveal()[1]) for line in self.lines]


async def hash_all(passwords: list[Secret[str]], settings: AuthSettings) -> list[str]:
    """Hashes in the order given, made on all processors, with a bar of progress."""
    threads = max(settings.hash_threads, (os.cpu_count() or 1) // settings.argon2_lanes)
    hasher = PasswordHasher(replace(settings, hash_threads=threads))
    hashes: list[str] = []
    try:
        with progress_bar("Hashing passwords", len(passwords)) as bar:
            for start in range(0, len(passwords), _CHUNK):
                chunk = [asyncio.create_task(hasher.hash(one)) for one in passwords[start : start + _CHUNK]]
                for task in chunk:
                    hashes.append(await task)
                    bar.advance(1)
    finally:
        hasher.close()
    return hashes
