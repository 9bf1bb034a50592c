"""Mailbox names as users know them: text, levels divided by "/".

RFC 9051 section 5.1. INBOX is one mailbox however it is spelled, and `InBoX/a` lies below it.
How a name looks on the wire (modified UTF-7 or UTF-8) is imap/wire's affair.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from pillarbox.mail.errors import LimitReached, NameInvalid
from pillarbox.mail.marks import with_short_runs

SEPARATOR: Final = "/"
INBOX: Final = "INBOX"


@dataclass(frozen=True, slots=True)
class NameLimits:
    """How long and deep a mailbox name may be."""

    max_bytes: int = 255
    """Of the whole name in UTF-8. Long enough for people, short enough for every client and file system."""
    max_depth: int = 20
    """Levels. Deeper trees are made by loops in clients, not by people."""


def canonical_name(name: str) -> str:
    """The name with a first level of `inbox` in any case written `INBOX`, in Unicode NFC."""
    name = unicodedata.normalize("NFC", with_short_runs(name))
    head, separator, rest = name.partition(SEPARATOR)
    return INBOX + separator + rest if head.upper() == INBOX else name


def check_new_name(name: str, limits: NameLimits) -> None:
    """Raises NameInvalid or LimitReached when a canonical `name` can't be given to a new mailbox.

    Control characters (C0, C1, DEL), line and paragraph separators (RFC 9051 section 5.1, RFC 5198)
    and lone surrogates are refused, and so are empty levels and the list wildcards `*` and `%`.
    """
    if not name:
        raise NameInvalid("A mailbox name can't be empty")
    for character in name:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            raise NameInvalid("A mailbox name can't hold control characters")
        if character in "*%":
            raise NameInvalid('A mailbox name can\'t hold "*" or "%"')
    levels = name.split(SEPARATOR)
    if not all(levels):
        raise NameInvalid('A mailbox name can\'t begin or end with "/" or hold two in a row')
    if any(level in (".", "..") for level in levels):
        raise NameInvalid('"." and ".." can\'t be mailbox names')
    if len(levels) > limits.max_depth:
        raise LimitReached(f"A mailbox name can have {limits.max_depth} levels at most")
    if len(name.encode("utf-8")) > limits.max_bytes:
        raise LimitReached(f"A mailbox name can have {limits.max_bytes} bytes at most")


def superiors(name: str) -> list[str]:
    """The names above, outermost first: `a/b/c` -> [`a`, `a/b`]."""
    levels = name.split(SEPARATOR)
    return [SEPARATOR.join(levels[:depth]) for depth in range(1, len(levels))]


def is_below(name: str, above: str) -> bool:
    """Whether `name` lies below `above` (not: is it)."""
    return name.startswith(above + SEPARATOR)
