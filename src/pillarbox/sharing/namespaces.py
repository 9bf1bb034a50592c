"""Names of other people's mailboxes: `Other Users/<login name>/<name there>`, `Shared Folders/<name there>`.

RFC 2342. Must never: tell whether there is anything behind a name.
"""

from __future__ import annotations

from typing import NamedTuple

from pillarbox.mail.names import SEPARATOR, canonical_name
from pillarbox.sharing.neighbours import Owner
from pillarbox.sharing.settings import SharingSettings


class Spot(NamedTuple):
    """Where a name leads to."""

    login_name: str
    """Whose mailbox; empty for shared folders."""
    name: str
    """Its name there."""


class Namespaces:
    """The names of one server."""

    __slots__ = ("_others", "_prefixes", "_shared")

    def __init__(self, settings: SharingSettings) -> None:
        self._others = settings.other_users + SEPARATOR if settings.other_users else ""
        self._shared = settings.shared_folders + SEPARATOR if settings.shared_folders else ""
        self._prefixes = tuple(sorted(filter(None, (self._others, self._shared)), key=len, reverse=True))

    def holds(self, name: str) -> bool:
        """Whether the name is kept for other people's mailboxes."""
        return (name + SEPARATOR).startswith(self._prefixes)

    def locate(self, name: str) -> Spot | None:
        """Where the name of a mailbox leads to; None for a name of the own account, and for one above all others'."""
        for prefix in self._prefixes:
            if name.startswith(prefix):
                rest = name[len(prefix) :]
                if prefix == self._shared:
                    return Spot("", canonical_name(rest))
                login_name, separator, inner = rest.partition(SEPARATOR)
                return Spot(login_name, canonical_name(inner)) if login_name and separator and inner else None
        return None

    def name_of(self, owner: Owner, name: str) -> str:
        """How an owner's mailbox is called by others; empty when they don't see it."""
        if not owner.login_name:
            return self._shared + name if self._shared else ""
        return f"{self._others}{owner.login_name}{SEPARATOR}{name}" if self._others else ""
