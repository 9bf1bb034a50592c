"""One event in somebody's mail, with the names of RFC 5423.

MessageAppend and MessageNew are told apart by how a message came; the store keeps no note of that, so all that is new
in a mailbox is a MessageNew.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass


class Kind(enum.Enum):
    """RFC 5423 section 4, and one of our own."""

    MESSAGE_NEW = "MessageNew"
    MESSAGE_EXPUNGE = "MessageExpunge"
    MESSAGE_READ = "MessageRead"
    MESSAGE_TRASH = "MessageTrash"
    FLAGS_SET = "FlagsSet"
    FLAGS_CLEAR = "FlagsClear"
    MAILBOX_CREATE = "MailboxCreate"
    MAILBOX_DELETE = "MailboxDelete"
    MAILBOX_RENAME = "MailboxRename"
    LOGIN_ALARM = "LoginAlarm"
    """Not of mail: a login that looked strange (alarm_news.py)."""


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened."""

    kind: Kind
    mailbox: str
    mailbox_id: int
    uidvalidity: int
    modseq: int
    uid: int = 0
    """0: it happened to the mailbox."""
    flags: tuple[str, ...] = ()
    """Those that were set or cleared; of a new message all."""
    size_bytes: int = 0
    old_name: str = ""
    is_exact: bool = True
    """False: what the flags were before is not known any more; `flags` are all that are set now."""

    @property
    def key(self) -> str:
        """The same when it is told a second time, and of no other event."""
        parts = (self.kind.value, self.mailbox_id, self.uidvalidity, self.modseq, self.uid, self.mailbox)
        return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]

    def document(self, account: str) -> dict[str, object]:
        """As it is sent."""
        found: dict[str, object] = {
            "event": self.kind.value,
            "id": self.key,
            "account": account,
            "mailbox": self.mailbox,
            "mailboxId": self.mailbox_id,
            "uidvalidity": self.uidvalidity,
            "modseq": self.modseq,
        }
        if self.uid:
            found["uid"] = self.uid
            if self.kind is not Kind.MESSAGE_EXPUNGE:
                found["flags"] = list(self.flags)
        if self.kind is Kind.MESSAGE_NEW:
            found["size"] = self.size_bytes
        if self.kind is Kind.MAILBOX_RENAME:
            found["oldMailbox"] = self.old_name
        if not self.is_exact:
            found["exact"] = False
        return found
