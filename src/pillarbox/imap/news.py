"""All that a client is owed now: updates of its open mailbox, and what it asked for with NOTIFY (RFC 5465).

Order (RFC 5465 sections 5.2 and 7): EXPUNGE, EXISTS and flags; then for each search that is kept up to date FETCH for
what is new in it, and its ESEARCH; then FETCH for all new messages, then what happened elsewhere.

Must never: hold a whole large message, or mark a message as seen because it was told of.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from pillarbox.imap.commands.fetch import rendered
from pillarbox.imap.session import Notices, Session
from pillarbox.imap.updates import ExpungeRule


async def news(session: Session, rule: ExpungeRule) -> AsyncIterator[bytes]:
    """Untagged responses, in pieces. Raises MailError when the store fails."""
    known = session.view.uidnext if session.view is not None else 0
    async for updates in session.updates(rule):
        yield updates
    notices = session.notices
    if notices is None:
        return
    if notices.items and session.view is not None and session.view.uidnext > known:
        async for chunk in _arrivals(session, notices, known):
            yield chunk
    elsewhere = await notices.elsewhere()
    if elsewhere:
        yield elsewhere


async def _arrivals(session: Session, notices: Notices, known_uidnext: int) -> AsyncIterator[bytes]:
    """FETCH for messages that the client was just told of, but for its own."""
    view = session.selected
    own = session.own_changes.arrivals.get(view.image.mailbox.id, set())
    first = view.count
    while first and view.uids[first - 1] >= known_uidnext:
        first -= 1
    indices = [index for index in range(first, view.count) if view.uids[index] not in own]
    if len(indices) > session.services.limits.notify_responses:
        yield notices.overflow()
        return
    async for chunk in rendered(session, view, tuple(notices.items), indices):
        yield chunk
