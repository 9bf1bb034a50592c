"""ENVELOPE: what a message's header says of sender, receivers and subject.

Must never: decode RFC 2047 words (clients do), or write anything illegal. RFC 9051 section 7.5.2 and section 9:

    envelope = "(" env-date SP env-subject SP env-from SP env-sender SP env-reply-to SP env-to SP env-cc SP
               env-bcc SP env-in-reply-to SP env-message-id ")"

Where a field comes twice the lists are put together and the last text counts, as Dovecot does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pillarbox.mime.addresses import read_addresses, write_addresses
from pillarbox.mime.limits import MimeLimits
from pillarbox.mime.wire import NIL, string

ENVELOPE_FIELDS: Final = frozenset(
    (b"date", b"subject", b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc", b"in-reply-to", b"message-id")
)


def write_envelope(fields: Mapping[bytes, list[bytes]], limits: MimeLimits) -> bytes:
    """The envelope of the raw unfolded values in `fields`, with its parentheses."""

    def text(name: bytes) -> bytes:
        values = fields.get(name)
        return string(values[-1]) if values else NIL

    def addresses(name: bytes) -> bytes:
        values = fields.get(name)
        if not values:
            return NIL
        value = values[0] if len(values) == 1 else b",".join(filter(None, values))
        return write_addresses(read_addresses(value, limits.addresses))

    subjects = fields.get(b"subject")
    sender = addresses(b"from")
    envelope = (
        text(b"date"),
        string(b" ".join(subjects[-1].split())) if subjects else NIL,
        sender,
        _or(addresses(b"sender"), sender),
        _or(addresses(b"reply-to"), sender),
        addresses(b"to"),
        addresses(b"cc"),
        addresses(b"bcc"),
        text(b"in-reply-to"),
        text(b"message-id"),
    )
    return b"(%b)" % b" ".join(envelope)


def _or(written: bytes, default: bytes) -> bytes:
    return default if written == NIL else written
