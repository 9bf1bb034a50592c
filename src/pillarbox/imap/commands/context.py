"""CANCELUPDATE (RFC 5267 section 4.3.5). UPDATE itself is a result option of SEARCH and SORT; see contexts.py."""

from __future__ import annotations

from pillarbox.imap.command import Area, Command
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.replies import Done, Replies, State
from pillarbox.imap.session import Session
from pillarbox.imap.wire.cursor import Cursor


def _parse(cursor: Cursor, session: Session) -> list[bytes]:
    """command-select =/ "CANCELUPDATE" 1*(SP quoted); a tag that stands there without quotes is taken as well"""
    tags = [cursor.astring()]
    while not cursor.at_end():
        cursor.space()
        if not cursor.at_end():
            tags.append(cursor.astring())
    if not session.selected.contexts.keys() >= set(tags):
        raise BadSyntax("No search with that tag sends updates")
    return tags


async def _cancel(session: Session, tags: list[bytes]) -> Replies:
    for tag in tags:
        session.selected.contexts.pop(tag, None)
    yield Done(text="No further updates")


AREA = Area(commands=(Command("CANCELUPDATE", State.SELECTED, _cancel, "5267 4.3.5", _parse),))
