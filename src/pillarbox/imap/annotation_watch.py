"""Notices which annotations somebody else changed: for the METADATA responses that nobody asked for (RFC 5464 section
4.4.2), and for NOTIFY's events about them (RFC 5465 sections 5.6 and 5.7).

Every change in the account, a new message too, may be one of an annotation. So where there are many mailboxes they are
looked at once a second at most.

Must never: keep values; hashes say whether one changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pillarbox.clock import Clock
from pillarbox.imap.annotations import (
    PREFIX,
    PRIVATE,
    SHARED,
    SPECIAL_USE,
    entries_of,
    property_of,
    reader_of,
    special_use_value,
)
from pillarbox.sharing.confined import PersonsMail
from pillarbox.sharing.neighbours import SHARED_ACCOUNT
from pillarbox.store.contract import AccountStore, MailboxId, Store, Unwatch


@dataclass(frozen=True, slots=True)
class Annotated:
    """A mailbox, or the server (with an empty name), and a hash for each of its entries."""

    name: str
    entries: Mapping[str, int]


_MANY: Final = 200
_MANY_SECONDS: Final = 1.0
_Picture = Mapping[MailboxId | None, Annotated]


class AnnotationWatch:
    """One client's. Made by begin()."""

    def __init__(self, mail: PersonsMail, server: AccountStore, clock: Clock, on_change: Callable[[], None]) -> None:
        self._mail = mail
        self._clock = clock
        self._on_change = on_change
        self._looked_seconds = 0.0
        self._server = server
        self._unwatch: list[Unwatch] = []
        self._picture: dict[MailboxId | None, Annotated] = {}
        self._stale = False

    @classmethod
    async def begin(
        cls, mail: PersonsMail, store: Store, clock: Clock, on_change: Callable[[], None]
    ) -> AnnotationWatch:
        """Watch from now on. `on_change` is called when there may be news."""
        watch = cls(mail, await store.open(SHARED_ACCOUNT), clock, on_change)

        def look_again() -> None:
            watch._stale = True
            on_change()

        watch._unwatch = [mail.watch_mailboxes(look_again), watch._server.watch_mailboxes(look_again)]
        watch._picture = dict(await watch._look())
        return watch

    async def close(self) -> None:
        """Watch no more."""
        for unwatch in self._unwatch:
            unwatch()
        await self._server.close()

    def changed_here(self, mailbox: MailboxId | None, values: Mapping[str, bytes | None]) -> None:
        """The client changed these itself: no news for it."""
        known = self._picture.get(mailbox, Annotated("", {}))
        entries = {**known.entries, **{name: hash(value) for name, value in values.items() if value is not None}}
        for name, value in values.items():
            if value is None:
                entries.pop(name, None)
        self._picture[mailbox] = Annotated(known.name, entries)

    async def news(self) -> list[tuple[str, list[str]]]:
        """Mailbox names (empty: the server) with the entries that others set, changed or removed since last time."""
        if not self._stale or not self._is_due():
            return []
        self._stale = False
        before, now = self._picture, await self._look()
        self._picture = dict(now)
        told: list[tuple[str, list[str]]] = []
        for mailbox, annotated in now.items():
            known = before[mailbox].entries if mailbox in before else {}
            changed = {name for name, _ in set(known.items()) ^ set(annotated.entries.items())}
            if changed:
                told.append((annotated.name, sorted(changed)))
        return told

    def tick(self) -> None:
        """What was put off may be due now."""
        if self._stale and self._is_due():
            self._on_change()

    def _is_due(self) -> bool:
        few = len(self._picture) <= _MANY
        return few or self._clock.monotonic_seconds() - self._looked_seconds >= _MANY_SECONDS

    async def _look(self) -> _Picture:
        self._looked_seconds = self._clock.monotonic_seconds()
        kept = await self._mail.all_properties(PREFIX)
        shared = await self._server.properties(None, property_of(SHARED))
        private = {name: value for name, value in kept.get(None, {}).items() if name.startswith(property_of(PRIVATE))}
        picture: dict[MailboxId | None, Annotated] = {None: Annotated("", _hashes(entries_of({**shared, **private})))}
        for mailbox in await self._mail.mailboxes():
            entries = entries_of(kept.get(mailbox.id, {}), reader_of(self._mail, mailbox))
            if mailbox.special_use:
                entries[SPECIAL_USE] = special_use_value(mailbox)
            picture[mailbox.id] = Annotated(mailbox.name, _hashes(entries))
        return picture


def _hashes(entries: Mapping[str, bytes]) -> dict[str, int]:
    return {name: hash(value) for name, value in entries.items()}
