"""What the old server's mailboxes are called here.

Levels are divided by "/" here; what a name can't hold becomes "_"; two that would fall together are told apart.

Must never: give one source mailbox two names over time, or two of them one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pillarbox.delivery.importer import mailbox_name
from pillarbox.mail.names import INBOX, SEPARATOR, canonical_name
from pillarbox.mail.utf7 import InvalidUtf7, decode_utf7
from pillarbox.transfer.source import SourceFolder


def plan_names(folders: Sequence[SourceFolder], personal_prefix: str, known: Mapping[bytes, str]) -> dict[bytes, str]:
    """Each folder's name here, by its raw name; those of earlier runs (`known`) stay."""
    planned = {folder.raw_name: known[folder.raw_name] for folder in folders if folder.raw_name in known}
    taken = {name.lower() for name in known.values()}
    for folder in folders:
        if folder.raw_name not in planned:
            wanted = name = name_here(folder, personal_prefix)
            number = 2
            while name.lower() in taken:
                name, number = f"{wanted}_{number}", number + 1
            planned[folder.raw_name] = name
            taken.add(name.lower())
    return planned


def name_here(folder: SourceFolder, personal_prefix: str) -> str:
    """The name that a folder has here, were it the only one."""
    if folder.raw_name.upper() == INBOX.encode():
        return INBOX
    raw_name = folder.raw_name.removeprefix(personal_prefix.encode())
    name = shown_name(raw_name)
    levels = name.split(folder.delimiter) if folder.delimiter else [name]
    return canonical_name(mailbox_name(SEPARATOR.join(map(_level, levels)), ""))


def shown_name(raw_name: bytes) -> str:
    """A name off the wire for people: out of modified UTF-7, or UTF-8 as some servers send it."""
    try:
        return decode_utf7(raw_name)
    except InvalidUtf7:
        return raw_name.decode("utf-8", "replace")


def _level(level: str) -> str:
    return "_" if level in ("", ".", "..") else level.replace(SEPARATOR, "_")
