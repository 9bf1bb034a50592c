"""Searches that are kept on the server under a name: the key `FILTER name` stands for one. RFC 5466.

A filter is an annotation of the server (RFC 5464): `/private/filters/values/name`, or else the one that an
administrator made for everybody, `/shared/filters/values/name`. Names are the same in any case, as entries are.

    filter-name = 1*<any ATOM-CHAR except "/">

Must never: keep a filter's value past the command that needs it; they may be large.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pillarbox.imap.annotations import PRIVATE, SHARED, property_of, server_account
from pillarbox.imap.limits import ImapLimits
from pillarbox.imap.refusals import BadSyntax, Refused
from pillarbox.imap.search_keys import KeyReader
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.framer import RawCommand

_VALUES: Final = "filters/values/"
_KEY: Final = re.compile(rb"\bFILTER ", re.IGNORECASE)


async def fetch_filters(session: Session, raw: RawCommand) -> None:
    """Before a search is read: have the filters at hand when it may name one."""
    if not any(map(_KEY.search, raw.texts)):
        return
    found: dict[str, bytes] = {}
    async with server_account(session.services.store) as account:
        shared = property_of(SHARED + _VALUES)
        found |= _named(await account.properties(None, shared), shared)
    private = property_of(PRIVATE + _VALUES)
    session.filters = found | _named(await session.mail.properties(None, private), private)


def _named(properties: Mapping[str, bytes], prefix: str) -> dict[str, bytes]:
    return {name.removeprefix(prefix): value for name, value in properties.items()}


def check_filter(entry: str, value: bytes | None, limits: ImapLimits) -> None:
    """Raises Refused when an entry of the server is a filter, and its name or value can't be used (section 3.2).

    Filters that it names need not be there yet.
    """
    root, _, name = entry.partition("/" + _VALUES)
    if root not in (PRIVATE.rstrip("/"), SHARED.rstrip("/")) or value is None:
        return
    try:
        cursor = Cursor.over(name.encode("ascii"))
        cursor.atom()
        cursor.end()
        if "/" in name:
            raise BadSyntax("A filter's name has no /")
        KeyReader(cursor, limits, lambda name: b"ALL").stored(value)
    except BadSyntax as error:
        raise Refused(f"That is no filter: {error.text}", "CANNOT") from error
