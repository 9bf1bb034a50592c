"""The data folder: is it there, whose is it, and who can read what is secret in it?

Must never: follow a link out of the folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pillarbox.doctor.findings import Area, Finding, Scribe
from pillarbox.doctor.patient import Patient

_SCRIBE: Final = Scribe(Area.FOLDER)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
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
    if there.st_mode & _OTHERS:
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
    folder = patient.folder
    given = patient.settings.tls.key_path or patient.settings.tls.certificate_path
    secrets = [
        folder.accounts_path,
        folder.factor_key_path,
        folder.certificates_path / "authority.key",
        folder.certificates_path / "server.pem",
        *([given] if given is not None else []),
    ]
    open_ones = []
    for path in secrets:
        try:
            mode = path.stat().st_mode
        except OSError:
            continue  # a missing one is found where it is needed
        # Debian lets a group (ssl-cert) read keys; that is the operator's choice for keys of their own.
        if mode & (stat.S_IRWXO if path == given else _OTHERS):
            open_ones.append(path)
    for path in open_ones:
        yield _SCRIBE.failure("secrets", f"others can read {path}", f"chmod 600 {path}")
    if not open_ones:
        yield _SCRIBE.good("secrets", "keys and password hashes are closed to others")


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
