"""Changes to messages, as functions over a transaction: append, copy, move, flags, expunge, recent.

RFC 9051 sections 6.3.12 and 6.4.3 to 6.4.9, RFC 7162, RFC 6851. Must never: look at anything that was read
before the transaction began.
"""

from __future__ import annotations

import contextlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pillarbox.mail.errors import LimitReached, MessageMissing
from pillarbox.mail.flags import DELETED, SEEN, FlagAction, apply_flags, flag_set
from pillarbox.mail.uids import UidSet
from pillarbox.store.contract import Appended, Copied, Departure, Expunged, Flagged, KeptMessage, MailboxId
from pillarbox.store.restoring import check_restore
from pillarbox.store.sqlite.blocks import Block
from pillarbox.store.sqlite.contents import Ready
from pillarbox.store.sqlite.departed import remember
from pillarbox.store.sqlite.rows import MODSEQS, SECONDS, Rows, inverse, mask_of, pack
from pillarbox.store.sqlite.transaction import MailboxRow, Transaction

_MAX_OCTET: Final = 255
_FEW: Final = 16


def append(transaction: Transaction, mailbox: MailboxId, messages: Sequence[Ready]) -> Appended:
    """contract.AccountStore.append"""
    row = transaction.mailbox(mailbox)
    new = _incoming(transaction, messages)
    uids = _add(transaction, row, new, len(messages))
    return Appended(row.uidvalidity, uids, row.highest_modseq)


def restore(
    transaction: Transaction,
    mailbox: MailboxId,
    uidvalidity: int,
    kept: Sequence[KeptMessage],
    counters: tuple[int, int],
    messages: Sequence[Ready],
) -> Appended:
    """contract.AccountStore.restore; `messages` are those of `kept`, `counters` its uidnext and modseq"""
    row = transaction.mailbox(mailbox)
    uids = [each.uid for each in kept]
    uidnext, gaps = check_restore((row.uidvalidity, row.uidnext), uidvalidity, uids, *counters)
    transaction.lift(counters[1], uidvalidity)
    modseq = transaction.stamp(row)
    row.uidvalidity, row.uidnext, row.first_recent_uid = uidvalidity, uidnext, uidnext
    if messages:
        new = _incoming(transaction, messages)
        now = transaction.now_seconds()
        new.uids = array("I", uids)
        new.modseqs = array(MODSEQS, [modseq]) * len(uids)
        new.save_seconds = array(SECONDS, [now if each.save_seconds is None else each.save_seconds for each in kept])
        transaction.blocks.append(row.id, new)
        transaction.count(row, new, 1)
    if gaps:
        transaction.log_vanished(row, _packed(gaps))
    return Appended(uidvalidity, uids, modseq)


