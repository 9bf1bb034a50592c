"""Names of many mailboxes in one argument. RFC 5465 section 6 (filter-mailboxes), RFC 7377 section 2.2 (subtree-one).

    filter-mailboxes-other = "inboxes" / "personal" / "subscribed" / "subtree" SP one-or-more-mailbox /
                             "subtree-one" SP one-or-more-mailbox / "mailboxes" SP one-or-more-mailbox
    one-or-more-mailbox    = mailbox / "(" mailbox *(SP mailbox) ")"

Must never: say which of the names don't exist; they are passed over.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.mail.names import INBOX, SEPARATOR
from pillarbox.sharing.person import is_own
from pillarbox.store.contract import Mailbox


class Scope(enum.Enum):
    """The word on the wire."""

    SELECTED = "SELECTED"
    INBOXES = "INBOXES"
    PERSONAL = "PERSONAL"
    SUBSCRIBED = "SUBSCRIBED"
    SUBTREE = "SUBTREE"
    SUBTREE_ONE = "SUBTREE-ONE"
    MAILBOXES = "MAILBOXES"


_SCOPES: Final = {scope.value: scope for scope in Scope}
_WITH_NAMES: Final = (Scope.SUBTREE, Scope.SUBTREE_ONE, Scope.MAILBOXES)


@dataclass(frozen=True, slots=True)
class MailboxFilter:
    """One filter; `names` for those that have some."""

    scope: Scope
    names: Sequence[str] = ()

    def holds(self, mailbox: Mailbox, subscribed: Collection[str]) -> bool:
        """Whether it names the mailbox. SELECTED names none: what is selected is the session's business."""
        name = mailbox.name
        match self.scope:
            case Scope.SELECTED:
                return False
            case Scope.INBOXES:
                return name == INBOX
            case Scope.PERSONAL:
                return is_own(mailbox.id)
            case Scope.SUBSCRIBED:
                return name in subscribed
            case Scope.MAILBOXES:
                return name in self.names
            case Scope.SUBTREE:
                return any(name == top or name.startswith(top + SEPARATOR) for top in self.names)
            case Scope.SUBTREE_ONE:
                return name in self.names or name.rpartition(SEPARATOR)[0] in self.names


def read_filters(cursor: Cursor, session: Session) -> list[MailboxFilter]:
    """filter-mailboxes *(SP filter-mailboxes) up to the parenthesis that closes them, which is read.

    Raises BadSyntax.
    """
    return list(_filters(cursor, session))


def _filters(cursor: Cursor, session: Session) -> Iterator[MailboxFilter]:
    for count in range(session.services.limits.list_items):
        if count and cursor.skip(b")"):
            return
        if count:
            cursor.space()
        yield read_filter(cursor, session, cursor.word())
    raise BadSyntax("Too many ways to name mailboxes")


def read_filter(cursor: Cursor, session: Session, word: str) -> MailboxFilter:
    """filter-mailboxes, whose first word was read. Raises BadSyntax."""
    scope = _SCOPES.get(word)
    if scope is None:
        raise BadSyntax("There is no such way to name mailboxes")
    if scope not in _WITH_NAMES:
        return MailboxFilter(scope)
    cursor.space()
    return MailboxFilter(scope, _names(cursor, session))


def _names(cursor: Cursor, session: Session) -> list[str]:
    if not cursor.skip(b"("):
        return [session.decode_name(cursor.astring())]
    names = [session.decode_name(cursor.astring())]
    while not cursor.skip(b")"):
        cursor.space()
        names.append(session.decode_name(cursor.astring()))
        if len(names) > session.services.limits.list_items:
            raise BadSyntax("Too many mailboxes")
    return names
