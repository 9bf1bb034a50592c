"""Under which names shared mailboxes are seen.

Must never: be changed lightly on a running server: programs subscribe to these names.
"""

from __future__ import annotations

from dataclasses import dataclass

from pillarbox.mail.errors import LimitReached, NameInvalid
from pillarbox.mail.names import INBOX, NameLimits, check_new_name


@dataclass(frozen=True, slots=True)
class SharingSettings:
    """Mailboxes of others."""

    other_users: str = "Other Users"
    """Mailboxes of other people are seen below this name and their login name (RFC 2342). Empty: they are not seen."""
    shared_folders: str = "Shared Folders"
    """Mailboxes that belong to nobody are seen below this name; `pillarbox shared` makes them. Empty: they are not."""
    max_identifiers: int = 200
    """People and groups that one mailbox may be shared with. Each look at a mailbox reads them all; for more, make a
    group."""

    max_annotations: int = 2_000
    """Annotations (RFC 5464) of one account's mailboxes, up to which other people may add more. The rest of its room is
    for the owner alone."""
    max_annotations_bytes: int = 4 * 1024 * 1024
    """The same, names and values together: they count in nobody's quota."""

    def __post_init__(self) -> None:
        for name in filter(None, (self.other_users, self.shared_folders)):
            try:
                check_new_name(name, NameLimits())
            except (NameInvalid, LimitReached) as error:
                raise ValueError(str(error)) from error
            if name.partition("/")[0].upper() == INBOX:
                raise ValueError("shared mailboxes can't be seen below INBOX")
        if self.other_users and self.other_users == self.shared_folders:
            raise ValueError("mailboxes of other people and shared ones need different names")
