"""What SORT and THREAD need of a message, packed when it arrives. RFC 5256 sections 2 and 3, RFC 5957 section 3.

Texts are decoded but not collated: how texts compare is not this room's business, and may change while these bytes are
kept. The layout, little-endian:

    version u8, marks u8, sent i64, count u16, count ids of 8 bytes, then UTF-8 texts with NUL between them

An id is a hash of a normalised Message ID. Two ids of one hash would count as one: an accident that 100,000 messages
have once in 3 thousand million, and who wants to make one can as well use the same Message ID.

Must never: raise on any header. A change of the layout must come with a migration that forgets what is kept.
"""

from __future__ import annotations

import hashlib
import struct
from array import array
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from pillarbox.mime.addresses import read_addresses
from pillarbox.mime.base_subject import base_subject
from pillarbox.mime.dates import sent_instant
from pillarbox.mime.heads import read_fields
from pillarbox.mime.message_ids import message_ids
from pillarbox.mime.text import decode_header_text

MAX_TEXT_CHARACTERS: Final = 1_000
"""Of a subject or a name. What differs only behind them compares equal; RFC 5322 allows lines of 998."""
MAX_REFERENCES: Final = 1_000
"""The last ones count: they are the closest ancestors, which have references of their own."""
UNKNOWN_DATE: Final = -(1 << 63)

_VERSION: Final = 1
_IS_REPLY: Final = 1
_HAS_ID: Final = 2
_HEAD: Final = struct.Struct("<BBqH")
_FIELDS: Final = frozenset((b"date", b"subject", b"from", b"to", b"cc", b"message-id", b"references", b"in-reply-to"))


class SortKeys(NamedTuple):
    """The keys of one message; empty texts for what its header doesn't have."""

    sent_seconds: int
    """The Date field as seconds since 1970-01-01 UTC; UNKNOWN_DATE when there is none that can be read."""
    is_reply: bool
    """Its subject marks a reply or a forward."""
    message_id: int
    """0 when it has none, or none that is valid."""
    references: Sequence[int]
    """From the eldest ancestor to the parent."""
    base_subject: str
    sender: str
    """addr-mailbox of the first From address; `receiver` and `copied` the same of To and Cc."""
    receiver: str
    copied: str
    shown_sender: str
    """RFC 5957's value for DISPLAYFROM; `shown_receiver` for DISPLAYTO."""
    shown_receiver: str


_TEXTS: Final = SortKeys._fields[4:]


def pack_sort_keys(header: bytes) -> bytes:
    """The keys of a raw header block, for unpack_sort_keys()."""
    fields = read_fields(header, _FIELDS)
    subject = base_subject(decode_header_text(fields[b"subject"][-1]) if b"subject" in fields else "")
    sender, shown_sender = _first_address(fields.get(b"from", ()))
    receiver, shown_receiver = _first_address(fields.get(b"to", ()))
    copied, _ = _first_address(fields.get(b"cc", ()))
    own = message_ids(fields[b"message-id"][-1])[:1] if b"message-id" in fields else []
    ids = [*own, *_references(fields.get(b"references", ()), fields.get(b"in-reply-to", ()))]
    sent = sent_instant(b"Date: " + fields[b"date"][0]) if b"date" in fields else None
    marks = _IS_REPLY * subject.is_reply | _HAS_ID * bool(own)
    texts = (subject.text, sender, receiver, copied, shown_sender, shown_receiver)
    return b"".join(
        (
            _HEAD.pack(_VERSION, marks, UNKNOWN_DATE if sent is None else sent, len(ids)),
            *(hashlib.blake2b(one, digest_size=8).digest() for one in ids),
            b"\0".join(map(_text, texts)),
        )
    )


def unpack_sort_keys(packed: bytes) -> SortKeys:
    """What pack_sort_keys() packed."""
    return SortKeys(*(unpack_column([packed], name)[0] for name in SortKeys._fields))


def unpack_column(packed: Sequence[bytes], name: str) -> list[Any]:  # Any: by field
    """One field of SortKeys of each of what pack_sort_keys() packed; the others are not looked at."""
    heads = map(_HEAD.unpack_from, packed)
    if name == "sent_seconds":
        return [sent for _, _, sent, _ in heads]
    if name == "is_reply":
        return [bool(marks & _IS_REPLY) for _, marks, _, _ in heads]
    if name == "message_id":
        first = slice(_HEAD.size, _HEAD.size + 8)
        return [
            int.from_bytes(one[first], "little") if marks & _HAS_ID else 0
            for one, (_, marks, _, _) in zip(packed, heads, strict=True)
        ]
    if name == "references":
        return [
            array("Q", one[_HEAD.size + 8 * bool(marks & _HAS_ID) : _HEAD.size + 8 * count])
            for one, (_, marks, _, count) in zip(packed, heads, strict=True)
        ]
    place = _TEXTS.index(name)
    return [
        one[_HEAD.size + 8 * count :].split(b"\0", place + 1)[place].decode("utf-8")
        for one, (_, _, _, count) in zip(packed, heads, strict=True)
    ]


def _references(references: Sequence[bytes], in_reply_to: Sequence[bytes]) -> list[bytes]:
    """RFC 5256 section 3: the ids in References, else the first of In-Reply-To."""
    found = message_ids(references[-1]) if references else []
    if not found and in_reply_to:
        found = message_ids(in_reply_to[-1])[:1]
    return found[-MAX_REFERENCES:]


def _first_address(values: Sequence[bytes]) -> tuple[str, str]:
    """addr-mailbox of the first address as ENVELOPE has it, and how RFC 5957 section 3 shows it."""
    addresses = read_addresses(b",".join(filter(None, values)), 1)
    if not addresses:
        return "", ""
    first = addresses[0]
    mailbox = (first.mailbox or b"").decode("utf-8", "replace")
    name = decode_header_text(first.name) if first.name else ""
    if name or not first.host:
        return mailbox, name or mailbox
    return mailbox, f"{mailbox}@{first.host.decode('utf-8', 'replace')}"


def _text(text: str) -> bytes:
    return text[:MAX_TEXT_CHARACTERS].replace("\0", "").encode("utf-8", "replace")
