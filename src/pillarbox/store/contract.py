"""What every store promises. The rest of the house knows only this; `app` picks the backend.

Promises that hold for all of it:

- *Acknowledged means on disk.* When a coroutine that changes something returns, the change has been
  synced; after a kill -9 or a power cut it is there, whole. When it raises, nothing of it is there.
- *Atomic.* One call is one change: all of it or none, seen by nobody half done.
- *Several processes* may work on one account at once. Nothing true lives only in one of them.
- *Mod-sequences* (RFC 7162): one counter per account, starting at 1, that every change takes a greater
  number from; all that one call changes in a mailbox carries one number.
- *UIDs* ascend strictly within a mailbox and are never given twice, also not after a crash or after the
  highest message was expunged. UIDVALIDITY of a name that is created anew is greater than before.
- *Loop.* All coroutines and callbacks run on one event loop thread; a backend may use threads inside.

No SQL, no paths and no protocol words here. Errors are those of mail/errors.py.
"""

from __future__ import annotations

import enum
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, NewType, Protocol

from pillarbox.mail.dates import InternalDate
from pillarbox.mail.flags import NO_FLAGS, FlagAction, FlagSet
from pillarbox.mail.names import NameLimits
from pillarbox.mail.specialuse import SPECIAL_USE_BY_LOWER
from pillarbox.mail.uids import UidSet
from pillarbox.search.corpus import Candidates, TextKey
from pillarbox.search.fuzzy import Fuzzy, Hits
from pillarbox.store.quota import Quota, QuotaDefaults

AccountId = NewType("AccountId", str)
"""Opaque, chosen when the account is made, safe as a file name, never reused."""

MailboxId = NewType("MailboxId", int)
"""Within an account: positive, survives RENAME, never reused."""


class AttachmentMarks(enum.Enum):
    """See StoreLimits.mark_attachments."""

    DELIVERED = "delivered"
    ALL = "all"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """Sizes that the store enforces for everyone, whichever door a request came through."""

    name: NameLimits = field(default_factory=NameLimits)
    max_mailboxes: int = 2_000
    """Mailboxes of one account; more come from loops in clients and slow every LIST."""
    max_keywords: int = 200
    """Different keywords in one account; clients show them all."""
    max_keyword_bytes: int = 64
    """Of one keyword. Registered ones (RFC 5788) have 20 at most; longer ones are somebody's data in disguise."""
    max_properties: int = 10_000
    """Small values kept with one account and its mailboxes (rights, annotations, scripts); each door has its own limits
    below this one."""
    max_property_bytes: int = 1024 * 1024
    """Of one such value. They are read whole, at once."""
    max_properties_bytes: int = 32 * 1024 * 1024
    """Of all of them together, with their names: they count in no quota, and some answers take looking at all. A full
    set of Sieve scripts has 8 MiB."""
    max_message_bytes: int = 50 * 1024 * 1024
    """RFC 7889 APPENDLIMIT. What today's large providers accept."""
    mark_attachments: AttachmentMarks = AttachmentMarks.DELIVERED
    """Which messages get one of the keywords $HasAttachment and $HasNoAttachment when they come in, so that programs
    show attachments without looking: `delivered` (not what programs store, nor imports), `all`, `off`."""
    quota: QuotaDefaults = field(default_factory=QuotaDefaults)
    keep_expunged_days: int = 14
    """How long expunged mail is kept for `pillarbox undelete` and `pillarbox history`: long enough to come back from a
    holiday. No client sees it and it counts in no quota, but it takes room on the disk. 0: not kept at all."""

    @property
    def keep_expunged_seconds(self) -> int:
        """The same in seconds."""
        return max(0, self.keep_expunged_days) * 86_400


@dataclass(frozen=True, slots=True)
class NewAccount:
    r"""What an account has from the start, besides INBOX."""

    mailboxes: tuple[str, ...] = ("Drafts", "Sent", "Junk", "Trash", "Archive")
    r"""Mailboxes that every new account gets, subscribed. A name that is also a special use (RFC 6154) has that use;
    for another name write the use behind it, as in 'Spam \Junk'. An empty list turns it off."""

    def __post_init__(self) -> None:
        self.named_uses()

    def named_uses(self) -> Sequence[tuple[str, frozenset[str]]]:
        """Each name with its special uses. Raises ValueError for a use that there is not."""
        return [_name_and_use(entry) for entry in self.mailboxes]


