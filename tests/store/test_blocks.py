"""Blocks: how rows are spread over them."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence

import apsw
import pytest

from pillarbox.store.sqlite.blocks import BLOCK_ROWS, JOIN_ROWS, TAIL_ROWS, Blocks
from pillarbox.store.sqlite.rows import Rows, inverse, mask_of
from pillarbox.store.sqlite.schema import migrate


@pytest.fixture
def blocks() -> Blocks:
    connection = apsw.Connection(":memory:")
    migrate(connection)
    return Blocks(connection)


def rows_for(uids: Sequence[int]) -> Rows:
    zeros = [0] * len(uids)
    return Rows(
        array("I", uids), array("I", zeros), array("Q", [7] * len(uids)), array("q", [uid + 1000 for uid in uids]),
        array("Q", zeros), array("q", zeros), array("h", zeros), array("q", zeros),
    )  # fmt: skip


def lengths(blocks: Blocks, mailbox: int) -> list[int]:
    return [len(block.uids) for block in blocks.all(mailbox)]


def content(blocks: Blocks, mailbox: int) -> list[tuple[int, int]]:
    found = []
    for block in blocks.all(mailbox):
        rows = blocks.rows(block)
        found += list(zip(rows.uids, rows.contents, strict=True))
    return found


def take(blocks: Blocks, mailbox: int, uids: Sequence[int]) -> list[int]:
    taken = []
    for block, chosen in blocks.holding(mailbox, uids):
        taken += [block.uids[row] for row in chosen]
        rows = blocks.rows(block)
        blocks.shrink(block, rows.where(inverse(mask_of(chosen, len(rows)))))
    return taken


def test_single_arrivals_fill_blocks_of_nearly_full_size(blocks: Blocks) -> None:
    for uid in range(1, 2001):
        blocks.append(3, rows_for([uid]))
    spread = lengths(blocks, 3)
    assert sum(spread) == 2000
    assert max(spread) <= BLOCK_ROWS
    assert len(spread) <= 6
    assert content(blocks, 3) == [(uid, uid + 1000) for uid in range(1, 2001)]


def test_many_arrivals_at_once_are_cut_into_blocks(blocks: Blocks) -> None:
    blocks.append(3, rows_for(range(1, 11)))
    blocks.append(3, rows_for(range(11, 1500)))
    assert lengths(blocks, 3) == [512, 512, 475]


def test_a_full_tail_is_joined_to_the_block_before_it(blocks: Blocks) -> None:
    blocks.append(3, rows_for(range(1, TAIL_ROWS + 1)))
    blocks.append(3, rows_for(range(100, 100 + TAIL_ROWS)))
    blocks.append(3, rows_for([500]))
    assert lengths(blocks, 3) == [2 * TAIL_ROWS, 1]


def test_small_neighbours_are_joined_after_an_expunge(blocks: Blocks) -> None:
    blocks.append(3, rows_for(range(1, 1025)))
    assert take(blocks, 3, range(101, 1000)) == list(range(101, 1000))
    assert lengths(blocks, 3) == [125]
    assert content(blocks, 3)[99:102] == [(100, 1100), (1000, 2000), (1001, 2001)]
    assert JOIN_ROWS < BLOCK_ROWS


def test_an_emptied_block_goes(blocks: Blocks) -> None:
    blocks.append(3, rows_for(range(1, 1025)))
    take(blocks, 3, range(1, 513))
    assert lengths(blocks, 3) == [512]


def test_mailboxes_do_not_reach_into_each_other(blocks: Blocks) -> None:
    for mailbox in (2, 3, 4):
        blocks.append(mailbox, rows_for(range(5, 10)))
    assert take(blocks, 3, [1, 2, 6, 2**32 - 1, 2**40]) == [6]
    assert take(blocks, 3, range(1, 100)) == [5, 7, 8, 9]
    assert take(blocks, 3, range(1, 100)) == []
    assert (lengths(blocks, 2), lengths(blocks, 3), lengths(blocks, 4)) == ([5], [], [5])
    blocks.remove_all(2)
    assert (lengths(blocks, 2), lengths(blocks, 4)) == ([], [5])


@pytest.mark.parametrize("seed", range(8))
def test_random_adding_and_taking_equals_a_list(blocks: Blocks, seed: int) -> None:
    dice = random.Random(seed)
    expected: list[int] = []
    uid = 1
    for _ in range(120):
        if dice.random() < 0.6:
            count = dice.choice([1, 1, 1, 3, 31, 600])
            blocks.append(3, rows_for(range(uid, uid + count)))
            expected += range(uid, uid + count)
            uid += count + dice.choice([0, 0, 5])
        else:
            low = dice.randrange(uid)
            wanted = range(low, low + dice.choice([1, 20, 400, 3000]), dice.choice([1, 1, 2, 7]))
            gone = set(wanted)
            assert take(blocks, 3, wanted) == [one for one in expected if one in gone]
            expected = [one for one in expected if one not in gone]
        assert content(blocks, 3) == [(one, one + 1000) for one in expected]
        since = dice.randrange(uid + 1)
        assert blocks.count_from(3, since) == sum(one >= since for one in expected)
        assert blocks.everything(3).uids.tolist() == expected
