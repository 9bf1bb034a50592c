r"""Flags: system flags and keywords, and the sets of them that messages carry.

RFC 9051 section 2.3.2, RFC 3501 section 2.3.2, RFC 5788 (registered keywords).
`\Recent` is not a flag that is kept: it belongs to a session (see imap/view.py).
"""

from __future__ import annotations

import enum
import functools
import threading
from collections.abc import Iterable
from typing import Final
from weakref import WeakValueDictionary

SEEN: Final = "\\Seen"
ANSWERED: Final = "\\Answered"
FLAGGED: Final = "\\Flagged"
DELETED: Final = "\\Deleted"
DRAFT: Final = "\\Draft"

HAS_ATTACHMENT: Final = "$HasAttachment"
HAS_NO_ATTACHMENT: Final = "$HasNoAttachment"

SYSTEM_FLAGS: Final = (ANSWERED, FLAGGED, DELETED, SEEN, DRAFT)
REGISTERED_KEYWORDS: Final = (
    *("$Forwarded", "$MDNSent", "$Junk", "$NotJunk", "$Phishing", "$Important", "$SubmitPending", "$Submitted"),
    *("$HasAttachment", "$HasNoAttachment", "$notify", "$muted", "$followed", "$memo", "$hasmemo", "$autosent"),
    *("$unsubscribed", "$canunsubscribe", "$imported", "$istrusted", "$maskedemail", "$new"),
    *("$MailFlagBit0", "$MailFlagBit1", "$MailFlagBit2"),
)
"""The IMAP keywords that IANA lists (registered until 2026), as they are spelled there; the two about attachments as
the servers spell them that set them. Keywords are the same in any case."""
_CANONICAL: Final = {name.lower(): name for name in (*SYSTEM_FLAGS, *REGISTERED_KEYWORDS)}


def canonical_flag(name: str) -> str:
    r"""The registered spelling of a flag that is known (`\SEEN` -> `\Seen`), else the name as it is."""
    return _CANONICAL.get(name.lower(), name)


class FlagSet:
    """The flags of one message: immutable, shared by all messages that carry the same ones.

    Only `flag_set()` makes it, so that equal sets are one object: comparing and hashing them costs nothing. `wire` is
    the set as it stands between the parentheses of a FLAGS list, system flags first, then keywords, each group sorted.
    """

    __slots__ = ("__weakref__", "names", "wire")

    names: frozenset[str]
    wire: bytes

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        ordered = sorted(names, key=lambda name: (not name.startswith("\\"), name))
        self.wire = " ".join(ordered).encode("ascii")

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def __repr__(self) -> str:
        return f"FlagSet({self.wire.decode()})"


_ALIVE: Final[WeakValueDictionary[frozenset[str], FlagSet]] = WeakValueDictionary()
"""Every flag set that anybody holds, by its names."""
_MAKING: Final = threading.Lock()


@functools.lru_cache(maxsize=4096)
def flag_set(names: frozenset[str]) -> FlagSet:
    """The one set of these names. Immutable values, not state."""
    with _MAKING:
        found = _ALIVE.get(names)
        if found is None:
            found = _ALIVE[names] = FlagSet(names)
        return found


NO_FLAGS: Final = flag_set(frozenset())


class Carriers(dict[FlagSet, bool]):
    """By flag set, whether it carries a flag, spelled in any case. For columns of very many: different sets are few, so
    each is looked into once."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name.lower()

    def __missing__(self, flags: FlagSet) -> bool:
        self[flags] = any(name.lower() == self._name for name in flags.names)
        return self[flags]


class FlagAction(enum.Enum):
    """What STORE does with the flags it names (RFC 9051 section 6.4.6)."""

    REPLACE = "FLAGS"
    ADD = "+FLAGS"
    REMOVE = "-FLAGS"


def apply_flags(current: FlagSet, action: FlagAction, names: frozenset[str]) -> FlagSet:
    """The set that `action` with `names` leaves of `current`. Names must be spelled as the store spells them."""
    if action is FlagAction.ADD:
        return flag_set(current.names | names)
    if action is FlagAction.REMOVE:
        return flag_set(current.names - names)
    return flag_set(names)


def without_deleted(names: Iterable[str]) -> frozenset[str]:
    r"""The names less `\Deleted`."""
    return frozenset(names) - {DELETED}
