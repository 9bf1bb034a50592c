"""All areas of the IMAP room, put together; and what follows from them: look-up, CAPABILITY, ENABLE.

Start-up fails when two areas claim one name.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from pillarbox.imap.command import Area, Command
from pillarbox.imap.commands import (
    acl,
    append,
    catenate,
    compress,
    context,
    copy,
    expunge,
    fetch,
    idle,
    language,
    listing,
    login,
    mailboxes,
    message_limit,
    metadata,
    multisearch,
    notify,
    objectid,
    preview,
    quota,
    replace,
    search,
    select,
    sort,
    status,
    store,
    talk,
    thread,
    urlauth,
)
from pillarbox.imap.features import Feature
from pillarbox.imap.session import Session

AREAS = (
    talk.AREA,
    language.AREA,
    login.AREA,
    select.AREA,
    mailboxes.AREA,
    listing.AREA,
    acl.AREA,
    status.AREA,
    append.AREA,
    catenate.AREA,
    urlauth.AREA,
    replace.AREA,
    fetch.AREA,
    store.AREA,
    copy.AREA,
    expunge.AREA,
    search.AREA,
    sort.AREA,
    thread.AREA,
    context.AREA,
    multisearch.AREA,
    idle.AREA,
    notify.AREA,
    objectid.AREA,
    preview.AREA,
    quota.AREA,
    metadata.AREA,
    compress.AREA,
    message_limit.AREA,
)
"""Adding an area is one line here; the order is that of the CAPABILITY list."""


class Registry:
    """Commands by name, and the offer to clients."""

    def __init__(self, areas: Sequence[Area]) -> None:
        self.commands: dict[str, Command] = {}
        self.capability_rows = [row for area in areas for row in area.capabilities]
        self._features = {feature.value: feature for area in areas for feature in area.features}
        for command in (command for area in areas for command in area.commands):
            if command.name in self.commands:
                raise ValueError(f"two commands are called {command.name}")
            self.commands[command.name] = command
        self.prefixes = frozenset(name.split()[0] for name in self.commands if " " in name)

    def command_of(self, text: bytes) -> Command | None:
        """The command that a line begins, which may not be whole yet: tag SP ["UID" SP] name."""
        words = text[:100].decode("latin-1").upper().split(" ", 3)[1:]
        first = words[0] if words else ""
        return self.commands.get(" ".join(words[:2]) if first in self.prefixes else first)

    def capabilities(self, session: Session) -> bytes:
        """RFC 9051 section 7.2.2: the names for the session's state."""
        state = session.state
        names = [row.value(session) if row.value else row.name for row in self.capability_rows if state in row.states]
        return " ".join(filter(None, names)).encode("ascii")

    def feature(self, name: str) -> Feature | None:
        """What `ENABLE name` switches on; None for what is not known (RFC 5161: ignored)."""
        return self._features.get(name)


@functools.cache
def registry() -> Registry:
    """The registry of everything that is there."""
    return Registry(AREAS)
