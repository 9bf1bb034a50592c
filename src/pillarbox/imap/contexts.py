"""Searches and sorts whose results are kept up to date for a client. RFC 5267 section 4.3 (UPDATE), RFC 5465 section
7 (what to fetch of messages that are new in them).

A context knows its result as UIDs. When updates go out, it looks again at the messages that changed since the last
time, and says what came (ADDTO) and what went (REMOVEFROM): before the EXPUNGE of what vanished, so that numbers are
still good, and after EXISTS and FETCH for everything else.

Numbers, `$` and the highest UID mean what they meant when the search was asked ("any message sequence numbers used in
the search program are evaluated at the time the command is received").

Must never: read a message that did not change, or keep more contexts than ImapLimits.search_contexts.
"""

from __future__ import annotations

import enum
from bisect import bisect_left
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from pillarbox.imap.commands.fetch import rendered
from pillarbox.imap.commands.fetch_items import FetchItem
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.search_corpus import ViewCorpus
from pillarbox.imap.search_results import ResultOptions, correlator, ordered_set
from pillarbox.imap.session import Session
from pillarbox.imap.view import View
from pillarbox.imap.wire.writer import string
from pillarbox.mail.uids import UidSet
from pillarbox.search import query as q
from pillarbox.search.corpus import BodyTexts, Columns, HeaderTexts, TextKey
from pillarbox.search.evaluate import matching_rows
from pillarbox.search.fuzzy import Fuzzy, Hits

_PER_MESSAGE: Final = ("uids", "flags", "modseqs", "sizes", "date_seconds", "date_zones", "save_seconds")
_HIGHEST_UID: Final = 2**32 - 1

Arrange = Callable[[Sequence[int]], Awaitable[Sequence[int]]]
"""Puts indices in the view into the order of the command."""


class ResultKind(enum.Enum):
    """What the results are named by."""

    NUMBERS = b""
    UIDS = b" UID"


class Context:
    """One command's result. `arrange` is None for SEARCH, whose results are in mailbox order."""

    def __init__(
        self,
        session: Session,
        query: q.Query,
        kind: ResultKind,
        *,
        arrange: Arrange | None = None,
        about: bytes | None = None,
        items: tuple[FetchItem, ...] = (),
    ) -> None:
        self.session = session
        self.tag = session.tag
        self._about = about or correlator(session.tag)
        self._kind = kind
        self._arrange = arrange
        self._query = query
        self._items = items
        self._modseq = 0
        self._uidnext = 0
        self._uids: list[int] = []
        """In the order of the command."""

    def begin(self, ordered: Sequence[int], saved: Sequence[int]) -> None:
        """Follow the result from now on: indices in the view, in order. `saved` is what `$` was."""
        view = self.session.selected
        columns = ViewCorpus(view, self.session.mail, UidSet.of(saved), 0).columns
        self._query = fixed(self._query, columns)
        self._modseq = view.modseq
        self._uidnext = view.uidnext
        self._uids = list(view.uids_of(ordered))

    def before_updates(self) -> bytes:
        """REMOVEFROM for what has vanished, which is perhaps about to be expunged."""
        view = self.session.selected
        if view.image.deleted or view.uids is view.image.uids:
            return b""
        there = frozenset(view.image.uids)
        gone = [uid for uid in self._uids if uid not in there]
        return self._line(self._removed(gone)) if gone else b""

    async def after_updates(self) -> AsyncIterator[bytes]:
        """FETCH for what is new, REMOVEFROM and ADDTO for what changed, in view and numbers as the client knows them
        now."""
        view = self.session.selected
        if view.image.deleted or view.modseq == self._modseq:
            return
        modseq = view.modseq
        rows = view.image.changed_since(self._modseq)
        changed = [view.number_of(view.image.uids[row]) - 1 for row in rows]
        changed = [index for index in changed if index >= 0]
        matching = frozenset(view.uids_of(await self._matching(view, changed)))
        known = frozenset(self._uids)
        looked_at = view.uids_of(changed)
        gone = [uid for uid in looked_at if uid in known and uid not in matching]
        came = [uid for uid in looked_at if uid in matching and uid not in known]
        known_uidnext, self._modseq, self._uidnext = self._uidnext, modseq, view.uidnext
        async for piece in self._fetched(view, [uid for uid in came if uid >= known_uidnext]):
            yield piece
        items = [self._removed(gone)] if gone else []
        if came:
            items.append(await self._added(view, came))
        if items:
            yield self._line(*items)

    async def _fetched(self, view: View, fresh: Sequence[int]) -> AsyncIterator[bytes]:
        """FETCH for messages that others put there, as far as NOTIFY doesn't tell it of every new message anyway. Very
        many are left to the client."""
        notices = self.session.notices
        told = {item.label for item in notices.items} if notices is not None else set()
        items = tuple(item for item in self._items if item.label not in told)
        own = self.session.own_changes.arrivals.get(view.image.mailbox.id, set())
        fresh = [uid for uid in fresh if uid not in own]
        if items and fresh and len(fresh) <= self.session.services.limits.notify_responses:
            async for chunk in rendered(self.session, view, items, view.of_uids(UidSet.of(fresh))):
                yield chunk

    async def _matching(self, view: View, changed: Sequence[int]) -> list[int]:
        if not changed:
            return []
        now_seconds = int(self.session.services.clock.now_seconds())
        whole = ViewCorpus(view, self.session.mail, UidSet(()), now_seconds)
        return [changed[at] for at in await matching_rows(self._query, _SomeOf(whole, changed))]

    def _removed(self, gone: Sequence[int]) -> bytes:
        """ret-data-removefrom = "REMOVEFROM" SP "(" context-position SP sequence-set *(...) ")"

        From the end, so that positions before stay what they are.
        """
        leaving = frozenset(gone)
        pairs: list[tuple[int, Sequence[int]]]
        places = [at for at, uid in enumerate(self._uids) if uid in leaving]
        if self._arrange is None:
            pairs = [(0, gone)]
        else:
            pairs = [(at + 1, [self._uids[at]]) for at in reversed(places)]
        written = b"REMOVEFROM (%b)" % b" ".join(self._pairs(pairs))
        self._uids = [uid for uid in self._uids if uid not in leaving]
        return written

    async def _added(self, view: View, came: Sequence[int]) -> bytes:
        """ret-data-addto = "ADDTO" SP "(" context-position SP sequence-set *(...) ")"

        Towards the end, so that each position is the one that it will stay at.
        """
        if self._arrange is None:
            for uid in came:
                self._uids.insert(bisect_left(self._uids, uid), uid)
            return b"ADDTO (%b)" % b" ".join(self._pairs([(0, came)]))
        indices = view.of_uids(UidSet.of([*self._uids, *came]))
        self._uids = list(view.uids_of(await self._arrange(indices)))
        arriving = frozenset(came)
        pairs = [(at, [uid]) for at, uid in enumerate(self._uids, 1) if uid in arriving]
        return b"ADDTO (%b)" % b" ".join(self._pairs(pairs))

    def _pairs(self, pairs: Sequence[tuple[int, Sequence[int]]]) -> Iterator[bytes]:
        view = self.session.selected
        for position, uids in pairs:
            shown = uids if self._kind is ResultKind.UIDS else [view.number_of(uid) for uid in uids]
            yield b"%d %b" % (position, ordered_set(shown))

    def _line(self, *items: bytes) -> bytes:
        return b"* ESEARCH %b%b %b\r\n" % (self._about, self._kind.value, b" ".join(items))


