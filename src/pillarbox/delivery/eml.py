"""Folders of .eml files, one message each; a folder inside is a mailbox of its own.

Internal dates are the Date fields, or the files' modification times where there is none.

Must never: follow a symbolic link out of the folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pillarbox.delivery.headers import header_date
from pillarbox.delivery.letters import Folder, Kept, Letter, Traits, Unreadable, read_file
from pillarbox.mail.dates import InternalDate


def eml_files(path: Path) -> list[Path]:
    """The .eml files right in a folder, by name."""
    return sorted(entry for entry in path.iterdir() if entry.suffix.lower() == ".eml" and not entry.is_dir())


def eml_folders(path: Path, max_message_bytes: int) -> list[Folder]:
    """The folder and those below it that hold .eml files, the top first, then by name."""
    found: list[Folder] = []
    for folder in [path, *sorted(entry for entry in path.rglob("*") if entry.is_dir() and not entry.is_symlink())]:
        files = eml_files(folder)
        if files:
            name = folder.relative_to(path).as_posix()
            found.append(EmlFolder(files, "" if name == "." else name, max_message_bytes))
    return found


class EmlFolder:
    """Some .eml files as one folder, by date."""

    def __init__(self, files: list[Path], name: str, max_message_bytes: int) -> None:
        self.name = name
        self.size_bytes = sum(path.lstat().st_size for path in files)
        self.kept: Kept | None = None
        self.traits = Traits()
        self._files = files
        self._max_message_bytes = max_message_bytes

    def letters(self) -> Iterator[Letter | Unreadable]:
        """The messages by the names of their files."""
        for path in self._files:
            read = read_file(path, self._max_message_bytes)
            if isinstance(read, Unreadable):
                yield read
            else:
                date = header_date(read.content) or InternalDate(read.modified_seconds, 0)
                yield Letter(str(path), read.content, date)
