"""How much of an account a login may use. The account password gives all of it, an app password may give less.

A scope is a ceiling of rights (RFC 4314) over some mailboxes or all; sharing/confined.py holds every command to it.

Must never: widen what it is given.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Final

from pillarbox.mail.names import is_below
from pillarbox.mail.rights import Rights


class Access(enum.Enum):
    """What may be done."""

    FULL = "full"
    READ_ONLY = "read-only"
    """Look at everything, change nothing, not even what is read and unread."""
    APPEND_ONLY = "append-only"
    """See the names of mailboxes and put new messages into them; read nothing, not even how many there are."""


_RIGHTS: Final = {
    Access.FULL: Rights.ALL,
    Access.READ_ONLY: Rights.LOOKUP | Rights.READ,
    Access.APPEND_ONLY: Rights.LOOKUP | Rights.INSERT,
}


@dataclass(frozen=True, slots=True)
class Scope:
    """Satisfies sharing.confined.Bounds."""

    access: Access = Access.FULL
    mailboxes: tuple[str, ...] = ()
    """These (canonical names, as the account's owner has them) and all below them; empty: every mailbox there is."""

    @property
    def is_limited(self) -> bool:
        """Whether it is less than the account."""
        return self.access is not Access.FULL or bool(self.mailboxes)

    @property
    def is_partial(self) -> bool:
        """Whether some mailboxes are not there for it."""
        return bool(self.mailboxes)

    @property
    def rights(self) -> Rights:
        """The most that may be done with a mailbox. Who is limited never says who else may use one: that would outlast
        the login."""
        rights = _RIGHTS[self.access]
        return rights & ~Rights.ADMINISTER if self.is_limited else rights

    def covers(self, name: str) -> bool:
        """Whether a mailbox of this canonical name is within."""
        return not self.mailboxes or any(name == each or is_below(name, each) for each in self.mailboxes)

    def quarantined(self) -> Scope:
        """The same, but nothing that is there may be changed."""
        return replace(self, access=Access.READ_ONLY) if self.access is Access.FULL else self

    def __str__(self) -> str:
        """For people: `read-only, in Work and below`."""
        return ", ".join([self.access.value, *(f"in {name} and below" for name in self.mailboxes)])


EVERYTHING: Final = Scope()
