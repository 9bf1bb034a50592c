"""Who else may read what the server keeps: looked at before it serves, and by `pillarbox doctor`.

Must never: change rights; that is the operator's decision, and the text says which command does it.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pillarbox.app.folder import DataFolder
from pillarbox.app.settings import ServerSettings
from pillarbox.audit.trail import key_path, state_path

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class KeyOpen(Exception):
    """A private key is open to others. The text is for the operator, and says what to do."""


def check_rights(folder: DataFolder, settings: ServerSettings) -> list[Path]:
    """What is open to others and should not be, keys left out. Raises KeyOpen."""
    for path in open_keys(folder, settings):
        raise KeyOpen(f"other users of this machine can read the key {path}: chmod 600 {path}, and get a new key")
    closed = (folder.path, *databases(folder))
    return [path for path in closed if _mode(path) & OTHERS]


def open_keys(folder: DataFolder, settings: ServerSettings) -> list[Path]:
    """Keys that others can read. Of a key of the operator's own, a group may: Debian has one for that (ssl-cert)."""
    pairs = [(settings.tls.certificate_path, settings.tls.key_path)]
    pairs += [(each.certificate_path, each.key_path) for each in settings.tls.domains]
    given = [key or certificate for certificate, key in pairs]
    return [
        *(path for path in keys(folder) if _mode(path) & OTHERS),
        *(path for path in given if path is not None and _mode(path) & stat.S_IRWXO),
    ]


def keys(folder: DataFolder) -> Iterator[Path]:
    """Where the server keeps its own private keys."""
    certificates = folder.certificates_path
    yield from (certificates / "authority.key", certificates / "server.pem")
    yield from sorted(certificates.glob("domains/*/key.pem"))
    yield from (folder.factor_key_path, state_path(folder.audit_path), key_path(folder.audit_path))


def databases(folder: DataFolder) -> Iterator[Path]:
    """Password hashes, logins, and what is on its way."""
    yield from (folder.accounts_path, folder.logins_path, folder.deliveries_path, folder.events_path)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return 0  # what is missing or closed is found where it is needed
