"""Orders and threads of whole mailboxes: worked out once, remembered with the image, and kept for processes to come.

What is kept says of which messages it is (a hash of UIDVALIDITY and all UIDs), so it fits or it is nothing; one of
fewer messages than there are now is where a new order begins. Numbers only: no text of a message is in it.

Must never: trust what was kept without that hash.
"""

from __future__ import annotations

import hashlib
import struct
import unicodedata
from array import array
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from pillarbox.imap.sort_table import Facet, SortTable, sort_table, table_of
from pillarbox.store.contract import AccountStore, MailboxImage

R = TypeVar("R")

KEPT_FROM: Final = 1_000
"""Messages: fewer are read and ordered in some milliseconds."""

_FORMAT: Final = b"1 " + unicodedata.unidata_version.encode("ascii")
"""To be changed with anything that changes an order or threads, or how they are packed."""
_HEAD: Final = struct.Struct("<I16s")


@dataclass(frozen=True, slots=True)
class Question(Generic[R]):
    """Something that can be worked out from all messages of a mailbox."""

    name: str
    facets: Collection[Facet]
    """The columns that it takes."""
    work: Callable[[SortTable, int, R | None], R]
    """From the first so many rows of a table, and what was found for fewer of them."""
    pack: Callable[[R], bytes]
    unpack: Callable[[bytes], R]


async def known_answer(account: AccountStore, image: MailboxImage, question: Question[R]) -> R | None:
    """The answer for all rows that the image has when it returns, if nothing needs to be worked out for it."""
    table = table_of(image)
    if table.known(question.name)[0] < 0 and question.name not in table.asked and len(image.uids) >= KEPT_FROM:
        table.asked.add(question.name)
        value = await account.recall_answer(image.mailbox.id, question.name)
        count = _fits(value, image) if value else 0
        table = table_of(image)
        if value and count and table.known(question.name)[0] < 0:
            table.learn(question.name, count, question.unpack(value[_HEAD.size :]))
    known, answer = table.known(question.name)
    if known != len(image.uids):
        return None
    table.learn(question.name, known, answer)  # it is in use
    result: R = answer
    return result


async def answer_of(account: AccountStore, image: MailboxImage, question: Question[R]) -> R:
    """The answer for all rows that the image had at some time since it was asked; worked out when nobody knows it."""
    answer = await known_answer(account, image, question)
    if answer is not None:
        return answer
    table = await sort_table(account, image, question.facets)
    count, (_, before) = len(image.uids), table.known(question.name)
    answer = await table.worked_out(question.name, count, lambda: question.work(table, count, before))
    if count >= KEPT_FROM and table.uids is image.uids and not image.deleted:
        head = _HEAD.pack(count, _hash(image, count))
        account.keep_answer(image.mailbox.id, question.name, head + question.pack(answer))
    return answer


def _fits(value: bytes, image: MailboxImage) -> int:
    """Of how many rows it is, if they are those of the image; else 0."""
    count, hashed = _HEAD.unpack_from(value)
    return int(count) if count <= len(image.uids) and hashed == _hash(image, count) else 0


def _hash(image: MailboxImage, count: int) -> bytes:
    uids: array[int] = image.uids[:count]
    key = b"%b %d" % (_FORMAT, image.mailbox.uidvalidity)
    return hashlib.blake2b(uids.tobytes(), digest_size=16, key=key).digest()
