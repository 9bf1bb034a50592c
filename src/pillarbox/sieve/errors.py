"""What can be wrong with a script, by line and column, in plain words.

Must never: be raised for anything a message holds; that is no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Place(NamedTuple):
    """Where in a script; both count from 1, columns in characters."""

    line: int
    column: int


class Mistake(NamedTuple):
    """One thing wrong with a script."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"line {self.place.line}, column {self.place.column}: {self.text}"


class ScriptInvalid(Exception):
    """A script can't be used. The text names every mistake that was found, one a line."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


class RunFailed(Exception):
    """A script went wrong while it ran; the message is kept (RFC 5228 section 2.10.6)."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
