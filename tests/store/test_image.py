"""The shared image by itself: its journal, and vanishing in many pieces."""

from __future__ import annotations

from array import array

from pillarbox.mail.flags import NO_FLAGS
from pillarbox.store.contract import Mailbox, MailboxId
from pillarbox.store.image import JOURNAL_UIDS, Arrivals, SharedImage

BOX = Mailbox(MailboxId(1), "INBOX", 1)


def image_of(count: int) -> SharedImage:
    image = SharedImage(BOX)
    add(image, count, 1)
    return image


def add(image: SharedImage, count: int, modseq: int) -> None:
    first = image.uidnext
    zeros = [0] * count
    image.extend(
        Arrivals(
            [NO_FLAGS] * count, array("I", range(first, first + count)), array("Q", [modseq] * count),
            array("q", range(first, first + count)), array("Q", zeros), array("q", zeros), array("h", zeros),
            array("q", zeros),
        )
    )  # fmt: skip
    image.settle(BOX, first + count, modseq, ())


def change(image: SharedImage, row: int, modseq: int) -> None:
    image.overwrite(row, [NO_FLAGS], array("Q", [modseq]))
    image.settle(BOX, image.uidnext, modseq, ())


def test_changes_older_than_the_journal_are_found_by_looking_at_all() -> None:
    image = image_of(20_000)
    for step in range(JOURNAL_UIDS + 500):
        change(image, step, step + 2)
    last = image.highest_modseq
    for since in (0, 1, 2, 300, last - 5, last - 1, last, last + 1):
        assert list(image.changed_since(since)) == [row for row, at in enumerate(image.modseqs) if at > since]
    assert image._journal_uids <= JOURNAL_UIDS


def test_a_change_of_very_many_is_not_kept_in_the_journal() -> None:
    image = image_of(20_000)
    image.overwrite(0, [NO_FLAGS] * 20_000, array("Q", [2]) * 20_000)
    image.settle(BOX, image.uidnext, 2, ())
    assert image._journal_uids == 0
    assert list(image.changed_since(1)) == list(range(20_000))
    change(image, 7, 3)
    assert list(image.changed_since(2)) == [7]


def test_rows_of_the_journal_follow_what_vanishes() -> None:
    image = image_of(100)
    change(image, 50, 2)
    change(image, 60, 3)
    image.vanish([(1, 10), (61, 61)])
    image.settle(BOX, image.uidnext, 4, ())
    assert [image.uids[row] for row in image.changed_since(1)] == [51]


def test_loading_anew_leaves_the_columns_of_before_alone_and_knows_what_changed() -> None:
    image = image_of(100)
    before = image.uids
    rows = Arrivals()
    for uid in range(2, 101, 2):
        for column in (rows.uids, rows.contents, rows.sizes, rows.date_seconds, rows.date_zones, rows.save_seconds):
            column.append(uid)
        rows.modseqs.append(7 if uid == 50 else 1)
        rows.flags.append(NO_FLAGS)
    image.load(rows)
    image.settle(BOX, image.uidnext, 7, ())
    assert image.uids is not before
    assert len(before) == 100
    assert image.uids.tolist() == image.contents.tolist() == list(range(2, 101, 2))
    assert [image.uids[row] for row in image.changed_since(1)] == [50]
    assert list(image.changed_since(7)) == []


def test_the_span_of_changes_holds_all_that_differ_and_no_more() -> None:
    image = image_of(100)
    for rows in ([], [0], [99], [10, 12], [0, 99]):
        modseqs = image.modseqs[:]
        for row in rows:
            modseqs[row] = 9
        assert image.span_of_changes(0, modseqs) == ((rows[0], rows[-1] + 1) if rows else (0, 0))
        assert image.span_of_changes(5, modseqs[5:11]) == ((5, 6) if 10 in rows else (0, 0))


def test_vanishing_works_in_one_piece_and_in_very_many() -> None:
    for ranges in ([(5, 9_000)], [(uid, uid) for uid in range(1, 10_001, 2)], [(1, 10_000)], [(9_999, 20_000)]):
        image = image_of(10_000)
        before = image.uids
        image.vanish(ranges)
        expected = [uid for uid in range(1, 10_001) if not any(low <= uid <= high for low, high in ranges[:2])]
        if len(ranges) > 2:
            expected = list(range(2, 10_001, 2))
        assert image.uids.tolist() == expected
        assert image.contents.tolist() == expected
        assert len(image.flags) == len(image.date_zones) == len(expected)
        assert len(before) == 10_000


def test_vanishing_of_what_is_not_there_changes_nothing() -> None:
    image = image_of(10)
    before = image.uids
    image.vanish([(11, 20)])
    assert image.uids is before
