"""That a certificate can't be had, in words that say what to do.

Must never: load what speaks ACME; workers know this module.
"""

from __future__ import annotations

from typing import Final

_MOST_CHARACTERS: Final = 400


class AcmeTrouble(Exception):
    """A certificate can't be got, renewed or revoked now. The text is for the operator."""

    def __init__(self, text: str, wait_seconds: float = 0.0) -> None:
        """`wait_seconds`: the authority said not to come back before."""
        super().__init__(text)
        self.wait_seconds = wait_seconds


def plain(text: str) -> str:
    """A stranger's words on one line, not too many."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= _MOST_CHARACTERS else line[: _MOST_CHARACTERS - 3] + "..."
