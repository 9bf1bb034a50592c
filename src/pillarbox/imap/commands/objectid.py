"""OBJECTID: ids of mailboxes, messages and threads that survive renames, copies and moves (RFC 8474).

A mailbox's id is its store id under the account's; a message's is the hash of its bytes; a thread's is the hash of
the message that began it, which every reply names first in References (RFC 5322 section 3.6.4).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from pillarbox.imap.command import Area, Capability
from pillarbox.imap.commands.fetch_batch import Batch
from pillarbox.imap.replies import LOGGED_IN
from pillarbox.mime.fields import field_values
from pillarbox.store.contract import AccountId, DigestField, MailboxId

_MESSAGE_ID: Final = re.compile(rb"<[^<>\s]{1,1000}>")


def mailbox_object_id(account: AccountId, mailbox: MailboxId) -> str:
    """objectid = 1*255(ALPHA / DIGIT / "_" / "-"): unique among all accounts."""
    return f"F{account}-{mailbox}"


def thread_object_id(header: bytes, email_id: bytes) -> bytes:
    """The thread of the message with this header. Without any message id it is a thread of its own."""
    for name in (b"References", b"In-Reply-To", b"Message-ID"):
        for value in field_values(header, name):
            found = _MESSAGE_ID.search(value)
            if found:
                return b"T" + hashlib.sha256(found[0]).hexdigest()[:32].encode("ascii")
    return b"T" + email_id


def thread_column(batch: Batch) -> Sequence[bytes]:
    """FETCH THREADID"""
    headers, email_ids = batch.digests[DigestField.HEADER], batch.digests[DigestField.EMAIL_ID]
    return [thread_object_id(header, email_id) for header, email_id in zip(headers, email_ids, strict=True)]


AREA = Area(capabilities=(Capability("OBJECTID", "8474", LOGGED_IN),))
