"""Messages on their way from one account to another: read there, appended here, batch by batch.

All or nothing for as long as the process lives: what was appended before a batch that fails is removed again. After a
crash some may be there twice; none is ever lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pillarbox.mail.dates import InternalDate
from pillarbox.mail.errors import MailError
from pillarbox.mail.flags import DELETED, FlagAction
from pillarbox.mail.rights import Rights, allowed_flags
from pillarbox.store.contract import (
    AccountStore,
    Content,
    Copied,
    MailboxId,
    MailboxImage,
    NewMessage,
    Staged,
)

_BATCH_MESSAGES: Final = 200
_BATCH_BYTES: Final = 8 * 1024 * 1024
"""Held in memory for a batch; larger messages go through the staging place in pieces."""
_PIECE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Side:
    """A mailbox that messages come from or go to."""

    account: AccountStore
    mailbox: MailboxId
    rights: Rights


Sides = tuple[Side, Side]
"""Where messages come from, and where they go."""


async def carry(sides: Callable[[], Awaitable[Sides]], uids: Sequence[int], stage: Callable[[], Staged]) -> Copied:
    """Copy messages with dates and with the flags that the destination's rights allow. Those that are gone are left
    out. `sides` is asked before each batch, and raises when rights are gone. Raises what append() raises, too, and
    then nothing was copied."""
    source, destination = await sides()
    image = await source.account.image(source.mailbox)
    validity = (await destination.account.status(destination.mailbox)).uidvalidity
    done: list[int] = []
    made: list[int] = []
    modseq = 0
    try:
        for batch in _batches(image, uids):
            source, destination = await sides()
            contents = await source.account.contents(source.mailbox, batch)
            letters: list[tuple[int, NewMessage]] = []
            try:
                for uid, content in zip(batch, contents, strict=True):
                    letter = None if content is None else _letter(image, uid, content, stage)
                    if letter is not None:
                        letters.append((uid, letter))
                messages = [_with_flags(letter, destination.rights) for _, letter in letters]
                appended = await destination.account.append(destination.mailbox, messages)
            finally:
                for _, letter in letters:
                    if not isinstance(letter.content, bytes):
                        letter.content.discard()
            done += [uid for uid, _ in letters]
            made += appended.uids
            modseq = appended.modseq
            await asyncio.sleep(0)  # no waiting: one turn for everybody else
    except BaseException:
        if made:
            with contextlib.suppress(MailError):
                await remove(destination.account, destination.mailbox, made)
        raise
    return Copied(validity, done, made, modseq)


async def remove(account: AccountStore, mailbox: MailboxId, uids: Sequence[int]) -> None:
    """Remove messages for good."""
    await account.store_flags(mailbox, uids, FlagAction.ADD, frozenset({DELETED}))
    await account.expunge(mailbox, uids)


def _batches(image: MailboxImage, uids: Sequence[int]) -> Iterator[list[int]]:
    batch: list[int] = []
    size = 0
    for uid in uids:
        row = image.row_of(uid)
        if row < 0:
            continue
        if batch and (len(batch) >= _BATCH_MESSAGES or size + image.sizes[row] > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(uid)
        size += image.sizes[row]
    if batch:
        yield batch


def _letter(image: MailboxImage, uid: int, content: Content, stage: Callable[[], Staged]) -> NewMessage | None:
    """The message as it is now, ready to be appended; None when it has gone."""
    row = image.row_of(uid)
    if row < 0:
        return None
    date = InternalDate(image.date_seconds[row], image.date_zones[row])
    return NewMessage(_taken(content, stage), date, image.flags[row].names)


def _taken(content: Content, stage: Callable[[], Staged]) -> bytes | Staged:
    if content.size_bytes <= _PIECE_BYTES:
        return bytes(content.read(0, content.size_bytes))
    staged = stage()
    try:
        for start in range(0, content.size_bytes, _PIECE_BYTES):
            staged.write(content.read(start, start + _PIECE_BYTES))
    except BaseException:
        staged.discard()
        raise
    return staged


def _with_flags(letter: NewMessage, rights: Rights) -> NewMessage:
    return NewMessage(letter.content, letter.internal_date, allowed_flags(letter.flags, rights))
