"""A command as data, and the areas that commands come in.

Adding a command: one row in an area. Adding an area: one file in commands/ and one line in registry.py.
What is advertised is computed from what stands in the areas (capabilities.py).
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from pillarbox.imap.features import Feature
from pillarbox.imap.replies import ANY_STATE, Replies, State
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.framer import RawCommand


class Trait(enum.Flag):
    """What dispatch must know of a command."""

    NONE = 0
    KEEPS_NUMBERS = enum.auto()
    """No EXPUNGE may be sent while it runs: FETCH, STORE, SEARCH by number (RFC 9051 section 7.5.1)."""
    TAKES_NUMBERS = enum.auto()
    """Names messages by number: not to be used once UIDONLY is on (RFC 9586 section 3.1)."""
    EXPUNGES = enum.auto()
    """EXPUNGE responses are part of its answer, whatever the client wants to be notified of."""
    TAKES_MESSAGES = enum.auto()
    """Its literals may be messages."""
    MAY_STAND_ALONE = enum.auto()
    """All of its arguments may be left out."""
    NO_UPDATES = enum.auto()
    """Sends no updates of its own accord: it changes the state, or did it itself."""


BY_NUMBER: Final = Trait.KEEPS_NUMBERS | Trait.TAKES_NUMBERS
"""What commands have that read or name messages by number."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `parse` reads the arguments (the framework checks that nothing is left); `handle` gets them."""

    name: str
    """Upper case; `UID FETCH` is a command of its own."""
    states: State
    handle: Callable[[Session, Any], Replies]  # Any: each command has arguments of its own type
    rfc: str
    """Where it is specified: `9051 6.4.5`."""
    parse: Callable[[Cursor, Session], Any] | None = None  # Any: as above; None takes no arguments
    traits: Trait = Trait.NONE
    prepare: Callable[[Session, RawCommand], Awaitable[None]] | None = None
    """What must be read from the store before `parse` can do its work; left in the session, which forgets it with the
    command."""
    keeps_numbers: Callable[[Any], bool] | None = None  # Any: the arguments, as parse gave them
    """Whether these arguments make it a command of Trait.KEEPS_NUMBERS: UID SEARCH with numbers among its keys (RFC
    7162 section 3.2.10.2)."""
    begins_early: Callable[[Session, Any], bool] | None = None  # Any: as above
    """Whether a command with these arguments may begin while others of its kind before it are not answered yet: nobody
    can tell the difference from running them one after another (RFC 9051 section 5.5). Its handler goes on to its first
    reply, and no further before its turn."""


@dataclass(frozen=True, slots=True)
class Capability:
    """A name in the CAPABILITY list."""

    name: str
    rfc: str
    states: State = ANY_STATE
    """In which states it is told."""
    value: Callable[[Session], str] | None = None
    """For names with a value that depends on settings: gives the whole name, `APPENDLIMIT=50000`, or nothing when it is
    off."""


@dataclass(frozen=True, slots=True)
class Area:
    """What one file of commands/ brings along."""

    commands: tuple[Command, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    features: tuple[Feature, ...] = ()
    """What ENABLE may switch on because of it."""
