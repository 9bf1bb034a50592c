"""What somebody may do with a mailbox: the rights of RFC 4314 section 2.1, and sets of them.

The obsolete rights (section 2.1.1) are read and told in their first meaning: `c` is `k` and `x`, `d` is `e` and `t`.
"""

from __future__ import annotations

import enum
from typing import Final

from pillarbox.mail.errors import MailError
from pillarbox.mail.flags import DELETED, SEEN


class Rights(enum.Flag):
    """A set of rights; `Rights.READ in mine` asks for one, `mine & Rights.WRITABLE` for any of several."""

    NONE = 0
    LOOKUP = enum.auto()
    """l: the mailbox is seen in lists, and may be subscribed."""
    READ = enum.auto()
    """r: open it, count and read what is in it."""
    SEEN = enum.auto()
    r"""s: change \Seen, which everybody who reads the mailbox shares."""
    WRITE = enum.auto()
    r"""w: change the flags other than \Seen and \Deleted."""
    INSERT = enum.auto()
    """i: append or copy into it."""
    POST = enum.auto()
    """p: send mail to it; not a matter of IMAP."""
    CREATE = enum.auto()
    """k: make mailboxes below it."""
    REMOVE = enum.auto()
    """x: delete or rename the mailbox itself."""
    DELETE = enum.auto()
    r"""t: change \Deleted."""
    EXPUNGE = enum.auto()
    """e: remove messages for good."""
    ADMINISTER = enum.auto()
    """a: say who may do what."""
    WRITABLE = SEEN | WRITE | INSERT | DELETE | EXPUNGE
    """With any of these a mailbox is open for writing (RFC 4314 section 5.2)."""
    KNOWABLE = LOOKUP | READ | INSERT | CREATE | REMOVE | ADMINISTER
    """With any of these one may know that the mailbox is there (RFC 4314 section 4, MYRIGHTS)."""
    ANNOTATE = READ | SEEN | WRITE | INSERT | POST
    """With LOOKUP and any of these one may read and set annotations (RFC 5464 section 3.3)."""
    ALL = LOOKUP | READ | SEEN | WRITE | INSERT | POST | CREATE | REMOVE | DELETE | EXPUNGE | ADMINISTER


class RightsInvalid(MailError):
    """Not a list of rights; the text says why."""


LETTERS: Final = {
    "l": Rights.LOOKUP,
    "r": Rights.READ,
    "s": Rights.SEEN,
    "w": Rights.WRITE,
    "i": Rights.INSERT,
    "p": Rights.POST,
    "k": Rights.CREATE,
    "x": Rights.REMOVE,
    "t": Rights.DELETE,
    "e": Rights.EXPUNGE,
    "a": Rights.ADMINISTER,
}
_OBSOLETE: Final = {"c": Rights.CREATE | Rights.REMOVE, "d": Rights.DELETE | Rights.EXPUNGE}
_MEANING: Final = {**LETTERS, **_OBSOLETE}


def read_rights(text: str) -> Rights:
    """The rights that letters stand for, the obsolete ones too. Raises RightsInvalid."""
    rights = Rights.NONE
    for letter in text:
        meant = _MEANING.get(letter)
        if meant is None:
            raise RightsInvalid("Rights are letters of lrswipkxtea, in lower case")
        rights |= meant
    return rights


def kept_text(rights: Rights) -> str:
    """The letters in the order of RFC 4314 section 2.1, as they are kept."""
    return "".join(letter for letter, right in LETTERS.items() if right in rights)


def told_text(rights: Rights) -> str:
    """The letters as a client is told them: an obsolete one beside any right that it stands for (section 2.1.1)."""
    return kept_text(rights) + "".join(letter for letter, members in _OBSOLETE.items() if rights & members)


def right_for_flag(name: str) -> Rights:
    """The right that changing a flag of this canonical name takes (RFC 4314 section 4)."""
    return {SEEN: Rights.SEEN, DELETED: Rights.DELETE}.get(name, Rights.WRITE)


def allowed_flags(names: frozenset[str], rights: Rights) -> frozenset[str]:
    """Those of the flags that one with these rights may change."""
    if Rights.WRITE | Rights.SEEN | Rights.DELETE in rights:
        return names
    return frozenset(name for name in names if right_for_flag(name) in rights)
