r"""The untagged responses that a client is owed: EXPUNGE, EXISTS, RECENT, FLAGS, FETCH.

RFC 9051 section 5.2 and 7.5.1, RFC 3501 section 7.4.1, RFC 7162 section 3.2 for MODSEQ. EXPUNGE goes out only
when the rule of the moment allows it; until then the view keeps the message's number.
"""

from __future__ import annotations

import enum
from array import array
from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from pillarbox.imap.features import Feature
from pillarbox.imap.view import View
from pillarbox.mail.errors import StoreUnavailable
from pillarbox.mail.flags import SYSTEM_FLAGS
from pillarbox.mail.rights import Rights, allowed_flags
from pillarbox.mail.uids import UidSet
from pillarbox.store.contract import AccountStore, MailboxId, MailboxImage

_GAPS: Final = 16
"""Expunges come in a few runs; copying the columns for many more costs more than a set of all."""


class ExpungeRule(enum.Enum):
    """Whether EXPUNGE may be sent now."""

    ALLOWED = enum.auto()
    HELD_BACK = enum.auto()
    ASKED_FOR = enum.auto()
    """It is the answer to the command itself, whatever else the client wants to be told."""


class Change(enum.Enum):
    """What may happen in an open mailbox."""

    ARRIVALS = enum.auto()
    EXPUNGES = enum.auto()
    FLAGS = enum.auto()


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client wants to be told of its open mailbox. What it doesn't, waits in the view until it does."""

    changes: frozenset[Change] = frozenset(Change)
    names_uids: bool = False
    """FETCH for changed flags must have the UID (RFC 5465 section 5.1)."""


EVERYTHING: Final = Wish()


async def owed_updates(
    view: View, account: AccountStore, features: Collection[Feature], rule: ExpungeRule, wish: Wish = EVERYTHING
) -> bytes:
    """Bring the view in step with the mailbox and say what changed. Empty when nothing did."""
    image = view.image
    if not image.deleted:
        await account.image(image.mailbox.id)
    if rule is not ExpungeRule.ASKED_FOR and Change.EXPUNGES not in wish.changes:
        rule = ExpungeRule.HELD_BACK
    if image.uidnext != view.uidnext and Feature.IMAP4REV2 not in features and Change.ARRIVALS in wish.changes:
        await _claim_recent(view, account)
    lines: list[bytes] = []
    held_back_before = view.holds_back
    if view.uids is not image.uids or image.deleted:
        lines += _expunges(view, image, features, rule)
    if image.highest_modseq != view.modseq or image.uidnext != view.uidnext:
        lines += _changes(view, image, features, wish)
    if view.holds_back or held_back_before:
        lines += _in_step(view, features)
    if not view.holds_back:
        view.in_step_modseq = view.modseq
    return b"".join(lines)


def _changes(view: View, image: MailboxImage, features: Collection[Feature], wish: Wish) -> list[bytes]:
    """Arrivals, new keywords and changed flags."""
    lines: list[bytes] = []
    if view.only_own_changes:
        changed = []
    else:
        changed = [row for row in image.changed_since(view.modseq) if image.uids[row] < view.uidnext]
    if Change.ARRIVALS in wish.changes and _arrivals(view, image):
        lines.append(b"* %d EXISTS\r\n" % view.count)
        if Feature.IMAP4REV2 not in features:
            lines.append(b"* %d RECENT\r\n" % view.recent_count())
    if Change.FLAGS in wish.changes:
        lines += flags_line(view)
        lines += _flag_changes(view, image, changed, features, wish)
    elif any(image.modseqs[row] not in view.own_modseqs for row in changed):
        return lines  # until the client wants to know
    view.modseq = image.highest_modseq
    view.own_modseqs.clear()
    return lines


def _in_step(view: View, features: Collection[Feature]) -> list[bytes]:
    """While VANISHED is held back, a client that hangs up must come back with what it knew before (RFC 7162 section
    3.2, example in section 6); and it must be told when that is over."""
    if Feature.QRESYNC not in features:
        return []
    return [b"* OK [HIGHESTMODSEQ %d] Known so far\r\n" % (view.in_step_modseq if view.holds_back else view.modseq)]


async def first_recent_uid(account: AccountStore, mailbox: MailboxId) -> int:
    r"""Claims what is \Recent. When nothing can be written (a full disk, somebody's long change), it is shown without
    being claimed: whoever can't make room must still be able to read."""
    try:
        return await account.claim_recent(mailbox)
    except StoreUnavailable:
        return (await account.status(mailbox)).first_recent_uid


async def _claim_recent(view: View, account: AccountStore) -> None:
    r"""Find out which arrivals this session is the first to be told of (RFC 3501 section 2.3.2)."""
    image = view.image
    first = view.uidnext
    if not view.read_only and not image.deleted:
        first = max(first, await first_recent_uid(account, image.mailbox.id))
        await account.image(image.mailbox.id)
    if first < image.uidnext:
        last = view.recent[-1]
        if last.stop == first:
            view.recent[-1] = range(last.start, image.uidnext)
        elif last:
            view.recent.append(range(first, image.uidnext))
        else:
            view.recent[-1] = range(first, image.uidnext)


def flags_line(view: View) -> list[bytes]:
    """`* FLAGS` again when keywords came up that the client was not told of."""
    keywords = view.image.keywords
    if len(keywords) == view.keywords_told:
        return []
    view.keywords_told = len(keywords)
    return [b"* FLAGS (%b)\r\n" % flag_names(view)]


