r"""What every source of mail gives: letters, folder by folder, and what could not be read.

Must never: hold more than one letter's bytes at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from pillarbox.mail.dates import InternalDate
from pillarbox.mail.flags import canonical_flag

_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_NO_ATOM: Final = re.compile(r"[^\x21-\x7e]|[(){%*\"\\\]]")
"""RFC 9051 section 9: atom = 1*ATOM-CHAR; ATOM-CHAR = <any CHAR except atom-specials>."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message on its way in."""

    origin: str
    """Where it stands, for people: a file, or a file and the line that it begins on."""
    content: bytes
    """With CRLF line ends."""
    internal_date: InternalDate
    flags: frozenset[str] = frozenset()
    uid: int = 0
    """That it has there; 0: none, or none that is worth keeping."""
    save_seconds: int | None = None
    """When it came into its mailbox there, epoch seconds."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that looked like a message and could not be read; the reason is plain English."""

    origin: str
    reason: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What a source knows of a mailbox besides its messages; clients rely on it to not download all again."""

    uidvalidity: int
    uidnext: int
    modseq: int = 0
    """Above all that any client was told of; 0: unknown."""


@dataclass(frozen=True, slots=True)
class Traits:
    """How a mailbox is to look."""

    special_use: frozenset[str] = frozenset()
    is_subscribed: bool = True


class Folder(Protocol):
    """One mailbox of a source."""

    @property
    def name(self) -> str:
        """Levels divided by "/"; empty for the source's own top."""
        ...

    @property
    def size_bytes(self) -> int:
        """About how much there is to read, for a progress bar."""
        ...

    @property
    def kept(self) -> Kept | None:
        """None: its letters have no UIDs that are worth keeping. Else those with UIDs come first, ascending."""
        ...

    @property
    def traits(self) -> Traits: ...

    def letters(self) -> Iterator[Letter | Unreadable]:
        """Read it through, in the order in which the messages came."""
        ...


Folders = Sequence[Folder]


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file that holds one message."""

    content: bytes
    modified_seconds: int


def read_file(path: Path, max_message_bytes: int) -> RawFile | Unreadable:
    """The message in a file, with CRLF line ends."""
    try:
        status = path.stat()
        if status.st_size > max_message_bytes:
            return Unreadable(str(path), f"larger than the {max_message_bytes} bytes that one message may have")
        raw = path.read_bytes()
    except OSError as error:
        return Unreadable(str(path), error.strerror or "can't be read")
    if not raw.strip():
        return Unreadable(str(path), "an empty file")
    return RawFile(with_crlf(raw), int(status.st_mtime))


def with_crlf(raw_message: bytes) -> bytes:
    """The message with every bare LF made CRLF: files keep mail with the line ends of their system."""
    if raw_message.count(b"\n") == raw_message.count(b"\r\n"):
        return raw_message
    return _BARE_LF.sub(b"\r\n", raw_message)


def keyword(text: str) -> str:
    """A keyword that IMAP can carry: what an atom can't hold becomes "_"; empty when nothing is left."""
    cleaned = _NO_ATOM.sub("_", text.strip())
    return canonical_flag(cleaned) if cleaned.strip("_") else ""
