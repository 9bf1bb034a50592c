"""Tells by their bytes which messages are here already.

A message's hash is what its EMAILID is made of (store/digesting.py): 20 bytes of SHA-256.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pillarbox.store.contract import AccountStore, DigestField, MailboxId

_AT_ONCE: Final = 500


async def hashes_of(mail: AccountStore, mailbox: MailboxId, uids: Sequence[int]) -> dict[int, bytes]:
    """UID -> hash; UIDs that are gone are left out. Reads no message."""
    found = {}
    for at in range(0, len(uids), _AT_ONCE):
        part = uids[at : at + _AT_ONCE]
        for uid, digest in zip(part, await mail.digests(mailbox, part, (DigestField.EMAIL_ID,)), strict=True):
            if digest is not None:
                found[uid] = bytes.fromhex(digest[0][1:].decode("ascii"))
    return found


def find_batch(batch: Sequence[bytes], uids: Sequence[int], hashes: Mapping[int, bytes]) -> int | None:
    """The UID of the first message of a batch that one change stored, or None when it was not stored.

    `batch` has its hashes in order, `uids` (ascending) is what is there from the UIDNEXT before it on. A batch has
    consecutive UIDs; some of it may have been expunged since, and others may have stored messages before and after.
    """
    places: dict[bytes, list[int]] = {}
    for at, hash in enumerate(batch):
        places.setdefault(hash, []).append(at)
    for uid in uids:
        for at in places.get(hashes.get(uid, b""), ()):
            first = uid - at
            if all(hashes.get(first + other, hash) == hash for other, hash in enumerate(batch)):
                return first
    return None