def flag_names(view: View) -> bytes:
    """All flags that may be met in the mailbox."""
    return " ".join((*SYSTEM_FLAGS, *view.image.keywords)).encode("ascii")


def permanent_flags(view: View) -> bytes:
    r"""The flags that the client may change, and `\*` when it may make new ones (RFC 4314 section 5.1.1)."""
    if view.read_only:
        return b""
    names = allowed_flags(frozenset((*SYSTEM_FLAGS, *view.image.keywords)), view.rights)
    shown = [name for name in (*SYSTEM_FLAGS, *view.image.keywords) if name in names]
    return " ".join([*shown, "\\*"] if Rights.WRITE in view.rights else shown).encode("ascii")


def rights_lines(view: View, rights: Rights) -> bytes:
    """FLAGS and PERMANENTFLAGS again when the client's rights have changed (RFC 4314 section 5.1.1)."""
    if rights is view.rights or view.image.deleted:
        return b""
    view.rights = rights
    return b"* FLAGS (%b)\r\n* OK [PERMANENTFLAGS (%b)] Your rights have changed\r\n" % (
        flag_names(view),
        permanent_flags(view),
    )


def _expunges(view: View, image: MailboxImage, features: Collection[Feature], rule: ExpungeRule) -> list[bytes]:
    """EXPUNGE from the highest number down, so that none shifts another; or VANISHED (RFC 7162 section 3.2.10)."""
    present: array[int] = array("I") if image.deleted else image.uids
    gone = _vanished(view.uids[: view.count], present)
    view.holds_back = bool(gone) and rule is ExpungeRule.HELD_BACK
    if view.holds_back:
        return []
    told = bisect_left(present, view.uidnext)
    known, view.uids, view.count = view.uids, present, told
    if gone and (Feature.QRESYNC in features or Feature.UIDONLY in features):
        return [f"* VANISHED {UidSet.of(known[index] for index in gone)}\r\n".encode("ascii")]
    return [b"* %d EXPUNGE\r\n" % (index + 1) for index in reversed(gone)]


def vanished_earlier(view: View, gone: UidSet, asked: UidSet) -> bytes:
    """VANISHED (EARLIER) of `asked` UIDs that are gone (RFC 7162 section 3.2.10.1); never of a message that the
    client still numbers: that one's EXPUNGE is to come."""
    known = view.uids[: view.count]
    shown = gone.intersection(asked).without(known)
    return f"* VANISHED (EARLIER) {shown}\r\n".encode("ascii") if shown else b""


def _vanished(known: array[int], present: array[int]) -> list[int]:
    """Indices of the known UIDs that are no longer present. Both ascend.

    A few gaps are found by comparing equal runs as blocks; past that, every UID is looked up: linear either way.
    """
    gone: list[int] = []
    at = 0
    for _ in range(_GAPS):
        run = _equal_run(known[at:], present[at - len(gone) :])
        at += run
        if at == len(known):
            return gone
        following = present[at - len(gone)] if at - len(gone) < len(present) else None
        while at < len(known) and (following is None or known[at] < following):
            gone.append(at)
            at += 1
    there = set(present)
    return gone + [index for index in range(at, len(known)) if known[index] not in there]


def _equal_run(known: array[int], present: array[int]) -> int:
    """How many UIDs at the beginning are the same."""
    low, high = 0, min(len(known), len(present))
    if known[:high] == present[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if known[low:middle] == present[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _arrivals(view: View, image: MailboxImage) -> int:
    """Take new messages into the view; how many."""
    if image.deleted:
        return 0
    first = bisect_left(image.uids, view.uidnext)
    view.uidnext = image.uidnext
    fresh = len(image.uids) - first
    if not fresh:
        return 0
    if view.uids is image.uids:
        view.count = len(image.uids)
    else:
        view.uids = view.uids[: view.count] + image.uids[first:]
        view.count = len(view.uids)
    return fresh


def _flag_changes(
    view: View, image: MailboxImage, rows: list[int], features: Collection[Feature], wish: Wish
) -> list[bytes]:
    lines = []
    condstore = Feature.CONDSTORE in features
    with_uid = condstore or wish.names_uids or Feature.IMAP4REV2 in features
    aligned = view.uids is image.uids
    for row in rows:
        modseq = image.modseqs[row]
        if modseq in view.own_modseqs:
            continue
        uid = image.uids[row]
        number = row + 1 if aligned else view.number_of(uid)
        if not number:
            continue
        items = [b"FLAGS (%b)" % shown_flags(view, image.flags[row].wire, uid, features)]
        if condstore:
            items.append(b"MODSEQ (%d)" % modseq)
        lines.append(fetch_line(number, uid if with_uid else 0, uid, items, features))
    return lines


def fetch_line(number: int, shown_uid: int, uid: int, items: list[bytes], features: Collection[Feature]) -> bytes:
    """One FETCH response; with UIDONLY a UIDFETCH (RFC 9586 section 3.3). `shown_uid` 0 leaves the UID item out."""
    if Feature.UIDONLY in features:
        return b"* %d UIDFETCH (%b)\r\n" % (uid, b" ".join(items))
    shown = [b"UID %d" % shown_uid, *items] if shown_uid else items
    return b"* %d FETCH (%b)\r\n" % (number, b" ".join(shown))


def shown_flags(view: View, wire: bytes, uid: int, features: Collection[Feature]) -> bytes:
    r"""The flags as this session shows them: with `\Recent` for IMAP4rev1 clients."""
    if Feature.IMAP4REV2 in features or not view.is_recent(uid):
        return wire
    return wire + b" \\Recent" if wire else b"\\Recent"
