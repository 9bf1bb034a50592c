"""The books of the crash test see what they are there to see: each kind of broken promise, made up."""

from __future__ import annotations

import pytest

from tests.crash.ledger import Append, Copy, History, Ledger, MailboxSeen, MoveTo, Operation

ONE, TWO = Copy("c-1"), Copy("c-2", frozenset({"\\Seen"}))


def ledger(in_flight: Operation | None = None) -> Ledger:
    return Ledger("c", held={("INBOX", 1): ONE, ("INBOX", 2): TWO}, in_flight=in_flight)


def world(inbox: dict[int, Copy], archive: dict[int, Copy] | None = None) -> dict[str, MailboxSeen]:
    return {"INBOX": MailboxSeen(7, 3, inbox), "Archive": MailboxSeen(8, 1, archive or {})}


FLOORS = {"INBOX": 3, "Archive": 1}


@pytest.mark.parametrize(
    ("in_flight", "inbox", "archive"),
    [
        (None, {1: ONE, 2: TWO}, {}),
        (Append("INBOX", (Copy("c-3"),)), {1: ONE, 2: TWO}, {}),
        (Append("INBOX", (Copy("c-3"),)), {1: ONE, 2: TWO, 3: Copy("c-3")}, {}),
        (MoveTo("INBOX", (1, 2), "Archive"), {1: ONE, 2: TWO}, {}),
        (MoveTo("INBOX", (1, 2), "Archive"), {}, {1: ONE, 2: TWO}),
        (None, {1: ONE, 2: TWO, 9: Copy("other-1")}, {}),
    ],
)
def test_promises_kept_are_no_violation(
    in_flight: Operation | None, inbox: dict[int, Copy], archive: dict[int, Copy]
) -> None:
    assert ledger(in_flight).settle(world(inbox, archive), frozenset(), FLOORS) == []


@pytest.mark.parametrize(
    ("in_flight", "inbox", "archive", "word"),
    [
        (None, {1: ONE}, {}, "lost"),
        (None, {1: ONE, 2: Copy("c-2")}, {}, "should be"),
        (None, {1: ONE, 2: TWO, 3: ONE}, {}, "twice"),
        (None, {1: ONE, 2: TWO}, {1: ONE}, "twice"),
        (MoveTo("INBOX", (1, 2), "Archive"), {2: TWO}, {1: ONE}, "lost"),
        (MoveTo("INBOX", (1, 2), "Archive"), {1: ONE, 2: TWO}, {1: ONE, 2: TWO}, "twice"),
        (Append("INBOX", (Copy("c-3"), Copy("c-4"))), {1: ONE, 2: TWO, 3: Copy("c-3")}, {}, "twice"),
    ],
)
def test_a_broken_promise_is_a_violation(
    in_flight: Operation | None, inbox: dict[int, Copy], archive: dict[int, Copy], word: str
) -> None:
    found = ledger(in_flight).settle(world(inbox, archive), frozenset(), FLOORS)
    assert any(word in violation for violation in found), found


def test_an_acknowledged_append_is_expected_at_its_uid() -> None:
    books = ledger(Append("INBOX", (Copy("c-3"),)))
    books.acknowledge([3])
    assert books.settle(world({1: ONE, 2: TWO}), frozenset(), FLOORS) != []
    books = ledger(Append("INBOX", (Copy("c-3"),)))
    books.acknowledge([3])
    assert books.settle(world({1: ONE, 2: TWO, 3: Copy("c-3")}), frozenset(), FLOORS) == []


def test_a_fresh_copy_below_uidnext_is_a_violation() -> None:
    books = Ledger("c", held={}, in_flight=Append("INBOX", (Copy("c-3"),)))
    assert any("UIDNEXT" in text for text in books.settle(world({2: Copy("c-3")}), frozenset(), FLOORS))


def test_a_lost_mailbox_is_a_violation() -> None:
    books = Ledger("c", mailboxes=frozenset({"c-box"}))
    assert any("mailboxes" in text for text in books.settle(world({}), frozenset(), FLOORS))


def test_history_sees_uidvalidity_change_uidnext_fall_and_uids_given_twice() -> None:
    history = History()
    assert history.restarted(world({1: ONE, 2: TWO})) == []
    assert history.restarted({"INBOX": MailboxSeen(9, 3, {})}) == ["INBOX: UIDVALIDITY was 7, is 9"]
    assert "UIDNEXT is 2" in history.restarted({"INBOX": MailboxSeen(7, 2, {})})[0]
    assert "given twice" in history.restarted(world({1: TWO}))[0]
