"""A Maildir as mbsync, offlineimap and getmail leave it, and as a mail reader changes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

INFO = {"\\Seen": "S", "\\Flagged": "F", "\\Answered": "R", "\\Draft": "D", "\\Deleted": "T"}


@dataclass(frozen=True, slots=True)
class Maildir:
    path: Path

    def make(self) -> None:
        for folder in ("cur", "new", "tmp"):
            (self.path / folder).mkdir(parents=True, exist_ok=True)

    def files(self) -> list[Path]:
        return sorted(file for folder in ("cur", "new") for file in (self.path / folder).iterdir())

    def letters(self) -> dict[bytes, frozenset[str]]:
        """Content, with the line ends of the wire, and IMAP flags of every letter."""
        return {_with_wire_line_ends(file.read_bytes()): _flags(file) for file in self.files()}

    def deliver(self, name: str, content: bytes, info: str = "") -> None:
        r"""Put a letter there; `info` are flag letters as in `FS`."""
        file = self.path / ("cur" if info else "new") / (f"{name}:2,{info}" if info else name)
        file.write_bytes(content.replace(b"\r\n", b"\n"))

    def delivery_program(self) -> str:
        """A shell command that puts the letter on its standard input here, as a local delivery agent does."""
        self.make()
        return f'now=$(mktemp {self.path}/tmp/XXXXXXXX) && cat > "$now" && mv "$now" {self.path}/new/'

    def find(self, words: bytes) -> Path:
        """The one letter that contains `words`."""
        found = [file for file in self.files() if words in file.read_bytes()]
        assert len(found) == 1, found
        return found[0]

    def mark(self, words: bytes, *flags: str) -> None:
        """Set the flags of the letter that contains `words`, to just these."""
        file = self.find(words)
        info = "".join(sorted(INFO[flag] for flag in flags))
        file.rename(self.path / "cur" / f"{file.name.split(':2,')[0]}:2,{info}")

    def snapshot(self) -> dict[str, bytes]:
        """Names and bytes of all letters, to see that nothing changed."""
        return {file.name: file.read_bytes() for file in self.files()}


def _flags(file: Path) -> frozenset[str]:
    _, _, info = file.name.partition(":2,")
    return frozenset(flag for flag, character in INFO.items() if character in info)


def _with_wire_line_ends(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
