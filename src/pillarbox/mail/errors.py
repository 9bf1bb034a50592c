"""What can go wrong with mail, in mail words.

Must never: know a protocol. `imap/refusals.py` and `lmtp/replies.py` are the tables to wire codes.
The text of an error is plain English for a person and may be sent to a client: no paths, no SQL.
"""

from __future__ import annotations


class MailError(Exception):
    """Something about mail that was asked for and cannot be done. Base of all others here."""


class MailboxMissing(MailError):
    """No such mailbox, or none that this account may know of."""

    def __init__(self, name: str) -> None:
        super().__init__("No such mailbox")
        self.name = name


class MailboxExists(MailError):
    """The name is taken."""

    def __init__(self, name: str) -> None:
        super().__init__("There is already a mailbox of that name")
        self.name = name


class MessageMissing(MailError):
    """The message is gone."""

    def __init__(self) -> None:
        super().__init__("That message is gone; nothing was done")


class MailboxHasChildren(MailError):
    """A name without a mailbox of its own can't be deleted while mailboxes lie below it."""

    def __init__(self, name: str) -> None:
        super().__init__("That name has mailboxes below it; delete those first")
        self.name = name


class NameInvalid(MailError):
    """A mailbox name or a keyword that can't be used; the text says why."""


class NoPermission(MailError):
    """The mailbox may be known, but not that be done with it. Who may not even know of it gets MailboxMissing."""

    def __init__(self, text: str = "You may not do that with this mailbox; its owner can let you") -> None:
        super().__init__(text)


class NotAllowed(MailError):
    """Understood, but never possible on this object, such as deleting INBOX; the text says why."""


class LimitReached(MailError):
    """A configured limit stands in the way; the text names it."""


class MessageTooBig(MailError):
    """The message is larger than the server accepts."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The message is larger than the {limit_bytes} bytes this server accepts")
        self.limit_bytes = limit_bytes


class OverQuota(MailError):
    """The account has no room left for this: `resource` (mail/quota.py) would pass its limit."""

    def __init__(self, resource: str = "STORAGE") -> None:
        super().__init__(_FULL.get(resource, "The account is full; delete something and try again"))
        self.resource = resource


_FULL = {
    "STORAGE": "There is no room left for that; delete some mail, and empty the trash, and try again",
    "MESSAGE": "That would be more messages than the account may have; delete some and try again",
    "MAILBOX": "That would be more mailboxes than the account may have; delete some and try again",
}


class StoreUnavailable(MailError):
    """The store can't do it now (disk full, database away); trying later may help."""


class StoreCorrupt(MailError):
    """Something kept can't be read back as it was written. Logged with details for the operator."""
