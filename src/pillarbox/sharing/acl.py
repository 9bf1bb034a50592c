"""Who may do what with a mailbox: how that is kept, and what follows for one person (RFC 4314 section 2).

An access control list is kept as properties of the owner's mailbox, `acl/<identifier>` -> letters. An identifier is a
login name, `anyone`, `group:<name>`, or one of these behind `-`: then its rights are taken away from what the others
give, whoever gives them.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from typing import Final

from pillarbox.mail.rights import Rights, RightsInvalid, kept_text, read_rights

ACL_PREFIX: Final = "acl/"
ANYONE: Final = "anyone"
"""Everybody who can log in."""
GROUP_PREFIX: Final = "group:"
NEGATIVE: Final = "-"

Acl = Mapping[str, Rights]


class AclChange(enum.Enum):
    """What SETACL does with the rights it names."""

    REPLACE = ""
    ADD = "+"
    REMOVE = "-"


def read_acl(properties: Mapping[str, bytes]) -> Acl:
    """The list that `properties` (those below ACL_PREFIX) hold. What can't be read grants nothing."""
    return {name.removeprefix(ACL_PREFIX): _kept_rights(value) for name, value in properties.items()}


def property_of(identifier: str, rights: Rights) -> dict[str, bytes | None]:
    """The property to set for an entry; without rights there is none."""
    return {ACL_PREFIX + identifier: kept_text(rights).encode("ascii") if rights else None}


def effective(acl: Acl, identifiers: Collection[str]) -> Rights:
    """What somebody may do for whom these identifiers stand: all that they give, less all that is taken away."""
    given = taken = Rights.NONE
    for identifier, rights in acl.items():
        if identifier in identifiers:
            given |= rights
        elif identifier.startswith(NEGATIVE) and identifier[1:] in identifiers:
            taken |= rights
    return given & ~taken


def changed(rights: Rights, change: AclChange, named: Rights) -> Rights:
    """An entry's rights after a change (RFC 4314 section 3.1)."""
    if change is AclChange.ADD:
        return rights | named
    return rights & ~named if change is AclChange.REMOVE else named


def _kept_rights(value: bytes) -> Rights:
    try:
        return read_rights(value.decode("ascii", "replace"))
    except RightsInvalid:
        return Rights.NONE
