r"""What becomes of a message afterwards: `keep`, `move:MAILBOX`, `flag:FLAG`, `delete`."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

_FLAG: Final = re.compile(r"\\?[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|}~]+")
r"""RFC 9051 section 9: flag-keyword = "$MDNSent" / ... / atom, or one of the system flags."""


class ActionInvalid(ValueError):
    """No action; the text says what is expected."""


class Deed(enum.Enum):
    """Kinds of actions."""

    KEEP = "keep"
    MOVE = "move"
    FLAG = "flag"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Action:
    """One of them, with the mailbox or flag that it needs."""

    deed: Deed
    name: str = ""

    @classmethod
    def read(cls, text: str) -> Action:
        """Raises ActionInvalid."""
        word, colon, name = text.partition(":")
        if not colon and word in (Deed.KEEP.value, Deed.DELETE.value):
            return cls(Deed(word))
        if word == Deed.MOVE.value and name:
            return cls(Deed.MOVE, name)
        if word == Deed.FLAG.value and _FLAG.fullmatch(name):
            return cls(Deed.FLAG, name)
        raise ActionInvalid(f'"{text}" is none of keep, delete, move:MAILBOX, flag:FLAG')

    @classmethod
    def read_place(cls, text: str) -> Action:
        """The same, where a name alone is a mailbox to move to. Raises ActionInvalid."""
        if not text:
            return KEEP
        is_action = text in (Deed.KEEP.value, Deed.DELETE.value) or text.startswith(("move:", "flag:"))
        return cls.read(text) if is_action else cls(Deed.MOVE, text)

    def __str__(self) -> str:
        return f"{self.deed.value}:{self.name}" if self.name else self.deed.value


KEEP: Final = Action(Deed.KEEP)
