r"""Maildir, with Maildir++ subfolders (`.Archive.2019`) or nested ones (Dovecot's LAYOUT=fs).

Internal dates are the files' modification times; flags are the info letters after `:2,`, keywords are Dovecot's
`dovecot-keywords`, UIDs its `dovecot-uidlist` (delivery/uidlist.py). Names of folders are modified UTF-7 (RFC 3501
section 5.1.3), as Dovecot and Courier write them.

Must never: move or rename a file.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pillarbox.delivery.letters import Folder, Letter, Traits, Unreadable, keyword, read_file
from pillarbox.delivery.uidlist import LAST_UID, base_name, read_uidlist
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.flags import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from pillarbox.mail.utf7 import InvalidUtf7, decode_utf7

_INFO: Final = re.compile(r"[:;!]2,([A-Za-z]*)[^/]*\Z")
_LETTERS: Final = {"D": DRAFT, "F": FLAGGED, "P": "$Forwarded", "R": ANSWERED, "S": SEEN, "T": DELETED}
_PARTS: Final = ("cur", "new")


def is_maildir(path: Path) -> bool:
    """Whether a folder is one: it has `cur` or `new` in it."""
    return any((path / part).is_dir() for part in _PARTS)


def maildir_folders(path: Path, max_message_bytes: int) -> list[Folder]:
    """The Maildir and all below it, the top first, then by name."""
    return [
        MaildirFolder(folder, name, max_message_bytes)
        for folder, name in sorted(_walk(path, ""), key=lambda each: each[1])
    ]


def _walk(path: Path, above: str) -> Iterator[tuple[Path, str]]:
    if is_maildir(path):
        yield path, above
    for child in path.iterdir():
        if not child.is_dir() or child.is_symlink() or child.name in ("cur", "new", "tmp"):
            continue
        if child.name.startswith("."):
            if is_maildir(child) and not above:
                yield child, "/".join(decoded_name(level) for level in child.name[1:].split(".") if level)
        else:
            yield from _walk(child, f"{above}/{decoded_name(child.name)}".lstrip("/"))


def decoded_name(raw_name: str) -> str:
    """A name out of modified UTF-7; what is not well-formed stays as it is."""
    try:
        return decode_utf7(raw_name.encode("utf-8"))
    except (InvalidUtf7, UnicodeEncodeError):
        return raw_name


class MaildirFolder:
    """One folder of a Maildir."""

    def __init__(self, path: Path, name: str, max_message_bytes: int) -> None:
        self.name = name
        self._path = path
        self._max_message_bytes = max_message_bytes
        self.traits = Traits()
        found = sorted(_message_files(path))
        uids = read_uidlist(path / "dovecot-uidlist")
        self.kept = None if uids is None else uids.kept
        self._uids = _uids_of([file for _, _, file, _ in found], {} if uids is None else uids.by_file)
        self._files = sorted((file for _, _, file, _ in found), key=lambda file: self._uids.get(file, LAST_UID))
        self.size_bytes = sum(size_bytes for _, _, _, size_bytes in found)
        self._keywords = _dovecot_keywords(path / "dovecot-keywords")

    def letters(self) -> Iterator[Letter | Unreadable]:
        """The messages by UID, then those that have none by date of arrival."""
        for path in self._files:
            read = read_file(path, self._max_message_bytes)
            if isinstance(read, Unreadable):
                yield read
            else:
                date = InternalDate(read.modified_seconds, 0)
                yield Letter(str(path), read.content, date, self._flags(path), self._uids.get(path, 0))

    def _flags(self, path: Path) -> frozenset[str]:
        info = _INFO.search(path.name)
        if info is None or path.parent.name == "new":
            return frozenset()
        known = _LETTERS | self._keywords
        return frozenset(known[letter] for letter in info[1] if letter in known)


def _message_files(path: Path) -> Iterator[tuple[int, str, Path, int]]:
    """(time, name, file, size) of all messages; what vanishes meanwhile (a live Maildir) is left out."""
    for part in _PARTS:
        if not (path / part).is_dir():
            continue
        for entry in (path / part).iterdir():
            try:
                status = entry.stat()
            except FileNotFoundError:
                continue
            if not entry.name.startswith(".") and stat.S_ISREG(status.st_mode):
                yield status.st_mtime_ns, entry.name, entry, status.st_size


def _uids_of(files: list[Path], by_name: dict[str, int]) -> dict[Path, int]:
    """The files that have a UID; of two with one name the first."""
    files_by_uid: dict[int, Path] = {}
    for file in files:
        if uid := by_name.get(base_name(file.name)):
            files_by_uid.setdefault(uid, file)
    return {file: uid for uid, file in files_by_uid.items()}


def _dovecot_keywords(path: Path) -> dict[str, str]:
    """Lines of `NUMBER KEYWORD`; number 0 is the letter `a`."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        number, _, name = line.partition(" ")
        if number.isdigit() and int(number) < 26 and keyword(name):
            found[chr(ord("a") + int(number))] = keyword(name)
    return found
