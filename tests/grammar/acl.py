"""ACL, LISTRIGHTS and MYRIGHTS: RFC 4314 section 7."""

from __future__ import annotations

import re

from tests.grammar.reader import Reader
from tests.grammar.tree import AccessList, GrantableRights, MyRights

_RIGHTS = re.compile(rb"[a-z0-9]*\Z")


def access_list(reader: Reader) -> AccessList:
    """acl-data = "ACL" SP mailbox *(SP identifier SP rights)"""
    reader.space()
    name = reader.mailbox()
    rights: dict[bytes, str] = {}
    while reader.accept(b" "):
        identifier = reader.astring()
        if identifier in rights:
            raise reader.fail("an identifier that was not named yet")
        reader.space()
        rights[identifier] = _rights(reader)
    return AccessList(name, rights)


def grantable(reader: Reader) -> GrantableRights:
    """listrights-data = "LISTRIGHTS" SP mailbox SP identifier SP rights *(SP rights); no right twice (section 3.7)"""
    reader.space()
    name = reader.mailbox()
    reader.space()
    identifier = reader.astring()
    reader.space()
    sets = [_rights(reader)]
    while reader.accept(b" "):
        sets.append(_rights(reader))
    letters = "".join(sets)
    if len(set(letters)) != len(letters):
        raise reader.fail("each right once")
    return GrantableRights(name, identifier, tuple(sets))


def my_rights(reader: Reader) -> MyRights:
    """myrights-data = "MYRIGHTS" SP mailbox SP rights"""
    reader.space()
    name = reader.mailbox()
    reader.space()
    return MyRights(name, _rights(reader))


def _rights(reader: Reader) -> str:
    """rights = astring ; only lowercase ASCII letters and digits. `d` goes with e or t, `c` with k or x (2.1.1)"""
    raw = reader.astring()
    if not _RIGHTS.match(raw):
        raise reader.fail("lowercase letters and digits")
    return raw.decode("ascii")
