"""The data folder: is it there, whose is it, and who can read what is secret in it?

Must never: follow a link out of the folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pillarbox.app.rights import OTHERS, databases, open_keys
from pillarbox.doctor.findings import Area, Finding, Scribe
from pillarbox.doctor.patient import Patient

_SCRIBE: Final = Scribe(Area.FOLDER)
_NAMED: Final = 3
"""So many files are named; the rest is counted."""


async def look(patient: Patient) -> list[Finding]:
    return list(_findings(patient))


def _findings(patient: Patient) -> Iterator[Finding]:
    path = patient.folder.path
    try:
        there = path.stat()
    except FileNotFoundError:
        yield _SCRIBE.warning(
            "there", f"there is no {path} yet", "Begin with: pillarbox user add NAME, or name it with --data."
        )
        return
    except OSError as error:
        yield _SCRIBE.failure("there", f"{path}: {error.strerror}", "Run this as the user that the server runs as.")
        return
    if there.st_uid != os.geteuid():
        yield _SCRIBE.warning(
            "owner",
            f"{path} belongs to user {there.st_uid}, and you are user {os.geteuid()}",
            f"Run the server and its commands as its owner: sudo -u '#{there.st_uid}' pillarbox doctor",
        )
    if there.st_mode & OTHERS:
        yield _SCRIBE.failure(
            "rights",
            f"{path} is open to other users of this machine ({stat.filemode(there.st_mode)})",
            f"chmod 700 {path}",
        )
    else:
        yield _SCRIBE.good("rights", f"{path} is its owner's alone")
    yield from _secrets(patient)
    yield from _strangers(path, there.st_uid)


def _secrets(patient: Patient) -> Iterator[Finding]:
    """Keys and password hashes stay closed even when somebody copies or opens the folder."""
    keys = open_keys(patient.folder, patient.settings)
    for path in keys:
        yield _SCRIBE.failure("secrets", f"others can read {path}: no server serves with it", f"chmod 600 {path}")
    hashes = [path for path in databases(patient.folder) if _mode(path) & OTHERS]
    for path in hashes:
        yield _SCRIBE.failure("secrets", f"others can read {path}", f"chmod 600 {path}")
    if not keys and not hashes:
        yield _SCRIBE.good("secrets", "keys and password hashes are closed to others")


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return 0  # a missing one is found where it is needed


def _strangers(path: Path, owner: int) -> Iterator[Finding]:
    found = []
    for place, folders, files in os.walk(path):
        for name in (*folders, *files):
            inner = Path(place, name)
            try:
                if inner.lstat().st_uid != owner:
                    found.append(inner)
            except FileNotFoundError:
                continue  # a running server makes and removes files
    if found:
        named = ", ".join(str(each.relative_to(path)) for each in found[:_NAMED])
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        yield _SCRIBE.failure(
            "strangers",
            f"files that do not belong to the folder's owner: {named}{more}",
            f"Something ran as another user. Stop the server, then: chown -R {owner} {path}",
        )
