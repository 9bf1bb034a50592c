"""The strings of a script.

Must never: know what is in a variable; that is a run's affair (run.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pillarbox.sieve.errors import Place


class Reference(NamedTuple):
    """`${name}` in a string (RFC 5229 section 3): a variable, or a match variable by its number."""

    name: str
    number: int = -1


@dataclass(frozen=True, slots=True)
class Text:
    """A string of a script: literal text and references to variables."""

    pieces: tuple[str | Reference, ...]
    source: str
    """As written, without anything filled in."""
    place: Place

    @property
    def constant(self) -> str | None:
        """The text when no variable stands in it."""
        return self.source if not any(isinstance(piece, Reference) for piece in self.pieces) else None