NOTHING_MORE: Final = NewAccount(())


def _name_and_use(entry: str) -> tuple[str, frozenset[str]]:
    name, backslash, use = entry.partition(" \\")
    known = SPECIAL_USE_BY_LOWER.get("\\" + (use or name).lower())
    if backslash and known is None:
        raise ValueError(f"there is no special use \\{use}")
    return name, frozenset() if known is None else frozenset({known})


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox that exists and can be selected."""

    id: MailboxId
    name: str
    """Canonical (mail/names.py)."""
    uidvalidity: int
    """1 .. 2**32-1."""
    special_use: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    """Counts of a mailbox, cheap to get without its image (STATUS, LIST-STATUS)."""

    messages: int
    unseen: int
    deleted: int
    size_bytes: int
    deleted_bytes: int
    uidnext: int
    uidvalidity: int
    highest_modseq: int
    first_recent_uid: int
    r"""Messages with this UID and above have not been announced as \Recent to any session."""
    recent: int


class Staged(Protocol):
    """A message on its way in, written piece by piece, spilled to disk when large.

    Not durable until a call that stores it returns. Discard what is not stored.
    """

    size_bytes: int

    def write(self, data: bytes | memoryview) -> None:
        """Append `data`. Raises MessageTooBig past the limit, StoreUnavailable when the disk is full."""
        ...

    def pieces(self, size: int) -> Iterator[bytes]:
        """What was written so far, `size` bytes at a time. Not to be written to meanwhile."""
        ...

    def discard(self) -> None:
        """Throw it away; harmless after it was stored, and twice."""
        ...


class Origin(enum.Enum):
    """How a message comes into an account."""

    PLACED = "placed"
    """A client puts it there with just the flags that it wants; or it is copied or imported with those that it has."""
    DELIVERED = "delivered"
    """It arrives."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be stored: its exact bytes, kept as they are."""

    content: bytes | Staged
    internal_date: InternalDate
    flags: frozenset[str] = frozenset()
    origin: Origin = Origin.PLACED
    """Decides, with StoreLimits.mark_attachments, whether it gets $HasAttachment or $HasNoAttachment beside `flags`.
    It comes in without when the account has no room for a keyword."""


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message with the UID that it had where it was kept before; for restore()."""

    uid: int
    message: NewMessage
    save_seconds: int | None = None
    """When it came into that mailbox (RFC 8514), epoch seconds; None: now."""


class Appended(NamedTuple):
    uidvalidity: int
    uids: Sequence[int]
    """Ascending, one per message in the order given."""
    modseq: int


class Copied(NamedTuple):
    """What COPY or MOVE did: `source_uids[i]` became `destination_uids[i]` (both ascending)."""

    uidvalidity: int
    """Of the destination."""
    source_uids: Sequence[int]
    destination_uids: Sequence[int]
    modseq: int


class Flagged(NamedTuple):
    """What STORE did."""

    modseq: int
    """Carried by all of `changed`; the mailbox's highest mod-sequence when nothing changed."""
    changed: Sequence[int]
    """UIDs whose flags are different now, ascending. Setting what is set already changes nothing."""
    refused: Sequence[int]
    """UIDs left alone because their mod-sequence is above `unchanged_since`, ascending."""
    modseq_before: int = 0
    """The highest mod-sequence that any of `changed` carried before: tells who knows only up to some number
    whether the change went over another one that it has not seen."""


class Expunged(NamedTuple):
    uids: Sequence[int]
    """Gone now, ascending; may be empty."""
    modseq: int


class Departure(enum.Enum):
    """How a message left its mailbox."""

    EXPUNGED = "expunged"
    """By EXPUNGE, REPLACE, or with its mailbox: it is nowhere else, so its bytes are kept."""
    MOVED = "moved"
    """To another mailbox. Its bytes are those of the message there, and go with that one."""


