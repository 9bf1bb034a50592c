"""How much an attachment may cost.

Must never: hold a limit without its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ExtractLimits:
    """For one attachment. What was read before a limit was met counts."""

    file_bytes: int = 20 * _MIB
    """Larger ones are pictures or archives of pictures."""
    seconds: float = 60.0
    """By the clock: nobody waits for it, but a process that sleeps must end."""
    processor_seconds: int = 15
    """A book of 500 pages takes about ten."""
    memory_bytes: int = 512 * _MIB
    """Of address space, with 100 MiB for Python itself."""
    characters: int = 1_000_000
    """Of text, from the beginning: as much as of a message (search/fuzzy.py)."""
    unpacked_bytes: int = 64 * _MIB
    """Of XML in a document: some 20,000 pages. What is larger was made to be large."""

    def as_arguments(self) -> list[str]:
        """For the command line of the process."""
        return [
            str(value)
            for value in (
                self.file_bytes,
                self.seconds,
                self.processor_seconds,
                self.memory_bytes,
                self.characters,
                self.unpacked_bytes,
            )
        ]

    @classmethod
    def from_arguments(cls, arguments: list[str]) -> ExtractLimits:
        """What as_arguments() made. Raises ValueError."""
        file_bytes, seconds, processor_seconds, memory_bytes, characters, unpacked_bytes = arguments
        return cls(
            int(file_bytes),
            float(seconds),
            int(processor_seconds),
            int(memory_bytes),
            int(characters),
            int(unpacked_bytes),
        )
