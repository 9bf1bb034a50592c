"""Compares what was brought with the source, message by message: SHA-256 of the bytes, flags, internal date, counts.

Both sides are read anew. Must never: believe a note about a message where the message can be read.
"""

from __future__ import annotations

import hashlib

from pillarbox.store.contract import AccountStore, MailboxImage
from pillarbox.store.digesting import sha256_of
from pillarbox.transfer.batches import LARGE_BYTES, batches
from pillarbox.transfer.checkpoint import Checkpoint, Point
from pillarbox.transfer.progress import Outcome, Progress
from pillarbox.transfer.source import Head, ImapSource, SourceFolder
from pillarbox.transfer.windows import Thread, windows


async def compare_folder(
    source: ImapSource, folder: SourceFolder, point: Point, here: tuple[AccountStore, Checkpoint, Thread],
    told: tuple[Outcome, Progress],
) -> None:  # fmt: skip
    """Adds to the outcome what differs. Raises SourceLost, SourceRefused."""
    mail, checkpoint, thread = here
    outcome, progress = told
    done = outcome.mailboxes[folder.raw_name]
    examined = await thread(source.examine, folder.raw_name)
    image = await mail.image(point.target)
    done.compared = 0
    async for window in windows(source, thread, 1, point.seen_uid):
        pairs, heads = checkpoint.pairs(point, window.low, window.high), window.heads
        for head in heads:
            if head.uid not in pairs:
                outcome.differs(f"{done.source}, UID {head.uid}: is not here")
        for batch in batches([head for head in heads if head.uid in pairs]):
            hashes = await thread(_source_hashes, source, batch)
            contents = await mail.contents(point.target, [pairs[head.uid][0] for head in batch])
            for head, content in zip(batch, contents, strict=True):
                mine = None if content is None else await thread(sha256_of, content.whole())
                if head.uid in hashes:
                    why = _difference(head, hashes[head.uid], mine, image, pairs[head.uid][0])
                    if why:
                        outcome.differs(f"{done.source}, UID {head.uid}: {why}")
            done.compared += len(batch)
            progress.compared(len(batch))
    if checkpoint.count(point) < examined.messages - len(checkpoint.left_out(point)) and not outcome.different:
        outcome.differs(f"{done.source}: {examined.messages} messages there, {checkpoint.count(point)} came")


def _source_hashes(source: ImapSource, batch: list[Head]) -> dict[int, bytes]:
    if len(batch) > 1 or batch[0].size_bytes < LARGE_BYTES:
        bodies = source.bodies([head.uid for head in batch])
        return {uid: hashlib.sha256(body).digest() for uid, body in bodies.items()}
    sha256 = hashlib.sha256()
    for piece in source.pieces(batch[0].uid):
        sha256.update(piece)
    return {batch[0].uid: sha256.digest()}


def _difference(head: Head, theirs: bytes, mine: bytes | None, image: MailboxImage, uid: int) -> str:
    row = image.row_of(uid)
    if mine is None or row < 0:
        return "was expunged here"
    if mine != theirs:
        return "the bytes differ"
    if {flag.lower() for flag in head.flags} != {flag.lower() for flag in image.flags[row].names}:
        return f"flags are ({' '.join(sorted(head.flags))}) there and ({image.flags[row].wire.decode()}) here"
    if head.date is not None and head.date != (image.date_seconds[row], image.date_zones[row]):
        return "the internal dates differ"
    return ""
