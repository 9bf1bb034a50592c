"""What mailboxes are called as files and folders.

Must never: let two mailboxes share a path, or one lie outside the export.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Final

from pillarbox.mail.names import SEPARATOR

_LONGEST_BYTES: Final = 200
"""Of one level; file systems take 255, and suffixes come on top."""


class Paths:
    """Gives each mailbox a path of its own, as near to its name as it can be."""

    def __init__(self, encode: Callable[[str], str], is_taken_name: Callable[[str], bool]) -> None:
        """`encode` is how a level is written; `is_taken_name` tells names that mean something in the format."""
        self._encode = encode
        self._is_taken_name = is_taken_name
        self._given: set[str] = set()

    def of(self, name: str) -> PurePosixPath:
        """The path of a mailbox. Two that a file system might take for one are told apart."""
        wanted = SEPARATOR.join(map(self._level, name.split(SEPARATOR)))
        path, number = wanted, 2
        while path.casefold() in self._given:
            path, number = f"{wanted}_{number}", number + 1
        self._given.add(path.casefold())
        return PurePosixPath(path)

    def _level(self, level: str) -> str:
        written = self._encode(level)
        if written.startswith(".") or self._is_taken_name(written.casefold()):
            written = f"_{written}_"
        if len(written.encode()) > _LONGEST_BYTES:
            digest = hashlib.sha256(level.encode()).hexdigest()[:16]
            written = f"{written.encode()[:_LONGEST_BYTES].decode('utf-8', 'ignore')}_{digest}"
        return written
