"""What a client asked to be told with NOTIFY, and the watching that it takes. RFC 5465.

The store says which mailboxes may have changed; only these are looked at, and compared with what is remembered: a
change costs one status, however many mailboxes there are. The list of mailboxes is read when it may have changed; when
it is long, once a second at most, for the store doesn't tell a new name from a new message.

Must never: look at a mailbox that no group covers, report the open mailbox (the session's updates do), or tell more at
once than ImapLimits.notify_responses.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pillarbox.imap.features import Feature
from pillarbox.imap.mailbox_filters import MailboxFilter, Scope
from pillarbox.imap.notifier_names import ListLines, Names, name_changes, subscription_changes
from pillarbox.imap.refusals import Refused
from pillarbox.imap.session import Session
from pillarbox.imap.updates import Change, ExpungeRule, Wish
from pillarbox.mail.errors import MailboxMissing, NoPermission
from pillarbox.store.contract import Mailbox, MailboxId, MailboxStatus, Unwatch

_MANY_NAMES: Final = 200
"""Reading so many names takes less than half a millisecond; for more, see _NAMES_SECONDS."""
_NAMES_SECONDS: Final = 1.0
_OTHERS_SECONDS: Final = 30.0
_OWN_SCOPES: Final = (Scope.PERSONAL, Scope.INBOXES)
_STATUSES_PER_TURN: Final = 100


class Event(enum.Enum):
    """The word on the wire."""

    MESSAGE_NEW = "MessageNew"
    MESSAGE_EXPUNGE = "MessageExpunge"
    FLAG_CHANGE = "FlagChange"
    MAILBOX_NAME = "MailboxName"
    SUBSCRIPTION_CHANGE = "SubscriptionChange"
    MAILBOX_METADATA_CHANGE = "MailboxMetadataChange"
    SERVER_METADATA_CHANGE = "ServerMetadataChange"


MESSAGE_EVENTS: Final = {
    Event.MESSAGE_NEW: Change.ARRIVALS,
    Event.MESSAGE_EXPUNGE: Change.EXPUNGES,
    Event.FLAG_CHANGE: Change.FLAGS,
}
_COUNT_ITEMS: Final = ("MESSAGES", "UIDNEXT", "UIDVALIDITY")


@dataclass(frozen=True, slots=True)
class EventGroup:
    """event-group of other mailboxes than the open one. Without events (NONE), nothing is told of them, whatever other
    groups say (section 5)."""

    mailboxes: MailboxFilter
    events: frozenset[Event]


@dataclass(frozen=True, slots=True)
class SelectedGroup:
    """event-group of the open mailbox. Without one, nothing is told of it (section 3.1)."""

    events: frozenset[Event] = frozenset()
    items: Sequence[Any] = ()  # Any: items of FETCH
    between: ExpungeRule = ExpungeRule.HELD_BACK


class Notifier:
    """See session.Notices."""

    def __init__(self, session: Session, selected: SelectedGroup, groups: Sequence[EventGroup]) -> None:
        self.wish = Wish(frozenset(MESSAGE_EVENTS[event] for event in selected.events), names_uids=True)
        self.items = selected.items
        self.between = selected.between
        self._session = session
        self._groups = groups
        self._reaches_others = any(group.mailboxes.scope not in _OWN_SCOPES for group in groups)
        self._names = Names({}, frozenset())
        self._names_stale = False
        self._names_seconds = 0.0
        self._wanted: dict[MailboxId, frozenset[Event]] = {}
        self._unwatch: dict[MailboxId, Unwatch] = {}
        self._unwatch_list: Unwatch | None = None
        self._known: dict[MailboxId, MailboxStatus] = {}
        self._dirty: set[MailboxId] = set()

    async def begin(self) -> None:
        """Watch, and remember how things are. Raises Refused when that is too much (section 3.1)."""
        if not self._groups:
            return
        self._unwatch_list = self._session.mail.watch_mailboxes(self._list_changed)
        await self._read_names()
        if len(self._wanted) > self._session.services.limits.notify_mailboxes:
            self.close()
            raise Refused("That is too many mailboxes to be told about", "NOTIFICATIONOVERFLOW")
        for count, mailbox in enumerate(list(self._wanted), 1):
            if not count % _STATUSES_PER_TURN:
                await asyncio.sleep(0)  # no waiting: one turn for everybody else
            status = await self._status(mailbox)
            if status is not None:
                self._known[mailbox] = status
        self._dirty.clear()

    def inaccessible(self) -> bytes:
        r"""LIST with `\NoAccess` of every mailbox that can be listed and not read (section 3.1)."""
        encode = self._session.encode_name
        names = [self._names.mailboxes[mailbox].name for mailbox in self._wanted if mailbox not in self._known]
        return b"".join(b'* LIST (\\NoAccess) "/" %b\r\n' % encode(name) for name in names)

    def statuses(self) -> bytes:
        """STATUS of every mailbox whose messages are watched, as NOTIFY SET STATUS asks (section 3.1)."""
        return b"".join(self._initial())

    def _initial(self) -> Iterator[bytes]:
        for mailbox, status in self._known.items():
            if mailbox == self._selected():
                continue
            name, events = self._names.mailboxes[mailbox].name, self._wanted[mailbox]
            items = list(_COUNT_ITEMS)
            if Event.FLAG_CHANGE in events:
                items.append("HIGHESTMODSEQ")
            yield self._status_line(name, status, items)

    async def elsewhere(self) -> bytes:
        """What happened outside of the open mailbox; NOTIFICATIONOVERFLOW when it is too much."""
        lines = await self._name_lines() if self._names_are_due() else []
        dirty, self._dirty = self._dirty, set()
        for mailbox in sorted(dirty & self._wanted.keys()):
            if len(lines) % _STATUSES_PER_TURN == _STATUSES_PER_TURN - 1:
                await asyncio.sleep(0)  # no waiting: one turn for everybody else
            lines += await self._counts_line(mailbox)
        if len(lines) > self._session.services.limits.notify_responses:
            return self.overflow()
        return b"".join(lines)

    def overflow(self) -> bytes:
        """From now on as after NOTIFY NONE (section 5.8)."""
        self.close()
        self.wish, self.items, self.between = Wish(frozenset()), (), ExpungeRule.HELD_BACK
        return b"* OK [NOTIFICATIONOVERFLOW] Too much happens at once; look around and use NOTIFY again\r\n"

    def tick(self) -> None:
        """Names that were put off may be due now; and who begins to share something gives no sign of it."""
        if self._reaches_others and self._now() - self._names_seconds >= _OTHERS_SECONDS:
            self._names_stale = True
        if self._names_stale:
            self._session.on_change()

    def close(self) -> None:
        """Watch nothing any more."""
        for unwatch in self._unwatch.values():
            unwatch()
        self._unwatch.clear()
        self._wanted.clear()
        self._known.clear()
        self._groups, self._reaches_others = (), False
        self._names_stale = False
        if self._unwatch_list is not None:
            self._unwatch_list()
            self._unwatch_list = None

    # --- annotations -----------------------------------------------------------------------------

    @property
    def asks_annotations(self) -> bool:
        """Whether they must be watched at all; changes are told by the session, as those of ENABLE METADATA are."""
        asked = {Event.MAILBOX_METADATA_CHANGE, Event.SERVER_METADATA_CHANGE}
        return any(asked & group.events for group in self._groups)

    def covers_annotations(self, name: str) -> bool:
        """Whether changes to a mailbox's annotations are to be told (section 5.6), or the server's, whose name is empty
        (section 5.7; with whichever mailboxes a client asks for them)."""
        if not name:
            return any(Event.SERVER_METADATA_CHANGE in group.events for group in self._groups)
        known = {mailbox.name: mailbox for mailbox in self._names.mailboxes.values()}
        return self._covers(Event.MAILBOX_METADATA_CHANGE, name, known, self._names.subscribed)

    # --- names -----------------------------------------------------------------------------------

    def _list_changed(self) -> None:
        self._names_stale = True
        self._session.on_change()

    def _now(self) -> float:
        return self._session.services.clock.monotonic_seconds()

    def _names_are_due(self) -> bool:
        if not self._names_stale:
            return False
        own = self._session.own_changes.names
        few = len(self._names.mailboxes) <= _MANY_NAMES
        return few or bool(own) or self._now() - self._names_seconds >= _NAMES_SECONDS

    async def _read_names(self) -> None:
        self._names_stale = False
        self._names_seconds = self._now()
        account = self._session.mail
        mailboxes = await account.mailboxes()
        self._names = Names.of(mailboxes, await account.subscriptions())
        wanted = {mailbox.id: self._message_events(mailbox) for mailbox in mailboxes}
        self._wanted = {mailbox: events for mailbox, events in wanted.items() if events}
        for mailbox in self._unwatch.keys() - self._wanted.keys():
            self._unwatch.pop(mailbox)()
            self._known.pop(mailbox, None)
        for mailbox in self._wanted.keys() - self._unwatch.keys():
            self._unwatch[mailbox] = account.watch(mailbox, lambda mailbox=mailbox: self._mark(mailbox))
            self._dirty.add(mailbox)

    def _mark(self, mailbox: MailboxId) -> None:
        self._dirty.add(mailbox)
        self._session.on_change()

    def _message_events(self, mailbox: Mailbox) -> frozenset[Event]:
        found = self._events_of(mailbox, self._names.subscribed)
        return found & MESSAGE_EVENTS.keys()

    def _events_of(self, mailbox: Mailbox, subscribed: Collection[str]) -> frozenset[Event]:
        groups = [group.events for group in self._groups if group.mailboxes.holds(mailbox, subscribed)]
        return frozenset().union(*groups) if all(groups) else frozenset()

    async def _name_lines(self) -> list[bytes]:
        before, own = self._names, frozenset(self._session.own_changes.names)
        await self._read_names()
        after = self._names
        if before == after:
            return []
        shown = ListLines(after, utf8=self._session.utf8)
        known = {mailbox.name: mailbox for names in (before, after) for mailbox in names.mailboxes.values()}
        subscribed = before.subscribed | after.subscribed
        lines: dict[str, bytes] = {}
        for name, old_name in name_changes(before, after, own):
            if self._covers(Event.MAILBOX_NAME, name, known, subscribed):
                lines[name] = shown.line(name, old_name)
        for name in subscription_changes(before, after, own):
            if name not in lines and self._covers(Event.SUBSCRIPTION_CHANGE, name, known, subscribed):
                lines[name] = shown.line(name)
        return list(lines.values())

    def _covers(self, event: Event, name: str, known: Mapping[str, Mailbox], subscribed: frozenset[str]) -> bool:
        mailbox = known.get(name) or Mailbox(MailboxId(1), name, 1)
        return event in self._events_of(mailbox, subscribed)

    # --- counts ----------------------------------------------------------------------------------

    def _selected(self) -> MailboxId | None:
        view = self._session.view
        return view.image.mailbox.id if view is not None else None

    async def _status(self, mailbox: MailboxId) -> MailboxStatus | None:
        try:
            return await self._session.mail.status(mailbox)
        except (MailboxMissing, NoPermission):
            return None

    async def _counts_line(self, mailbox: MailboxId) -> list[bytes]:
        """STATUS of a mailbox when something happened that is to be told (section 5.1 to 5.3)."""
        then, now = self._known.get(mailbox), await self._status(mailbox)
        if now is None:
            self._known.pop(mailbox, None)
            return []
        self._known[mailbox] = now
        if mailbox == self._selected() or self._is_own(mailbox, then, now):
            return []
        events = self._wanted[mailbox]
        condstore = Feature.CONDSTORE in self._session.features
        items: list[str] = []
        if then is None:
            items += _COUNT_ITEMS if now.messages else ()
        elif (then.messages, then.uidnext) != (now.messages, now.uidnext) and Event.MESSAGE_NEW in events:
            items += _COUNT_ITEMS
        if then is not None and Event.FLAG_CHANGE in events and then.highest_modseq != now.highest_modseq:
            if then.unseen != now.unseen:
                items.append("UNSEEN")
            if (items or condstore) and "UIDVALIDITY" not in items:
                items.append("UIDVALIDITY")
        if items and condstore:
            items.append("HIGHESTMODSEQ")
        return [self._status_line(self._names.mailboxes[mailbox].name, now, items)] if items else []

    def _is_own(self, mailbox: MailboxId, then: MailboxStatus | None, now: MailboxStatus) -> bool:
        """Whether all that happened is what the client's own command put there."""
        own = self._session.own_changes.arrivals.get(mailbox, ())
        if then is None or not own:
            return False
        return now.messages == then.messages + len(own) and now.uidnext == then.uidnext + len(own)

    def _status_line(self, name: str, status: MailboxStatus, items: Sequence[str]) -> bytes:
        values = {
            "MESSAGES": status.messages,
            "UIDNEXT": status.uidnext,
            "UIDVALIDITY": status.uidvalidity,
            "UNSEEN": status.unseen,
            "HIGHESTMODSEQ": status.highest_modseq,
        }
        shown = " ".join(f"{item} {values[item]}" for item in items).encode("ascii")
        return b"* STATUS %b (%b)\r\n" % (self._session.encode_name(name), shown)