class Departed(NamedTuple):
    """A message that left a mailbox and is remembered for a while."""

    mailbox: MailboxId
    """Perhaps deleted meanwhile."""
    mailbox_name: str
    """As it was called then."""
    uidvalidity: int
    uid: int
    """With `mailbox` it names this message for ever."""
    flags: FlagSet
    """As they were when it left."""
    size_bytes: int
    internal_date: InternalDate
    save_seconds: int
    """When it had come into that mailbox, epoch seconds."""
    gone_seconds: int
    """When it left, epoch seconds."""
    how: Departure


class DigestField(enum.Enum):
    """What is computed once from a message's bytes and kept ready (see mime/digest.py)."""

    ENVELOPE = "envelope"
    BODYSTRUCTURE = "bodystructure"
    BODY = "body"
    PARTS = "parts"
    HEADER = "header"
    """The raw header block with the empty line that ends it."""
    COMMON_FIELDS = "common_fields"
    """The header fields of mime/common_fields.py, as they are."""
    SORT_KEYS = "sort_keys"
    """What SORT and THREAD need (see mime/sort_keys.py)."""
    EMAIL_ID = "email_id"
    """ASCII, at most 64 characters of A-Z a-z 0-9 _ -: the same for the same bytes (RFC 8474)."""


class Content(Protocol):
    """The exact bytes of one message. Readable while held, also when it is expunged meanwhile."""

    size_bytes: int

    def read(self, start: int, end: int) -> bytes:
        """Bytes `start` (inclusive) to `end` (exclusive, cut at the size). Blocks only for the disk."""
        ...

    def whole(self) -> bytes | memoryview:
        """All of it, as one buffer (mapped, not read, when large)."""
        ...


class MailboxImage(Protocol):
    """One mailbox as it is now, as columns that all sessions of a process share.

    Row i of every column is one message; rows ascend by UID. Single-threaded: the backend changes it
    only on the loop thread, and only so:

    - flag changes overwrite `flags[i]` and `modseqs[i]` in place;
    - arrivals extend the columns in place, so a holder of `uids` with a length of its own keeps its view;
    - when messages vanish, *all* columns are replaced by new objects: `uids` held from before stay as
      they were. So `image.uids is mine` says that row numbers agree up to my length.
    """

    mailbox: Mailbox
    uids: array[int]
    """Type code I."""
    flags: list[FlagSet]
    modseqs: array[int]
    """Type code Q."""
    sizes: array[int]
    """Type code Q, bytes: the length of BODY[]."""
    date_seconds: array[int]
    """Type code q, epoch seconds of the internal date."""
    date_zones: array[int]
    """Type code h, minutes east."""
    save_seconds: array[int]
    """Type code q, epoch seconds at which the message came into this mailbox (RFC 8514)."""
    uidnext: int
    highest_modseq: int
    deleted: bool
    """The mailbox itself is gone; columns are as they were last."""
    keywords: Sequence[str]
    """All keywords known to the account, in the order they came; for FLAGS and PERMANENTFLAGS."""

    companions: dict[str, object]
    """What readers worked out from the columns and want to keep as long as the image, each under its own name."""

    def row_of(self, uid: int) -> int:
        """The row of a UID, or -1."""
        ...

    def changed_since(self, modseq: int) -> Sequence[int]:
        """Rows whose mod-sequence is above `modseq`, ascending. Cheap when `modseq` is recent."""
        ...


@dataclass(frozen=True, slots=True)
class TextIndexState:
    """How far the index of an account's texts has come. Messages that share their bytes count once."""

    indexed: int
    """Answered from the index."""
    waiting: int
    """Not looked at yet: searches read these until they are."""
    always_read: int
    """Too large to be indexed, or unreadable: searches read these each time."""
    size_bytes: int
    """Of the index, on disk."""
    attachments_read: int = 0
    """Whose words fuzzy searches find."""
    attachments_unreadable: int = 0
    """Broken, locked or too costly: not tried again."""
    attachments_waiting: int = 0


MAX_ANSWERS: Final = 16
"""Kept of each mailbox. Clients show a folder in one or two ways."""


class Watcher(Protocol):
    """Told that something may have happened. Runs on the loop thread, must be quick, must not raise."""

    def __call__(self) -> None: ...


