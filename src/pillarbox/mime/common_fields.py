"""The header fields that mail programs ask for in lists of messages, kept apart so that a whole mailbox of them is read
quickly (HEADER.FIELDS).

Must never: change a byte of a field, or their order.
"""

from __future__ import annotations

from typing import Final

from pillarbox.mime.fields import FieldChoice, field_selector

COMMON_FIELDS: Final = frozenset(
    b"bcc cc content-type date disposition-notification-to from importance in-reply-to list-id list-post list-subscribe"
    b" list-unsubscribe mail-followup-to mail-reply-to message-id mime-version newsgroups organization priority"
    b" references reply-to sender subject to x-label x-mailer x-original-to x-priority x-spam-flag x-spam-level"
    b" x-spam-status".split()
)
"""In lower case: what Thunderbird, Apple Mail, K-9, Roundcube, mutt and Dovecot's usual clients list mailboxes with."""

_SELECT: Final = field_selector(COMMON_FIELDS, FieldChoice.ONLY)


def common_fields(header: bytes) -> bytes:
    """Those of a header block, as they are and in their order, ended as the block is: field_selector() with names of
    COMMON_FIELDS gives the same of this as of the whole."""
    return _SELECT(header)
