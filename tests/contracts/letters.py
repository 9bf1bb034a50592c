"""Messages for store tests."""

from __future__ import annotations

from collections.abc import Iterable

from pillarbox.mail.dates import InternalDate
from pillarbox.store.contract import MailboxImage, NewMessage

DATE = InternalDate(1_700_000_000, 120)


def letter(subject: str, size_bytes: int = 0) -> bytes:
    """A small message, filled up to a size."""
    head = f"From: a@example.org\r\nSubject: {subject}\r\n\r\nHello {subject}\r\n".encode()
    return head + b"x" * max(0, size_bytes - len(head))


def new(subject: str, *flags: str, size_bytes: int = 0) -> NewMessage:
    """It, ready for append()."""
    return NewMessage(letter(subject, size_bytes), DATE, frozenset(flags))


def several(count: int, *flags: str) -> list[NewMessage]:
    """Some of them."""
    return [new(f"number {number}", *flags) for number in range(1, count + 1)]


def flags_of(image: MailboxImage) -> dict[int, set[str]]:
    """UID -> flag names."""
    return {uid: set(flags.names) for uid, flags in zip(image.uids, image.flags, strict=True)}


def uids_at(image: MailboxImage, rows: Iterable[int]) -> list[int]:
    """The UIDs at some rows."""
    return [image.uids[row] for row in rows]
