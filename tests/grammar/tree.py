"""What a server said, as typed values: the result of tests/grammar, for tests to look at.

Must never: import anything of Pillarbox, so that the check stays independent of what it checks.
Strings are bytes as they were sent (NIL is None); names and keywords that the grammar limits to ASCII are str.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

Numbers: TypeAlias = tuple[tuple[int, int], ...]
"""A set of numbers or UIDs as it was written: pairs, low end first, in the order of the text."""


@dataclass(frozen=True, slots=True)
class Code:
    """A response code in brackets: `[UIDNEXT 4]` is Code("UIDNEXT", (4,))."""

    name: str
    arguments: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """OK, NO, BAD, BYE or PREAUTH; untagged when `tag` is None."""

    tag: str | None
    condition: str
    code: Code | None
    text: str


@dataclass(frozen=True, slots=True)
class Continuation:
    """`+ ...`; `text` may be an empty SASL challenge."""

    text: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Enabled:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flags:
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Listed:
    """LIST or LSUB."""

    verb: str
    attributes: frozenset[str]
    delimiter: str | None
    name: str
    """Decoded: modified UTF-7 or UTF-8, whichever the dialect has."""
    child_info: frozenset[str] = frozenset()
    old_name: str | None = None


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    name: str
    values: dict[str, int | str | None]


@dataclass(frozen=True, slots=True)
class Metadata:
    mailbox: str
    """Empty for the server."""
    entries: tuple[str, ...]
    values: dict[str, bytes | None] | None = None
    """None in a response that only says what has changed."""


@dataclass(frozen=True, slots=True)
class Quota:
    root: bytes
    values: dict[str, tuple[int, int]]
    """Resource -> usage and limit."""


@dataclass(frozen=True, slots=True)
class QuotaRoot:
    mailbox: str
    roots: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Search:
    numbers: tuple[int, ...]
    modseq: int | None = None


@dataclass(frozen=True, slots=True)
class Sort:
    numbers: tuple[int, ...]
    """In the order of the answer."""
    modseq: int | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    text: str
    """The thread-lists as they were sent: `(2)(3 6 (4 23)(44 7 96))`."""
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One pair of ADDTO or REMOVEFROM (RFC 5267)."""

    position: int
    numbers: Numbers
    """In the order sent."""


@dataclass(frozen=True, slots=True)
class ESearch:
    tag: str | None
    by_uid: bool
    values: dict[str, int | Numbers | tuple[int, ...]]
    updates: tuple[tuple[str, tuple[Change, ...]], ...] = ()
    """ADDTO and REMOVEFROM, in the order sent."""
    about: dict[str, str | int] = field(default_factory=dict)
    """MAILBOX and UIDVALIDITY."""


@dataclass(frozen=True, slots=True)
class NamespaceEntry:
    prefix: bytes
    delimiter: str | None


@dataclass(frozen=True, slots=True)
class AccessList:
    name: str
    rights: dict[bytes, str]
    """Identifier -> letters."""


@dataclass(frozen=True, slots=True)
class GrantableRights:
    name: str
    identifier: bytes
    sets: tuple[str, ...]
    """What is always granted, then what may be."""


@dataclass(frozen=True, slots=True)
class MyRights:
    name: str
    rights: str


@dataclass(frozen=True, slots=True)
class Namespaces:
    personal: tuple[NamespaceEntry, ...] | None
    others: tuple[NamespaceEntry, ...] | None
    shared: tuple[NamespaceEntry, ...] | None


@dataclass(frozen=True, slots=True)
class Identification:
    fields: dict[str, bytes | None] | None


@dataclass(frozen=True, slots=True)
class AuthorisedUrls:
    """GENURLAUTH."""

    urls: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class FetchedUrls:
    """URLFETCH: URL -> what it leads to."""

    contents: dict[bytes, bytes | None]


@dataclass(frozen=True, slots=True)
class FetchedUrl:
    """URLFETCH of one URL with parameters (RFC 5524): BODY, BINARY, BODYPARTSTRUCTURE -> value."""

    url: bytes
    items: dict[str, FetchValue]


@dataclass(frozen=True, slots=True)
class Exists:
    count: int


@dataclass(frozen=True, slots=True)
class Recent:
    count: int


@dataclass(frozen=True, slots=True)
class Expunge:
    number: int


@dataclass(frozen=True, slots=True)
class Languages:
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vanished:
    earlier: bool
    uids: Numbers


@dataclass(frozen=True, slots=True)
class Address:
    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


Addresses: TypeAlias = tuple[Address, ...] | None


@dataclass(frozen=True, slots=True)
class Envelope:
    date: bytes | None
    subject: bytes | None
    sent_from: Addresses
    sender: Addresses
    reply_to: Addresses
    to: Addresses
    cc: Addresses
    bcc: Addresses
    in_reply_to: bytes | None
    message_id: bytes | None


Parameters: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""In the order sent; empty for NIL."""


@dataclass(frozen=True, slots=True)
class Extension:
    """What follows the fixed fields in BODYSTRUCTURE; None where it was left out or NIL."""

    md5: bytes | None = None
    disposition: tuple[bytes, Parameters] | None = None
    language: tuple[bytes, ...] | None = None
    location: bytes | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A body part that is not a multipart."""

    media: tuple[bytes, bytes]
    """Type and subtype, as sent."""
    parameters: Parameters
    content_id: bytes | None
    description: bytes | None
    encoding: bytes
    octets: int
    lines: int | None = None
    envelope: Envelope | None = None
    body: Part | Multipart | None = None
    extension: Extension | None = None
    """None: no extension data at all, as in BODY."""


@dataclass(frozen=True, slots=True)
class Multipart:
    parts: tuple[Part | Multipart, ...]
    subtype: bytes
    parameters: Parameters = ()
    extension: Extension | None = None


FetchValue: TypeAlias = "int | str | bytes | datetime | frozenset[str] | Envelope | Part | Multipart | None"


@dataclass(frozen=True, slots=True)
class Fetch:
    """`* number FETCH (...)`; keys such as `UID`, `FLAGS`, `BODY[HEADER.FIELDS (Subject)]<0>`, in the order sent."""

    number: int
    items: dict[str, FetchValue] = field(default_factory=dict)
    by_uid: bool = False
    """`* uid UIDFETCH (...)` (RFC 9586): then `number` is a UID."""


Response: TypeAlias = (
    Status
    | Continuation
    | Capabilities
    | Enabled
    | Flags
    | Listed
    | MailboxStatus
    | Metadata
    | Quota
    | QuotaRoot
    | Search
    | Sort
    | Thread
    | ESearch
    | AccessList
    | GrantableRights
    | MyRights
    | Namespaces
    | Identification
    | AuthorisedUrls
    | FetchedUrls
    | FetchedUrl
    | Exists
    | Recent
    | Expunge
    | Languages
    | Vanished
    | Fetch
)
