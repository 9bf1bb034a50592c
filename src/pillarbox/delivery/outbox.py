"""The way out for what filters send on: a promise here, sockets and processes in `net`.

Must never: open a connection or start a program.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class NotSent(Exception):
    """The next server did not take it, or there is none. The text is for the log."""


class Outbox(Protocol):
    """Hands messages to a server that sends mail."""

    async def submit(self, sender: str, recipients: Sequence[str], content: bytes) -> None:
        """Hand over a message; returning means that the other side answers for it now.

        `sender` is the reverse-path, empty for the null one. Raises NotSent.
        """
        ...


class NoOutbox:
    """Nothing can be sent."""

    async def submit(self, sender: str, recipients: Sequence[str], content: bytes) -> None:
        raise NotSent("no outgoing mail is set up; see [delivery] relay")
