"""Rules about mailbox names and keywords that every backend keeps alike.

Must never: touch what is kept. These are questions about values; the backend acts on the answers.
RFC 9051 sections 6.3.4 to 6.3.6 (names), 2.3.2 and 9 `flag-keyword` (keywords).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from pillarbox.mail.errors import LimitReached, MailboxExists, MailboxHasChildren, MailboxMissing, NameInvalid
from pillarbox.mail.flags import HAS_ATTACHMENT, HAS_NO_ATTACHMENT, SYSTEM_FLAGS, canonical_flag
from pillarbox.mail.names import INBOX, check_new_name, is_below
from pillarbox.mime.attachments import has_attachment
from pillarbox.store.contract import AttachmentMarks, Mailbox, Origin, StoreLimits

SHARED_BY_BOTH_INBOXES: Final = "metadata/"
"""Properties whose names begin so are copied when INBOX is renamed: the new mailbox has them, and INBOX keeps them
(RFC 5464 section 4.1)."""

_ATOM: Final = re.compile(r"""[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+""")
"""RFC 9051 section 9: `atom = 1*ATOM-CHAR`, less the list wildcards, quoted-specials and `]`."""


def in_listing_order(mailboxes: Collection[Mailbox]) -> list[Mailbox]:
    """Sorted by name, INBOX first."""
    return sorted(mailboxes, key=lambda mailbox: (mailbox.name != INBOX, mailbox.name))


def check_create(name: str, taken: Collection[str], limits: StoreLimits) -> None:
    """Raises MailboxExists, NameInvalid or LimitReached when no mailbox `name` can be made."""
    check_new_name(name, limits.name)
    if name in taken:
        raise MailboxExists(name)
    if len(taken) >= limits.max_mailboxes:
        raise LimitReached(f"An account can have {limits.max_mailboxes} mailboxes at most")


def absent(name: str, taken: Collection[str]) -> MailboxMissing | MailboxHasChildren:
    """What to raise when `name` is to be deleted and is no mailbox."""
    if any(is_below(other, name) for other in taken):
        return MailboxHasChildren(name)
    return MailboxMissing(name)


def plan_rename(old: str, new: str, taken: Collection[str], limits: StoreLimits) -> dict[str, str]:
    """Old name -> new name of each mailbox that a RENAME (of anything but INBOX) moves.

    Raises MailboxMissing, MailboxExists, NameInvalid, LimitReached.
    """
    check_new_name(new, limits.name)
    if is_below(new, old):
        raise NameInvalid("A mailbox can't be moved below itself")
    moves = {name: new + name[len(old) :] for name in taken if name == old or is_below(name, old)}
    if not moves:
        raise MailboxMissing(old)
    for target in moves.values():
        check_new_name(target, limits.name)
        if target in taken:
            raise MailboxExists(target)
    return moves


def check_rename_inbox(new: str, taken: Collection[str], limits: StoreLimits) -> None:
    """Raises what a RENAME of INBOX to `new` raises: it makes `new` and moves the messages there."""
    if is_below(new, INBOX):
        raise NameInvalid("A mailbox can't be moved below itself")
    check_create(new, taken, limits)


def spell_flags(
    names: frozenset[str], known: Mapping[str, str], limits: StoreLimits
) -> tuple[frozenset[str], list[str]]:
    """The flags as the account spells them, and the keywords among them that it does not know yet.

    `known` maps a keyword in lower case to its spelling. Raises NameInvalid, LimitReached.
    """
    spelled: dict[str, str] = {}
    new: list[str] = []
    for name in sorted(names):
        lower = name.lower()
        flag = known.get(lower) or spelled.get(lower) or canonical_flag(name)
        if flag not in SYSTEM_FLAGS and lower not in known and lower not in spelled:
            _check_keyword(flag, limits)
            new.append(flag)
        spelled[lower] = flag
    if new and len(known) + len(new) > limits.max_keywords:
        raise LimitReached(f"An account can have {limits.max_keywords} different keywords at most")
    return frozenset(spelled.values()), new


def attachment_mark(
    data: bytes | memoryview, flags: frozenset[str], origin: Origin, marks: AttachmentMarks
) -> frozenset[str]:
    """The keyword that says whether a message that comes in has attachments; nothing when none is wanted, or when the
    message has one of the two already."""
    wanted = marks is AttachmentMarks.ALL or (marks is AttachmentMarks.DELIVERED and origin is Origin.DELIVERED)
    if not wanted or not {HAS_ATTACHMENT, HAS_NO_ATTACHMENT}.isdisjoint(map(canonical_flag, flags)):
        return frozenset()
    return frozenset({HAS_ATTACHMENT if has_attachment(data) else HAS_NO_ATTACHMENT})


def known_flags(names: frozenset[str], known: Mapping[str, str]) -> frozenset[str]:
    """Those of the flags that some message may carry, as the account spells them. Raises NameInvalid."""
    spelled: set[str] = set()
    for name in names:
        flag = known.get(name.lower(), canonical_flag(name))
        if flag in SYSTEM_FLAGS or name.lower() in known:
            spelled.add(flag)
        elif not _ATOM.fullmatch(flag):
            raise NameInvalid("That is neither a system flag nor a keyword")
    return frozenset(spelled)


def check_property(name: str, value: bytes | None, limits: StoreLimits) -> None:
    """Raises LimitReached when a property's value is too large to be kept."""
    if value is not None and len(value) > limits.max_property_bytes:
        raise LimitReached(f"{name}: at most {limits.max_property_bytes} bytes can be kept")


def check_properties(count: int, size_bytes: int, limits: StoreLimits) -> None:
    """Raises LimitReached when an account would have too many, or too much in them (names and values)."""
    if count > limits.max_properties:
        raise LimitReached(f"An account can keep {limits.max_properties} properties at most")
    if size_bytes > limits.max_properties_bytes:
        raise LimitReached(f"An account can keep {limits.max_properties_bytes} bytes of properties at most")


def _check_keyword(name: str, limits: StoreLimits) -> None:
    if not _ATOM.fullmatch(name):
        raise NameInvalid("That is neither a system flag nor a keyword")
    if len(name) > limits.max_keyword_bytes:
        raise LimitReached(f"A keyword can have {limits.max_keyword_bytes} characters at most")
