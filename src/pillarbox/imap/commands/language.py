"""LANGUAGE, and which texts count as equal (RFC 5255): English, and i;unicode-casemap.

I18NLEVEL=1 (section 4.3): SEARCH finds all that i;unicode-casemap makes equal (search/casemap.py), SORT and THREAD
order by it (search/collation.py).
"""

from __future__ import annotations

from typing import Final

from pillarbox.imap.command import Area, Capability, Command, Trait
from pillarbox.imap.commands.status import namespaces
from pillarbox.imap.refusals import Refused
from pillarbox.imap.replies import ANY_STATE, LOGGED_IN, Replies, State
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor

_TAGS: Final = {"en": b"EN", "i-default": b"i-default", "default": b"i-default", "*": b"i-default"}
"""Range in lower case -> the tag that is told. i-default is English too (RFC 2277 section 4.5)."""
_MOST_RANGES: Final = 20
"""Nobody reads more languages; more are passed over."""


# language-cmd = "LANGUAGE" *(SP lang-range-quoted); lang-range-quoted = astring
def _parse(cursor: Cursor, session: Session) -> list[str]:
    ranges: list[str] = []
    while not cursor.at_end():
        if ranges:
            cursor.space()
        ranges.append(cursor.astring().decode("latin-1").lower())
    return ranges[:_MOST_RANGES]


async def _language(session: Session, ranges: list[str]) -> Replies:
    """Without a range: which there are. With ranges: the first that there is, told with the namespaces, which have no
    translation."""
    if not ranges:
        yield b"* LANGUAGE (EN i-default)\r\n"
        return
    tag = next(filter(None, map(_look_up, ranges)), None)
    if tag is None:
        raise Refused("None of those languages is spoken here")
    yield b"* LANGUAGE (%b)\r\n" % tag
    if session.state is not State.NOT_AUTHENTICATED:
        yield namespaces(session)


def _look_up(language_range: str) -> bytes | None:
    """RFC 4647 section 3.4: subtags are cut off from the end until something fits."""
    while language_range and language_range not in _TAGS:
        language_range = language_range.rpartition("-")[0]
    return _TAGS.get(language_range)


AREA = Area(
    commands=(Command("LANGUAGE", ANY_STATE, _language, "5255 3.2", _parse, Trait.MAY_STAND_ALONE),),
    capabilities=(Capability("LANGUAGE", "5255"), Capability("I18NLEVEL=1", "5255", LOGGED_IN)),
)