Unwatch = Callable[[], None]


class AccountStore(Protocol):
    """All that one account keeps. Got from Store.open(); give it back with close()."""

    account: AccountId

    async def close(self) -> None:
        """Give it back. The backend may keep it warm."""
        ...

    # --- mailboxes -------------------------------------------------------------------------------

    async def mailboxes(self) -> Sequence[Mailbox]:
        """All of them, sorted by name with INBOX first. INBOX is always there."""
        ...

    async def find(self, name: str) -> Mailbox:
        """The mailbox of a canonical name. Raises MailboxMissing."""
        ...

    async def create(self, name: str, special_use: frozenset[str] = frozenset()) -> Mailbox:
        """Make a mailbox. Names above it are not made: they show as names without a mailbox.

        Raises MailboxExists, NameInvalid, LimitReached. A special use that another mailbox has moves
        nowhere: two mailboxes may share one.
        """
        ...

    async def delete(self, name: str) -> None:
        """Delete a mailbox and its messages; mailboxes below it stay.

        Raises MailboxMissing (also for a name that has only mailboxes below: MailboxHasChildren), NotAllowed
        for INBOX. Subscriptions stay (RFC 9051 section 6.3.8).
        """
        ...

    async def rename(self, old: str, new: str) -> None:
        """Rename a mailbox and all below it; ids, UIDVALIDITY, UIDs, flags and mod-sequences stay.

        `old` may be a name without a mailbox that has mailboxes below. INBOX (RFC 9051 section 6.3.6): its
        messages move to the new mailbox `new`, it stays, empty, and what is below it stays; `new` gets its annotations
        too (properties that begin with naming.SHARED_BY_BOTH_INBOXES).
        Raises MailboxMissing, MailboxExists (for any of the new names), NameInvalid (also when `new` is
        below `old`), LimitReached. Subscriptions stay as they were.
        """
        ...

    async def set_special_use(self, name: str, special_use: frozenset[str]) -> None:
        """Replace the special-use attributes. Raises MailboxMissing."""
        ...

    async def subscriptions(self) -> frozenset[str]:
        """Subscribed names; some may have no mailbox."""
        ...

    async def subscribe(self, name: str) -> None:
        """Subscribe a name, existing or not; again is harmless. Raises NameInvalid, LimitReached."""
        ...

    async def unsubscribe(self, name: str) -> None:
        """Unsubscribe; harmless when it was not subscribed."""
        ...

    async def status(self, mailbox: MailboxId) -> MailboxStatus:
        """Counts as they are now. Raises MailboxMissing."""
        ...

    # --- properties ------------------------------------------------------------------------------

    async def properties(self, mailbox: MailboxId | None, prefix: str = "") -> Mapping[str, bytes]:
        """Small named values kept with a mailbox, or with the account itself (None): those whose names begin with
        `prefix`, by name. They follow a mailbox on RENAME and go with it on DELETE; INBOX keeps its own.
        Each room names its own "room/...". Raises MailboxMissing.
        """
        ...

    async def all_properties(self, prefix: str) -> Mapping[MailboxId | None, Mapping[str, bytes]]:
        """The same for the account and every mailbox that has any."""
        ...

    async def set_properties(self, mailbox: MailboxId | None, values: Mapping[str, bytes | None]) -> None:
        """Set properties, or remove them (None), all or none. Setting what is set already changes nothing.

        Watchers of the mailbox and of the list are told; the mailbox's highest mod-sequence stays.
        Raises MailboxMissing, LimitReached (too many or too large).
        """
        ...

    async def quota(self) -> Quota:
        """What the account may keep (the properties of store/quota.py, else StoreLimits.quota) and what it keeps.

        A change that would pass a limit raises OverQuota, decided within the change itself: several processes can't
        pass it together. What moves within the account, or takes something away, is never refused.
        """
        ...

    # --- watching --------------------------------------------------------------------------------

    async def image(self, mailbox: MailboxId) -> MailboxImage:
        """The shared image, brought up to date with all that any process has acknowledged.

        The same object for all callers in a process while anyone watches the mailbox. Cheap (a few
        microseconds) when nothing changed. Raises MailboxMissing when there never was one or it is
        gone and nobody watches it; else its `deleted` is set.
        """
        ...

    def watch(self, mailbox: MailboxId, watcher: Watcher) -> Unwatch:
        """Call `watcher` after any change to the mailbox by any process, until unwatched.

        It says only "look again" (call image()); calls may be early, doubled or merged, yet after the last change there
        is at least one. Changes by another process arrive within milliseconds.
        """
        ...

    def watch_mailboxes(self, watcher: Watcher) -> Unwatch:
        """The same for the list of mailboxes, subscriptions, and any mailbox's counts."""
        ...

    # --- messages --------------------------------------------------------------------------------

    async def append(self, mailbox: MailboxId, messages: Sequence[NewMessage]) -> Appended:
        """Store messages, all or none, in order. Raises MailboxMissing, MessageTooBig, LimitReached (keywords)."""
        ...

    async def copy(self, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
        """Copy messages with flags and internal dates (RFC 9051 section 6.4.7); UIDs that are gone are left out.

        The destination may be the same mailbox. Raises MailboxMissing for either.
        """
        ...

    async def move(self, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
        """Copy and expunge as one change (RFC 6851). Never both there, never neither."""
        ...

    async def replace(self, mailbox: MailboxId, uid: int, destination: MailboxId, message: NewMessage) -> Appended:
        """Append a message to `destination` and remove the one that it takes the place of, as one change (RFC 8508).

        Never both there, never neither; the new one inherits nothing. The destination may be the same mailbox.
        Raises MessageMissing when the old one is gone (then nothing is stored), and what append() raises.
        """
        ...

    async def restore(
        self, mailbox: MailboxId, uidvalidity: int, messages: Sequence[KeptMessage], uidnext: int = 1, modseq: int = 0
    ) -> Appended:
        r"""Store messages under UIDs that they had before, all or none; may be called again with later UIDs.

        The mailbox must never have had a message, then it takes on `uidvalidity`; or that is its own already. UIDs
        ascend and are not below its UIDNEXT, which becomes `uidnext` at least; those passed over count as vanished.
        `modseq` is the highest that anybody was told of: this change's is greater, so that clients which know the
        mailbox hear of everything since. None of the messages is \Recent. Whoever calls answers for it that no client
        has seen other messages under these UIDs. Raises NotAllowed, LimitReached and what append() raises.
        """
        ...

    async def store_flags(
        self,
        mailbox: MailboxId,
        uids: Sequence[int],
        action: FlagAction,
        names: frozenset[str],
        unchanged_since: int | None = None,
    ) -> Flagged:
        """Change flags (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3). UIDs that are gone are left out.

        A keyword that differs only in case from one the account knows takes the known spelling.
        Raises MailboxMissing, LimitReached (too many or too long keywords), NameInvalid (not an atom).
        """
        ...

    async def expunge(self, mailbox: MailboxId, uids: Sequence[int] | None = None) -> Expunged:
        r"""Remove for good the messages that carry `\Deleted`, of all or of `uids`."""
        ...

    async def claim_recent(self, mailbox: MailboxId) -> int:
        r"""First UID that nobody was told of as \Recent; from now on that is `uidnext`.

        Durable in time, not at once: after a crash some messages may be \Recent again.
        """
        ...

    async def digests(
        self, mailbox: MailboxId, uids: Sequence[int], fields: Sequence[DigestField]
    ) -> Sequence[tuple[bytes, ...] | None]:
        """For each UID its digest fields in the order asked for, or None when it is gone.

        Meant for batches of some hundreds.
        """
        ...

    async def contents(self, mailbox: MailboxId, uids: Sequence[int]) -> Sequence[Content | None]:
        """For each UID its bytes, or None when it is gone. Meant for batches bounded by the caller in bytes."""
        ...

    async def text_candidates(self, mailbox: MailboxId, key: TextKey, uids: Sequence[int]) -> Candidates | None:
        """What the index of texts says of `key` about the ascending `uids`, without reading messages.

        Never leaves out a message that matches as search/evaluate.py has it: what is not indexed yet (mail that
        has just come, or an index that was lost) and UIDs that are gone are in `possible`. None when the
        index can't help with this key. Loses nothing when it is lost. Raises MailboxMissing.
        """
        ...

    async def fuzzy_hits(self, mailbox: MailboxId, key: Fuzzy, uids: Sequence[int]) -> Hits:
        """How well the ascending `uids` match a fuzzy key, by UID, without reading messages.

        What is not indexed yet is in `unread`, in no order; of the others, those that don't have all words are in
        neither, and where a message has all words closely nobody's wrong letters are told. UIDs that are gone may be in
        `unread`. Raises MailboxMissing.
        """
        ...

    async def text_index_state(self) -> TextIndexState:
        """How far the index of texts has come. Takes time that grows with the account; for operators."""
        ...

    async def vanished_since(self, mailbox: MailboxId, modseq: int) -> UidSet:
        """UIDs expunged by changes with a mod-sequence above `modseq` (RFC 7162 section 3.2). May name more
        (never fewer) when that far back is not remembered: then all UIDs below uidnext that are not there."""
        ...

    # --- what was worked out ---------------------------------------------------------------------

    async def recall_answer(self, mailbox: MailboxId, name: str) -> bytes | None:
        """What keep_answer() was given last under that name, if it is still there: who asks must be able to do
        without, and to tell whether it still fits the mailbox."""
        ...

    def keep_answer(self, mailbox: MailboxId, name: str, value: bytes) -> None:
        """Keep what was worked out from a mailbox's messages, for processes to come. Returns at once.

        Not part of the mail: no mod-sequence, no hint, no quota. It goes with the mailbox, with a crash, when
        more than MAX_ANSWERS were kept after it, or when the store can't write. It must not hold texts of messages, for
        it may outlive them.
        """
        ...

    # --- what has left ---------------------------------------------------------------------------

    async def departed(self, since_seconds: int = 0) -> Sequence[Departed]:
        """The messages that left their mailbox since then and are remembered: the earlier gone first, those gone
        together by mailbox and UID. Remembered is what left while StoreLimits.keep_expunged_days was above 0, until
        purge_departed(). It counts in no status and no quota.
        """
        ...

    async def departed_contents(self, mailbox: MailboxId, uids: Sequence[int]) -> Sequence[Content | None]:
        """For each UID of a departed message its bytes; None when it is not remembered, or was moved away and the
        bytes are gone."""
        ...

    async def undelete(self, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
        r"""Put expunged messages of `mailbox` (which may be gone) into `destination`, under new UIDs, with their
        flags, internal dates and save dates as they were, but without `\Deleted`; they are remembered no more.

        UIDs that are not remembered as expunged are left out. Raises MailboxMissing for the destination, OverQuota.
        """
        ...

    async def purge_departed(self, before_seconds: int) -> int:
        """Forget the messages that left before then, and remove their bytes for good. How many it were."""
        ...


class Store(Protocol):
    """Everybody's mail."""

    limits: StoreLimits

    async def open(self, account: AccountId) -> AccountStore:
        """The account's mail; made, with an INBOX and what NewAccount names, when it is opened first. What of that
        the limits don't allow is left out."""
        ...

    async def remove(self, account: AccountId) -> None:
        """Remove all mail of an account. Harmless when there is none."""
        ...

    def stage(self) -> Staged:
        """A place to write an incoming message to."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of everything."""
        ...


__all__ = [
    "NOTHING_MORE",
    "NO_FLAGS",
    "AccountId",
    "AccountStore",
    "Appended",
    "Candidates",
    "Content",
    "Copied",
    "Departed",
    "Departure",
    "DigestField",
    "Expunged",
    "FlagAction",
    "FlagSet",
    "Flagged",
    "Fuzzy",
    "Hits",
    "InternalDate",
    "KeptMessage",
    "Mailbox",
    "MailboxId",
    "MailboxImage",
    "MailboxStatus",
    "NewAccount",
    "NewMessage",
    "Origin",
    "Quota",
    "Staged",
    "Store",
    "StoreLimits",
    "TextIndexState",
    "TextKey",
    "Unwatch",
    "Watcher",
]