def check_update(session: Session, options: ResultOptions | None) -> None:
    """Raises BadSyntax when UPDATE is asked for with the tag of a context that is there (RFC 5267 section 4.3)."""
    if options and "UPDATE" in options.names and session.tag in session.selected.contexts:
        raise BadSyntax("The tag is in use by a search that sends updates")


def open_context(context: Context, ordered: Sequence[int], saved: Sequence[int]) -> bytes:
    """Follow a result; or say that there are too many (RFC 5267 section 4.3.1): what was found is told all the same."""
    contexts = context.session.selected.contexts
    if len(contexts) >= context.session.services.limits.search_contexts:
        return b"* NO [NOUPDATE %b] Too many contexts\r\n" % string(context.tag)
    context.begin(ordered, saved)
    contexts[context.tag] = context
    return b""


class _SomeOf:
    """Some messages of a corpus as one of their own (see search.corpus.Corpus)."""

    def __init__(self, whole: ViewCorpus, indices: Sequence[int]) -> None:
        self._whole = whole
        self._indices = indices
        columns = whole.columns
        some: dict[str, Any] = {name: [getattr(columns, name)[at] for at in indices] for name in _PER_MESSAGE}
        self.columns: Columns = replace(columns, **some)

    async def candidates(self, key: TextKey, rows: Sequence[int]) -> None:
        """No index is asked about a few messages."""

    async def fuzzy_hits(self, key: Fuzzy, rows: Sequence[int]) -> Hits:
        """Nor here."""
        return Hits({}, rows)

    async def headers(self, rows: Sequence[int]) -> Sequence[HeaderTexts | None]:
        return await self._whole.headers([self._indices[row] for row in rows])

    async def bodies(self, rows: Sequence[int]) -> Sequence[BodyTexts | None]:
        return await self._whole.bodies([self._indices[row] for row in rows])

    async def pause(self) -> None:
        await self._whole.pause()


def fixed(query: q.Query, columns: Columns) -> q.Query:
    """The query with numbers, `$` and `*` as they are now. As deep as the query, which its reader bounds."""
    if isinstance(query, q.And):
        return q.all_of(fixed(term, columns) for term in query.terms)
    if isinstance(query, q.Or):
        return q.any_of(fixed(term, columns) for term in query.terms)
    if isinstance(query, q.Not):
        return q.negate(fixed(query.term, columns))
    if isinstance(query, q.Numbers | q.Saved):
        rows = query.select(columns, range(len(columns.uids)))
        return q.Uids(UidSet.of(columns.uids[row] for row in rows).ranges)
    if isinstance(query, q.Uids):
        last = columns.uids[-1] if len(columns.uids) else 1
        return q.Uids(tuple(_open_ended(pair, last) for pair in query.ranges))
    return query


def _open_ended(pair: tuple[int, int], last: int) -> tuple[int, int]:
    """`5:*` goes on for ever: what comes later has a higher UID than all."""
    return pair if q.LAST not in pair else (min(max(pair) or last, last), _HIGHEST_UID)
