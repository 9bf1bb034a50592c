"""NOTIFY: what a client is told of its own accord, and between commands too (RFC 5465).

    notify        = "NOTIFY" SP (notify-set / notify-none)
    notify-set    = "SET" [SP "STATUS"] SP event-groups
    event-groups  = event-group *(SP event-group)
    event-group   = "(" filter-mailboxes SP events ")"
    events        = "(" event *(SP event) ")" / "NONE"
    event         = "MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"] / "MessageExpunge" / "FlagChange" / ...

The RFC's own example (section 3.1) leaves out the parentheses around events: so may clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pillarbox.imap.command import Area, Capability, Command
from pillarbox.imap.commands.fetch_items import FetchItem, parse_items
from pillarbox.imap.mailbox_filters import read_filter
from pillarbox.imap.news import news
from pillarbox.imap.notifier import MESSAGE_EVENTS, Event, EventGroup, Notifier, SelectedGroup
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.replies import LOGGED_IN, Replies
from pillarbox.imap.session import Session
from pillarbox.imap.updates import ExpungeRule
from pillarbox.imap.wire.cursor import Cursor

EVENTS: Final = {event.value.upper(): event for event in Event}
"""The open table of events: one more is a row of Event. What is not here is refused with BADEVENT, which names all:
AnnotationChange (RFC 5257, not spoken)."""

_SELECTED: Final = {"SELECTED": ExpungeRule.ALLOWED, "SELECTED-DELAYED": ExpungeRule.HELD_BACK}


@dataclass(slots=True)
class _Wanted:
    """What NOTIFY SET names; `selected` None for no group of the open mailbox."""

    tells_status: bool = False
    selected: SelectedGroup | None = None
    groups: list[EventGroup] = field(default_factory=list)


def _parse(cursor: Cursor, session: Session) -> _Wanted | None:
    """None for NONE."""
    word = cursor.word()
    if word == "NONE":
        return None
    if word != "SET":
        raise BadSyntax("NOTIFY takes SET or NONE")
    wanted = _Wanted(tells_status=cursor.skip_folded(b" STATUS"))
    names = 0
    while (not wanted.groups and wanted.selected is None) or not cursor.at_end():
        cursor.space()
        names += _parse_group(cursor, session, wanted)
        if names > session.services.limits.notify_filters:
            raise Refused("That is too much to be told about", "NOTIFICATIONOVERFLOW")
    return wanted


def _parse_group(cursor: Cursor, session: Session, wanted: _Wanted) -> int:
    """One event-group; how many names it tries."""
    cursor.expect(b"(")
    word = cursor.word()
    if word in _SELECTED:
        if wanted.selected is not None:
            raise BadSyntax("The selected mailbox has one group at most")
        cursor.space()
        events, items = _parse_events(cursor, session)
        if not events <= MESSAGE_EVENTS.keys():
            raise BadSyntax("The selected mailbox has events of messages only")
        wanted.selected = SelectedGroup(events, items, _SELECTED[word])
        return 1
    mailboxes = read_filter(cursor, session, word)
    cursor.space()
    events, items = _parse_events(cursor, session)
    if items:
        raise BadSyntax("What to fetch of new messages goes with the selected mailbox")
    wanted.groups.append(EventGroup(mailboxes, events))
    return max(1, len(mailboxes.names))


def _parse_events(cursor: Cursor, session: Session) -> tuple[frozenset[Event], Sequence[FetchItem]]:
    """events, and the parenthesis that closes the group."""
    bare = not cursor.skip(b"(")
    found: set[Event] = set()
    items: Sequence[FetchItem] = ()
    while True:
        name = cursor.atom().decode("ascii").upper()
        if name == "NONE" and bare and not found:
            break
        event = EVENTS.get(name)
        if event is None:
            known = " ".join(each.value for each in EVENTS.values())
            raise Refused("There is no such event here", f"BADEVENT ({known})")
        found.add(event)
        if event is Event.MESSAGE_NEW and cursor.skip(b" ("):
            items = parse_items(cursor, session)
        if cursor.peek() == b")":
            break
        cursor.space()
    if not bare:
        cursor.expect(b")")
    cursor.expect(b")")
    _check(found)
    return frozenset(found), items


def _check(events: set[Event]) -> None:
    """Section 5: MessageNew and MessageExpunge together, FlagChange with both."""
    pair = {Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE}
    if events & MESSAGE_EVENTS.keys() and not events >= pair:
        raise BadSyntax("MessageNew and MessageExpunge go together, and FlagChange with both")


async def _notify(session: Session, wanted: _Wanted | None) -> Replies:
    """NOTIFY SET is a NOOP too: all that has gathered is told before (section 3.1)."""
    asked = wanted or _Wanted()
    notifier = Notifier(session, asked.selected or SelectedGroup(), asked.groups)
    try:
        await notifier.begin()
        before, session.notices = session.notices, None
        if before is not None:
            before.close()
        if wanted is not None:
            async for chunk in news(session, ExpungeRule.ASKED_FOR):
                yield chunk
    except BaseException:
        notifier.close()
        raise
    session.notices = notifier
    yield notifier.inaccessible()
    if asked.tells_status:
        yield notifier.statuses()


AREA = Area(
    commands=(Command("NOTIFY", LOGGED_IN, _notify, "5465 3.1", _parse),),
    capabilities=(Capability("NOTIFY", "5465", LOGGED_IN),),
)
