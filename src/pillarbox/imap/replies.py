"""The states of a session and the replies that a handler yields to dispatch.py."""

from __future__ import annotations

import enum
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final


class State(enum.Flag):
    """RFC 9051 section 3. (Logout is not a state in which commands are taken.)"""

    NOT_AUTHENTICATED = enum.auto()
    AUTHENTICATED = enum.auto()
    SELECTED = enum.auto()


ANY_STATE: Final = State.NOT_AUTHENTICATED | State.AUTHENTICATED | State.SELECTED
LOGGED_IN: Final = State.AUTHENTICATED | State.SELECTED


@dataclass(frozen=True, slots=True)
class Ask:
    """Send `+ ` with this text; the client's next line is the value of the yield."""

    challenge: bytes


@dataclass(frozen=True, slots=True)
class WaitForChange:
    """Wait until the client sends a line (the value of the yield) or something changed (None)."""

    remind: bool = False
    """Say something harmless in a second or two, if the client is still silent then."""


@dataclass(frozen=True, slots=True)
class Done:
    """How the tagged OK reads: its response code (without brackets) and text. Later ones win."""

    code: bytes = b""
    text: str = ""


Reply = bytes | Ask | WaitForChange | Done
Replies = AsyncGenerator[Reply, Any]  # Any: what is sent back depends on the reply (a line, or None)
