"""Mail out of a backup into an account that is in use: all of it, one mailbox, or single messages.

A mailbox that is not there comes back whole, with its UIDs. Into one that is there, only messages come that it does
not have (the same bytes), under new UIDs. Must never: take anything away or change what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pillarbox.backup.laying import passed_over
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.errors import LimitReached, MailboxMissing
from pillarbox.mime.fields import field_values
from pillarbox.mime.message_ids import message_ids
from pillarbox.store.contract import (
    AccountStore,
    DigestField,
    KeptMessage,
    Mailbox,
    MailboxImage,
    NewMessage,
)

_BATCH_MESSAGES = 100
_BATCH_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Brought:
    """What came back into one mailbox."""

    mailbox: str
    made: bool
    """It was not there, and has its UIDs."""
    messages: int
    there_already: int


async def bring_account(kept: AccountStore, mail: AccountStore, advance: Callable[[int], None]) -> list[Brought]:
    """All mailboxes, subscriptions, and properties that the account has not. Raises LimitReached, OverQuota."""
    brought = [await bring_mailbox(kept, box, mail, advance) for box in await kept.mailboxes()]
    for name in sorted(await kept.subscriptions() - await mail.subscriptions()):
        await mail.subscribe(name)
    theirs, mine = await kept.properties(None), await mail.properties(None)
    await mail.set_properties(None, {name: value for name, value in theirs.items() if name not in mine})
    return brought


async def bring_mailbox(
    kept: AccountStore, box: Mailbox, mail: AccountStore, advance: Callable[[int], None]
) -> Brought:
    """One mailbox. Raises LimitReached, OverQuota, NameInvalid."""
    there = next((mailbox for mailbox in await mail.mailboxes() if mailbox.name == box.name), None)
    image = await kept.image(box.id)
    if there is None:
        return await _bring_whole(kept, image, mail, advance)
    if await _never_had_mail(mail, there) and image.uids:
        return await _restore_into(kept, image, (mail, there), advance)
    return await bring_messages(kept, box, mail, list(image.uids), advance)


async def bring_messages(
    kept: AccountStore, box: Mailbox, mail: AccountStore, uids: Sequence[int], advance: Callable[[int], None]
) -> Brought:
    """Messages of a mailbox that the one of that name has not, under new UIDs. Raises as bring_mailbox()."""
    there = next((mailbox for mailbox in await mail.mailboxes() if mailbox.name == box.name), None)
    target = there or await mail.create(box.name, box.special_use)
    image = await kept.image(box.id)
    known = await _email_ids(mail, await mail.image(target.id))
    count = 0
    for batch in _batches(image, uids):
        ids = await kept.digests(box.id, batch, [DigestField.EMAIL_ID])
        missing = [uid for uid, found in zip(batch, ids, strict=True) if found is not None and found[0] not in known]
        messages = [message.message for message in await _read(kept, image, missing)]
        await mail.append(target.id, messages)
        count += len(messages)
        advance(sum(image.sizes[image.row_of(uid)] for uid in batch))
    return Brought(box.name, there is None, count, len(uids) - count)


async def uids_with(kept: AccountStore, box: Mailbox, ids: Sequence[str]) -> list[int]:
    """The UIDs of the messages of a mailbox with one of these Message-IDs."""
    wanted = {each.strip().strip("<>").encode() for each in ids}
    image = await kept.image(box.id)
    found = []
    for batch in _batches(image, list(image.uids)):
        headers = await kept.digests(box.id, batch, [DigestField.HEADER])
        for uid, header in zip(batch, headers, strict=True):
            if header and not wanted.isdisjoint(message_ids(b" ".join(field_values(header[0], b"message-id")))):
                found.append(uid)
    return found


async def mailbox_named(kept: AccountStore, name: str) -> Mailbox:
    """Raises MailboxMissing."""
    for mailbox in await kept.mailboxes():
        if mailbox.name == name or (mailbox.name == "INBOX" and name.upper() == "INBOX"):
            return mailbox
    raise MailboxMissing(name)


async def _bring_whole(
    kept: AccountStore, image: MailboxImage, mail: AccountStore, advance: Callable[[int], None]
) -> Brought:
    made = await mail.create(image.mailbox.name, image.mailbox.special_use)
    brought = await _restore_into(kept, image, (mail, made), advance)
    return Brought(brought.mailbox, True, brought.messages, 0)


async def _restore_into(
    kept: AccountStore, image: MailboxImage, target: tuple[AccountStore, Mailbox], advance: Callable[[int], None]
) -> Brought:
    mail, box = target
    uids, uidvalidity = list(image.uids), image.mailbox.uidvalidity
    modseq = image.highest_modseq
    for batch in _batches(image, uids):
        await mail.restore(box.id, uidvalidity, await _read(kept, image, batch), 1, modseq)
        advance(sum(image.sizes[image.row_of(uid)] for uid in batch))
    await mail.restore(box.id, uidvalidity, (), passed_over(image.uidnext), modseq)
    properties = await kept.properties(image.mailbox.id)
    if properties:
        await mail.set_properties(box.id, dict(properties))
    return Brought(box.name, False, len(uids), 0)


async def _never_had_mail(mail: AccountStore, mailbox: Mailbox) -> bool:
    return (await mail.status(mailbox.id)).uidnext == 1


async def _email_ids(mail: AccountStore, image: MailboxImage) -> set[bytes]:
    known: set[bytes] = set()
    for batch in _batches(image, list(image.uids)):
        ids = await mail.digests(image.mailbox.id, batch, [DigestField.EMAIL_ID])
        known.update(found[0] for found in ids if found is not None)
    return known


async def _read(kept: AccountStore, image: MailboxImage, uids: Sequence[int]) -> list[KeptMessage]:
    messages = []
    for uid, content in zip(uids, await kept.contents(image.mailbox.id, uids), strict=True):
        if content is None:
            raise LimitReached("a message of the backup can't be read; look with: pillarbox backup verify")
        row = image.row_of(uid)
        date = InternalDate(image.date_seconds[row], image.date_zones[row])
        message = NewMessage(bytes(content.whole()), date, image.flags[row].names)
        messages.append(KeptMessage(uid, message, image.save_seconds[row]))
    return messages


def _batches(image: MailboxImage, uids: Sequence[int]) -> Iterator[list[int]]:
    batch: list[int] = []
    size_bytes = 0
    for uid in uids:
        more = image.sizes[image.row_of(uid)]
        if batch and (len(batch) == _BATCH_MESSAGES or size_bytes + more > _BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(uid)
        size_bytes += more
    if batch:
        yield batch
