"""Out of a backup into folders: a whole server, or one account for somebody to look into.

Must never: write over a file that is there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pillarbox.backup.chest import Chest, Run, StoredFile, Unit
from pillarbox.backup.trouble import BackupDamaged, BackupTrouble
from pillarbox.store.contract import AccountStore
from pillarbox.store.restoring import LAST_MODSEQ, LAST_UID
from pillarbox.store.sqlite.schema import make_folder, sync_folder

UNFINISHED: Final = ".restoring"
ACCOUNTS_NAME: Final = "accounts.db"
_UIDS_PASSED_OVER: Final = 1_000_000
"""More than a mailbox gains between a backup and the loss of the server; 4,000 restores fit into 32 bits."""
_MODSEQS_PASSED_OVER: Final = 2**32


def lay_server(chest: Chest, run: Run, data: Path, advance: Callable[[int], None]) -> Path:
    """Write all files of a run below an empty data folder, where no server looks yet; see open_house().

    What an interrupted restore left there is removed. Raises BackupTrouble, BackupDamaged, OSError.
    """
    make_folder(data)
    if others := [path.name for path in data.iterdir() if path.name != UNFINISHED]:
        raise BackupTrouble(
            f"{data} is not empty ({sorted(others)[0]} is there): a whole server is restored into an empty folder "
            "only. Name another with --data, or bring back single accounts with --user"
        )
    unfinished = data / UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    for unit in run.units:
        lay_unit(chest, unit, unfinished, advance)
    return unfinished


def open_house(data: Path) -> None:
    """Give the files of lay_server() their places, the accounts last: before that nobody could log in."""
    unfinished = data / UNFINISHED
    names = sorted(path.name for path in unfinished.iterdir())
    for name in sorted(names, key=lambda name: name == ACCOUNTS_NAME):
        os.rename(unfinished / name, data / name)
    sync_folder(data)
    unfinished.rmdir()


def lay_unit(chest: Chest, unit: Unit, folder: Path, advance: Callable[[int], None]) -> None:
    """Write the files of a unit below a folder. Raises BackupDamaged, OSError."""
    for file in chest.listing(unit):
        lay_file(chest, file, folder, advance)


def lay_file(chest: Chest, file: StoredFile, folder: Path, advance: Callable[[int], None]) -> None:
    """Write one file, synced. Raises BackupDamaged, OSError."""
    parts = Path(file.path).parts
    if Path(file.path).is_absolute() or ".." in parts:
        raise BackupDamaged(f"the backup names a file outside of the data folder: {file.path}")
    path = folder.joinpath(*parts)
    make_folder(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    size_bytes = 0
    with open(descriptor, "wb") as out:
        for data in chest.pieces_of(file):
            out.write(data)
            size_bytes += len(data)
            advance(len(data))
        out.flush()
        os.fsync(out.fileno())
    if size_bytes != file.size_bytes:
        raise BackupDamaged(f"{file.path} has {size_bytes} bytes, not {file.size_bytes}")
    sync_folder(path.parent)


async def leap(mail: AccountStore) -> None:
    """Pass over the UIDs and mod-sequences that the lost server may have given after the backup.

    Clients saw messages under these UIDs; so they are never given to others, and count as vanished, which tells
    clients to forget them (RFC 9051 section 2.3.1.1, RFC 7162). Messages, their UIDs and UIDVALIDITY stay.
    """
    statuses = [(mailbox, await mail.status(mailbox.id)) for mailbox in await mail.mailboxes()]
    modseq = min(LAST_MODSEQ, max(status.highest_modseq for _, status in statuses) + _MODSEQS_PASSED_OVER)
    for mailbox, status in statuses:
        await mail.restore(mailbox.id, status.uidvalidity, (), passed_over(status.uidnext), modseq)


def passed_over(uidnext: int) -> int:
    """The UIDNEXT of a mailbox that came back."""
    return min(LAST_UID + 1, uidnext + _UIDS_PASSED_OVER)


def unit_of(run: Run, account: str) -> Unit:
    """An account's unit. Raises BackupTrouble."""
    for unit in run.units:
        if unit.name.rpartition("/")[2] == account and unit.name:
            return unit
    raise BackupTrouble(f"the run {run.name} has no mail of that account")


def lay_accounts(chest: Chest, run: Run, folder: Path) -> Path:
    """Write the list of accounts below a folder; its path. Raises BackupDamaged, OSError."""
    for unit in run.units:
        for file in chest.listing(unit) if not unit.name else ():
            if file.path == ACCOUNTS_NAME:
                lay_file(chest, file, folder, lambda _: None)
                return folder / ACCOUNTS_NAME
    raise BackupDamaged(f"the run {run.name} has no list of accounts")


def chosen_run(chest: Chest, name: str | None) -> Run:
    """The run of that name, or the latest. Raises BackupTrouble."""
    run = chest.last_run() if name is None else chest.run(name)
    if run is None:
        raise BackupTrouble("there is no finished backup yet")
    return run
