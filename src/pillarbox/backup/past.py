"""Mail that left its mailbox, put back; and a mailbox as it was at a moment.

What is known of a moment is which messages were in a mailbox, not how their flags were then: a message that is still
there has the flags of now, one that left has those of its last moment. Must never: take anything away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from pillarbox.mail.dates import InternalDate
from pillarbox.mail.errors import MailboxMissing
from pillarbox.mail.flags import DELETED
from pillarbox.store.contract import (
    AccountStore,
    Content,
    Departed,
    Departure,
    Mailbox,
    MailboxId,
    NewMessage,
)

BATCH_MESSAGES = 100
BATCH_BYTES = 16 * 1024 * 1024
"""Of messages that are held in memory together; one message may be larger."""


@dataclass(frozen=True, slots=True)
class Member:
    """A message that was in a mailbox at a moment."""

    mailbox: MailboxId
    uid: int
    flags: frozenset[str]
    size_bytes: int
    internal_date: InternalDate
    save_seconds: int
    gone: Departed | None
    """How it left since; None when it is still there."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back into one mailbox."""

    mailbox: str
    made: bool
    """Whether the mailbox had to be made."""
    uids: Sequence[int]


async def members_at(mail: AccountStore, name: str, at_seconds: int) -> list[Member]:
    """The messages of a mailbox at a moment, by UID. Raises MailboxMissing when nothing is known of such a mailbox.

    It is the mailbox that has the name now, with those that had it when something left them.
    """
    now = next((mailbox for mailbox in await mail.mailboxes() if mailbox.name == name), None)
    left = [
        each
        for each in await mail.departed()
        if each.mailbox_name == name or (now is not None and each.mailbox == now.id)
    ]
    if now is None and not left:
        raise MailboxMissing(name)
    present = [] if now is None else await _present(mail, now)
    gone = [_departed_member(each) for each in left if each.gone_seconds > at_seconds]
    members = [member for member in (*present, *gone) if member.save_seconds <= at_seconds]
    return sorted(members, key=lambda member: (member.mailbox, member.uid))


async def restore_members(mail: AccountStore, members: Sequence[Member], into: str) -> tuple[Returned, int]:
    """Copy messages into a new mailbox; how many could not be, since their bytes are gone.

    Raises MailboxExists, NameInvalid, LimitReached, OverQuota.
    """
    made = await mail.create(into)
    uids: list[int] = []
    missing = 0
    for mailbox, some in groupby((member for member in members if member.gone is None), lambda member: member.mailbox):
        copied = await mail.copy(mailbox, [member.uid for member in some], made.id)
        uids.extend(copied.destination_uids)
    for batch in _batches([member for member in members if member.gone is not None]):
        contents = await mail.departed_contents(batch[0].mailbox, [member.uid for member in batch])
        messages = [
            NewMessage(bytes(content.whole()), member.internal_date, member.flags)
            for member, content in zip(batch, contents, strict=True)
            if content is not None
        ]
        missing += len(batch) - len(messages)
        if messages:
            uids.extend((await mail.append(made.id, messages)).uids)
    return Returned(into, True, uids), missing


async def expunged(mail: AccountStore, since_seconds: int, name: str | None) -> list[Departed]:
    """What can be put back: of all mailboxes, or of one by the name it has or had."""
    ids = {mailbox.id for mailbox in await mail.mailboxes() if mailbox.name == name}
    return [
        each
        for each in await mail.departed(since_seconds)
        if each.how is Departure.EXPUNGED and (name is None or each.mailbox_name == name or each.mailbox in ids)
    ]


async def put_back(mail: AccountStore, messages: Sequence[Departed], into: str | None) -> list[Returned]:
    """Put expunged messages back where they were, or all into one mailbox; mailboxes that are gone are made anew.

    Raises NameInvalid, LimitReached, OverQuota, MailboxMissing.
    """
    returned = []
    ordered = sorted(messages, key=lambda each: (each.mailbox, each.uid))
    for mailbox, some in groupby(ordered, lambda each: each.mailbox):
        group = list(some)
        target, made = await _home(mail, group[-1], into)
        copied = await mail.undelete(mailbox, [each.uid for each in group], target.id)
        returned.append(Returned(target.name, made, copied.destination_uids))
    return returned


async def contents_of(mail: AccountStore, messages: Sequence[Departed]) -> list[Content | None]:
    """The bytes of departed messages, in their order."""
    found: dict[tuple[MailboxId, int], Content | None] = {}
    for mailbox in {each.mailbox for each in messages}:
        uids = [each.uid for each in messages if each.mailbox == mailbox]
        contents = await mail.departed_contents(mailbox, uids)
        found.update(((mailbox, uid), content) for uid, content in zip(uids, contents, strict=True))
    return [found[each.mailbox, each.uid] for each in messages]


async def _home(mail: AccountStore, message: Departed, into: str | None) -> tuple[Mailbox, bool]:
    """Where a message goes back to, and whether that was made for it."""
    known = await mail.mailboxes()
    for mailbox in known:
        if into is None and mailbox.id == message.mailbox:
            return mailbox, False
    name = into or message.mailbox_name
    for mailbox in known:
        if mailbox.name == name:
            return mailbox, False
    return await mail.create(name), True


async def _present(mail: AccountStore, mailbox: Mailbox) -> list[Member]:
    image = await mail.image(mailbox.id)
    return [
        Member(
            mailbox.id,
            uid,
            image.flags[row].names,
            image.sizes[row],
            InternalDate(image.date_seconds[row], image.date_zones[row]),
            image.save_seconds[row],
            None,
        )
        for row, uid in enumerate(image.uids)
    ]


def _departed_member(each: Departed) -> Member:
    flags = each.flags.names - {DELETED}
    return Member(each.mailbox, each.uid, flags, each.size_bytes, each.internal_date, each.save_seconds, each)


def _batches(members: Sequence[Member]) -> Iterator[list[Member]]:
    batch: list[Member] = []
    size_bytes = 0
    for member in members:
        size_bytes += member.size_bytes
        full = len(batch) == BATCH_MESSAGES or size_bytes > BATCH_BYTES
        if batch and (full or member.mailbox != batch[0].mailbox):
            yield batch
            batch, size_bytes = [], member.size_bytes
        batch.append(member)
    if batch:
        yield batch