def copy(transaction: Transaction, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
    """contract.AccountStore.copy"""
    source, target = transaction.mailbox(mailbox), transaction.mailbox(destination)
    picked = Rows()
    for block, chosen in transaction.blocks.holding(source.id, _ascending(uids)):
        rows = transaction.blocks.rows(block)
        picked.extend(rows if len(chosen) == len(rows) else rows.where(mask_of(chosen, len(rows))))
    transaction.contents.share(picked.contents)
    return _put(transaction, source, target, picked)


def move(transaction: Transaction, mailbox: MailboxId, uids: Sequence[int], destination: MailboxId) -> Copied:
    """contract.AccountStore.move"""
    source, target = transaction.mailbox(mailbox), transaction.mailbox(destination)
    taken = Rows()
    for block, chosen in transaction.blocks.holding(source.id, _ascending(uids)):
        taken.extend(_take(transaction, block, chosen))
    _log_taken(transaction, source, taken)
    remember(transaction, source, taken, Departure.MOVED)
    return _put(transaction, source, target, taken)


def replace(
    transaction: Transaction, mailbox: MailboxId, uid: int, destination: MailboxId, messages: Sequence[Ready]
) -> Appended:
    """contract.AccountStore.replace"""
    source = transaction.mailbox(mailbox)
    transaction.mailbox(destination)
    taken = Rows()
    for block, chosen in transaction.blocks.holding(source.id, _ascending([uid])):
        taken.extend(_take(transaction, block, chosen))
    if not taken:
        raise MessageMissing
    _log_taken(transaction, source, taken)
    appended = append(transaction, destination, messages)
    remember(transaction, source, taken, Departure.EXPUNGED)
    return appended


def store_flags(
    transaction: Transaction,
    mailbox: MailboxId,
    uids: Sequence[int],
    action: FlagAction,
    names: frozenset[str],
    unchanged_since: int | None,
) -> Flagged:
    """contract.AccountStore.store_flags"""
    row = transaction.mailbox(mailbox)
    if action is FlagAction.REMOVE:
        spelled = transaction.spell_known(names)
    else:
        spelled = transaction.spell(names)
    changed: list[int] = []
    refused: list[int] = []
    before = 0
    for block, chosen in transaction.blocks.holding(row.id, _ascending(uids)):
        if unchanged_since is not None:
            late = [at for at in chosen if block.modseqs[at] > unchanged_since]
            refused.extend(block.uids[at] for at in late)
            if late:
                chosen = sorted(set(chosen).difference(late))
        whole = len(chosen) == len(block.uids)
        numbers = set(block.flags) if whole else {block.flags[at] for at in chosen}
        targets = _targets(transaction, numbers, action, spelled)
        if not whole or any(number == target for number, target in targets.items()):
            chosen = [at for at in chosen if targets[block.flags[at]] != block.flags[at]]
        if chosen:
            whole = len(chosen) == len(block.uids)
            before = max(before, max(block.modseqs if whole else map(block.modseqs.__getitem__, chosen)))
            changed.extend(_mark(transaction, row, block, chosen, targets))
    return Flagged(row.highest_modseq, changed, refused, before)


def expunge(transaction: Transaction, mailbox: MailboxId, uids: Sequence[int] | None) -> Expunged:
    """contract.AccountStore.expunge"""
    row = transaction.mailbox(mailbox)
    taken = Rows()
    if row.deleted:
        blocks = transaction.blocks
        found = (
            ((block, range(len(block.uids))) for block in blocks.all(row.id))
            if uids is None
            else blocks.holding(row.id, _ascending(uids))
        )
        for block, chosen in found:
            numbers = {number for number in set(block.flags) if DELETED in transaction.flagsets[number]}
            if going := [at for at in chosen if block.flags[at] in numbers]:
                taken.extend(_take(transaction, block, going))
        _log_taken(transaction, row, taken)
        remember(transaction, row, taken, Departure.EXPUNGED)
    return Expunged(taken.uids, row.highest_modseq)


def move_all(transaction: Transaction, source: MailboxRow, target: MailboxRow) -> None:
    """Move every message (RENAME of INBOX)."""
    taken = Rows()
    for block in transaction.blocks.all(source.id):
        taken.extend(transaction.blocks.rows(block))
    transaction.blocks.remove_all(source.id)
    _log_taken(transaction, source, taken)
    remember(transaction, source, taken, Departure.MOVED)
    _put(transaction, source, target, taken)


def claim_recent(transaction: Transaction, mailbox: MailboxId) -> int:
    """contract.AccountStore.claim_recent"""
    row = transaction.mailbox(mailbox)
    first, row.first_recent_uid = row.first_recent_uid, row.uidnext
    return first


def _incoming(transaction: Transaction, messages: Sequence[Ready]) -> Rows:
    """Rows for messages that come in; what _add() gives is not there yet."""
    new = Rows()
    numbers: dict[tuple[frozenset[str], frozenset[str]], int] = {}
    for message in messages:
        given = message.flags, message.mark
        number = numbers.get(given)
        if number is None:
            number = numbers[given] = transaction.flagsets.number_of(flag_set(_spelled(transaction, message)))
        new.flags.append(number)
        new.sizes.append(message.size_bytes)
        new.date_seconds.append(message.date.epoch_seconds)
        new.date_zones.append(message.date.zone_minutes)
    new.contents.extend(transaction.contents.add(messages))
    return new


def _spelled(transaction: Transaction, message: Ready) -> frozenset[str]:
    if message.mark:
        with contextlib.suppress(LimitReached):  # a full list of keywords keeps no mail out
            return transaction.spell(message.flags | message.mark)
    return transaction.spell(message.flags)


def _ascending(uids: Sequence[int]) -> Sequence[int]:
    """Ascending, none below 1; some may come twice."""
    if isinstance(uids, range) and uids.start > 0 and uids.step > 0:
        return uids
    ordered: Sequence[int] = sorted(uids)
    if isinstance(uids, array):
        ordered = array(uids.typecode, ordered)  # compared with blocks as octets
    return ordered if not ordered or ordered[0] > 0 else [uid for uid in ordered if uid > 0]


def _targets(
    transaction: Transaction, numbers: Iterable[int], action: FlagAction, names: frozenset[str]
) -> dict[int, int]:
    """Number of each flag set -> number of what it becomes."""
    flagsets = transaction.flagsets
    return {number: flagsets.number_of(apply_flags(flagsets[number], action, names)) for number in numbers}


def _mark(
    transaction: Transaction, row: MailboxRow, block: Block, changing: Sequence[int], targets: dict[int, int]
) -> Sequence[int]:
    """Give the rows `changing` of a block their new flags and the change's mod-sequence; their UIDs."""
    modseq = transaction.stamp(row)
    flagsets = transaction.flagsets
    sizes = None
    whole = len(changing) == len(block.uids)
    numbers = block.flags.tolist() if whole else [block.flags[at] for at in changing]
    targeted, counts = _renumbered(numbers, targets)
    for number, count in counts.items():
        old, new = flagsets[number], flagsets[targets[number]]
        row.unseen += count * ((SEEN in old) - (SEEN in new))
        if (DELETED in old) != (DELETED in new):
            sign = (DELETED in new) - (DELETED in old)
            sizes = sizes or transaction.blocks.sizes(block)
            row.deleted += count * sign
            row.deleted_bytes += sign * sum(sizes[at] for at in changing if block.flags[at] == number)
    if whole:
        block.flags = array(block.flags.typecode, targeted)
        block.modseqs = array(MODSEQS, [modseq]) * len(changing)
    else:
        for at, target in zip(changing, targeted, strict=True):
            block.flags[at] = target
            block.modseqs[at] = modseq
    transaction.blocks.save_marks(block, modseq)
    return block.uids if whole else [block.uids[at] for at in changing]


def _renumbered(numbers: list[int], targets: dict[int, int]) -> tuple[list[int], Mapping[int, int]]:
    """What each number becomes, and how many there are of each. Many numbers below 256, as nearly all are, as octets:
    five times as quick."""
    if len(numbers) < _FEW or max(targets) > _MAX_OCTET or max(targets.values()) > _MAX_OCTET:
        return list(map(targets.__getitem__, numbers)), Counter(numbers)
    octets, table = bytes(numbers), bytearray(_MAX_OCTET + 1)
    for number, target in targets.items():
        table[number] = target
    return list(octets.translate(table)), {number: octets.count(number) for number in set(octets)}


def _take(transaction: Transaction, block: Block, chosen: Sequence[int]) -> Rows:
    """Take rows out of their block."""
    rows = transaction.blocks.rows(block)
    if len(chosen) == len(rows):
        transaction.blocks.shrink(block, Rows())
        return rows
    mask = mask_of(chosen, len(rows))
    transaction.blocks.shrink(block, rows.where(inverse(mask)))
    return rows.where(mask)


def _log_taken(transaction: Transaction, row: MailboxRow, taken: Rows) -> None:
    if taken:
        transaction.count(row, taken, -1)
        transaction.log_vanished(row, _packed(UidSet.of(taken.uids)))


def _packed(uids: UidSet) -> bytes:
    return pack(array("I", [end for pair in uids.ranges for end in pair]))


def _put(transaction: Transaction, source: MailboxRow, target: MailboxRow, rows: Rows) -> Copied:
    """Add rows of `source`, which keep flags, dates and bytes, to `target`."""
    if not rows:
        return Copied(target.uidvalidity, (), (), source.highest_modseq)
    source_uids = rows.uids
    uids = _add(transaction, target, rows, len(rows))
    return Copied(target.uidvalidity, source_uids, uids, target.highest_modseq)


def _add(transaction: Transaction, target: MailboxRow, rows: Rows, count: int) -> Sequence[int]:
    """Give rows their place in a mailbox: UIDs, mod-sequence and save date; the UIDs."""
    if not count:
        return ()
    uids = target.give_uids(count)
    rows.uids = uids[:]
    rows.modseqs = array(MODSEQS, [transaction.stamp(target)]) * count
    rows.save_seconds = array(SECONDS, [transaction.now_seconds()]) * count
    transaction.blocks.append(target.id, rows)
    transaction.count(target, rows, 1)
    return uids
