r"""LIST for mailboxes that were made, deleted, renamed, subscribed or unsubscribed (RFC 5465 section 5.4, 5.5).

Two lists of mailboxes are compared; ids tell a rename from a deletion. Must never: name a mailbox that the client's
groups don't cover.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pillarbox.imap.wire.writer import mailbox_name
from pillarbox.mail.names import INBOX, SEPARATOR, superiors
from pillarbox.store.contract import Mailbox, MailboxId


@dataclass(frozen=True, slots=True)
class Names:
    """The mailboxes and subscriptions of an account at one moment."""

    mailboxes: Mapping[MailboxId, Mailbox]
    subscribed: frozenset[str]

    @classmethod
    def of(cls, mailboxes: Sequence[Mailbox], subscribed: frozenset[str]) -> Names:
        """From what the store says."""
        return cls({mailbox.id: mailbox for mailbox in mailboxes}, subscribed)


class ListLines:
    """Renders LIST responses that say how things are now."""

    def __init__(self, names: Names, *, utf8: bool) -> None:
        self._utf8 = utf8
        self._subscribed = names.subscribed
        self._by_name = {mailbox.name: mailbox for mailbox in names.mailboxes.values()}
        self._parents = {above for name in self._by_name for above in superiors(name)}

    def line(self, name: str, old_name: str = "") -> bytes:
        r"""mailbox-list with all attributes; `\NonExistent` for a name without a mailbox."""
        mailbox = self._by_name.get(name)
        attributes = [] if mailbox else ["\\NonExistent"]
        if name in self._subscribed:
            attributes.append("\\Subscribed")
        attributes.append("\\HasChildren" if name in self._parents else "\\HasNoChildren")
        if mailbox:
            attributes += sorted(mailbox.special_use)
        old = b' ("OLDNAME" (%b))' % mailbox_name(old_name, utf8=self._utf8) if old_name else b""
        shown = " ".join(attributes).encode("ascii")
        return b'* LIST (%b) "/" %b%b\r\n' % (shown, mailbox_name(name, utf8=self._utf8), old)


def name_changes(before: Names, after: Names, own: frozenset[str]) -> Iterator[tuple[str, str]]:
    """(name, old name or empty) of every name that a MailboxName event is due for; `own` are the client's own doing.

    Made and deleted ones bring their direct parent along; renamed ones hide what was renamed with them (section 5.4).
    """
    renamed = {
        before.mailboxes[id].name: now.name
        for id, now in after.mailboxes.items()
        if id in before.mailboxes and before.mailboxes[id].name != now.name
    }
    told: dict[str, str] = {}
    for old, new in sorted(renamed.items()):
        if new not in own and not _follows(old, new, renamed):
            told[new] = old
    come = {now.name for id, now in after.mailboxes.items() if id not in before.mailboxes}
    gone = {then.name for id, then in before.mailboxes.items() if id not in after.mailboxes}
    for name in sorted((come | gone) - own):
        told.setdefault(name, "")
        parent = name.rpartition(SEPARATOR)[0]
        if parent:
            told.setdefault(parent, "")
    told.pop("", None)
    yield from sorted(told.items(), key=lambda pair: (pair[0] != INBOX, pair[0]))


def _follows(old: str, new: str, renamed: Mapping[str, str]) -> bool:
    """Whether a name only went along with one above it."""
    return any(
        above in renamed and new == renamed[above] + old[len(above) :] for above in superiors(old)
    )  # all levels: those between may have no mailbox


def subscription_changes(before: Names, after: Names, own: frozenset[str]) -> list[str]:
    """Names that are subscribed or unsubscribed now and were not before."""
    return sorted((before.subscribed ^ after.subscribed) - own)


Covers = Callable[[str], bool]
"""Whether the client's groups cover a name."""
