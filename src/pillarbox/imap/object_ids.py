"""The ids of RFC 8474: of mailboxes, messages and threads; they survive renames, copies and moves.

A mailbox's id is its store id under the account's; a message's is the hash of its bytes; a thread's is the hash of
the message that began it, which every reply names first in References (RFC 5322 section 3.6.4).
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from pillarbox.mime.fields import field_values
from pillarbox.store.contract import AccountId, MailboxId

_MESSAGE_ID: Final = re.compile(rb"<[^<>\s]{1,1000}>")
_NOT_ALLOWED: Final = re.compile(r"[^A-Za-z0-9_-]")


def mailbox_object_id(account: AccountId, mailbox: MailboxId) -> str:
    """objectid = 1*255(ALPHA / DIGIT / "_" / "-"): unique among all accounts."""
    if _NOT_ALLOWED.search(account):
        return f"F{hashlib.sha256(account.encode('ascii')).hexdigest()[:32]}-{mailbox}"
    return f"F{account}-{mailbox}"


def thread_object_id(header: bytes, email_id: bytes) -> bytes:
    """The thread of the message with this header. Without any message id it is a thread of its own."""
    for name in (b"References", b"In-Reply-To", b"Message-ID"):
        for value in field_values(header, name):
            found = _MESSAGE_ID.search(value)
            if found:
                return b"T" + hashlib.sha256(found[0]).hexdigest()[:32].encode("ascii")
    return b"T" + email_id
