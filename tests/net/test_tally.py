"""Counting over several processes."""

from __future__ import annotations

import os

from pillarbox.net.tally import AccountLimit, Share, Tally, own_share


def test_processes_count_together_and_a_dead_one_counts_no_more() -> None:
    tally = Tally(4)
    mine, childs = tally.claim(), tally.claim()
    tally.add(mine, b"192.0.2.1")
    child = os.fork()
    if not child:
        tally.add(childs, b"192.0.2.1")
        tally.add(childs, b"192.0.2.1")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert tally.count(b"192.0.2.1") == 3
    tally.wipe(childs)
    assert tally.count(b"192.0.2.1") == 1


def test_a_wiped_row_is_given_to_the_next_process() -> None:
    tally = Tally(2)
    first, second = tally.claim(), tally.claim()
    assert first != second
    tally.wipe(first)
    assert tally.claim() == first


def test_taking_what_is_not_there_leaves_nothing_below_zero() -> None:
    share = own_share()
    share.take(b"a")
    share.add(b"a")
    assert share.count(b"a") == 1


def test_kinds_are_counted_apart() -> None:
    tally = Tally()
    one, other = Share(tally, 0, b"imap "), Share(tally, 0, b"user ")
    one.add(b"x")
    assert (one.count(b"x"), other.count(b"x")) == (1, 0)


def test_an_account_has_so_many_and_one_that_leaves_makes_room() -> None:
    limit = AccountLimit(own_share(), 2)
    assert [limit.arrive("alice"), limit.arrive("alice"), limit.arrive("alice")] == [True, True, False]
    limit.depart("alice")
    assert [limit.arrive("alice"), limit.arrive("bob")] == [True, True]
