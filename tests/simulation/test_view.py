"""A device's view finds out the lies that a server could tell: else the play would prove nothing."""

from __future__ import annotations

import pytest

from tests.grammar import parse_response
from tests.grammar.tree import Fetch
from tests.simulation.play import Play, Untrue
from tests.simulation.view import Kind, Message, Snapshot, View

PLAIN = Kind("plain")
CONDSTORE = Kind("condstore", frozenset({"CONDSTORE"}))
QRESYNC = Kind("qresync", frozenset({"QRESYNC"}))
UIDONLY = Kind("uidonly", frozenset({"UIDONLY", "QRESYNC"}))
NO_FLAGS: frozenset[str] = frozenset()


def opened(kind: Kind, *uids: int) -> View:
    return View(kind, "INBOX", uidvalidity=1, mailbox_id="F1", messages=[Message(uid, NO_FLAGS, 5) for uid in uids])


def tell(view: View, line: str, running: str | None = "NOOP") -> View:
    view.take(parse_response(f"* {line}\r\n".encode()), running)
    return view


LIES = [
    (PLAIN, "1 EXISTS", "NOOP", "EXISTS went down"),
    (PLAIN, "9 EXPUNGE", "NOOP", "that isn't there"),
    (PLAIN, "1 EXPUNGE", "FETCH 1 (FLAGS)", "went during"),
    (PLAIN, "1 EXPUNGE", None, "no command"),
    (PLAIN, "VANISHED 4", "NOOP", "without QRESYNC"),
    (PLAIN, "9 FETCH (FLAGS ())", "NOOP", "that isn't there"),
    (PLAIN, "1 FETCH (UID 6 FLAGS ())", "NOOP", "1 was 4, now 6"),
    (PLAIN, "4 UIDFETCH (FLAGS ())", "NOOP", "UIDFETCH for UIDONLY"),
    (CONDSTORE, "1 FETCH (UID 4 FLAGS ())", "NOOP", "without MODSEQ"),
    (CONDSTORE, "1 FETCH (FLAGS () MODSEQ (9))", "NOOP", "without UID"),
    (CONDSTORE, "1 FETCH (UID 4 FLAGS () MODSEQ (3))", "NOOP", "went back"),
    (QRESYNC, "1 EXPUNGE", "NOOP", "though QRESYNC"),
    (QRESYNC, "VANISHED 5", "NOOP", "never there"),
    (QRESYNC, "VANISHED 4", "STORE 1 FLAGS ()", "went during"),
    (QRESYNC, "VANISHED (EARLIER) 4", "NOOP", "nobody asked"),
    (UIDONLY, "5 UIDFETCH (FLAGS () MODSEQ (9))", "NOOP", "isn't there"),
]


@pytest.mark.parametrize(("kind", "line", "running", "why"), LIES)
def test_what_cannot_be_true_is_found_out(kind: Kind, line: str, running: str | None, why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        tell(opened(kind, 4, 7), line, running)


def test_numbers_move_down_when_a_message_goes() -> None:
    view = tell(tell(opened(PLAIN, 4, 7), "1 EXPUNGE"), "1 FETCH (FLAGS (\\Seen))")
    assert [(one.uid, one.flags) for one in view.messages] == [(7, frozenset({"\\Seen"}))]


def test_what_vanishes_may_be_a_message_that_was_not_asked_for_yet() -> None:
    view = tell(tell(opened(QRESYNC, 4, 7), "4 EXISTS"), "VANISHED 4,9")
    assert [one.uid for one in view.messages] == [7, None]


def changed(*lines: str) -> list[Fetch]:
    found = [parse_response(f"* {line}\r\n".encode()) for line in lines]
    return [one for one in found if isinstance(one, Fetch)]


def test_what_is_remembered_is_brought_up_to_date() -> None:
    view = View(QRESYNC, "INBOX", messages=[Message(), Message()])
    before = Snapshot(1, 5, {4: (NO_FLAGS, 3), 5: (NO_FLAGS, 4)}, 5)
    view.remember(before, ((5, 5),), changed("2 FETCH (UID 6 FLAGS (\\Seen) MODSEQ (9))"))
    assert [(one.uid, one.flags, one.modseq) for one in view.messages] == [
        (4, NO_FLAGS, 3),
        (6, frozenset({"\\Seen"}), 9),
    ]


def test_an_arrival_that_was_counted_but_never_asked_for_is_asked_for_when_the_device_is_back() -> None:
    view = View(QRESYNC, "INBOX", messages=[Message(), Message(), Message()])
    view.remember(Snapshot(1, 5, {4: (NO_FLAGS, 3)}, 4), (), changed("3 FETCH (UID 6 FLAGS () MODSEQ (9))"))
    assert [one.uid for one in view.messages] == [4, None, 6]
    assert view.complete_to == 4


def test_what_is_told_of_an_arrival_among_others_that_were_not_asked_for_is_not_remembered() -> None:
    view = tell(tell(opened(QRESYNC, 4), "3 EXISTS"), "3 FETCH (UID 9 FLAGS () MODSEQ (6))")
    assert view.snapshot() == Snapshot(1, 0, {4: (NO_FLAGS, 5)}, 4)


def test_vanished_that_leaves_one_out_is_found_out() -> None:
    view = View(QRESYNC, "INBOX", messages=[Message()])
    with pytest.raises(AssertionError, match="left some out"):
        view.remember(Snapshot(1, 5, {4: (NO_FLAGS, 3), 5: (NO_FLAGS, 4)}, 5), (), [])


def test_our_own_silent_change_gives_way_to_what_was_told_meanwhile() -> None:
    view = opened(PLAIN, 4, 7)
    tell(view, "1 FETCH (FLAGS (\\Answered))", "STORE 1:2 +FLAGS.SILENT (\\Seen)")
    view.did(view.messages, "+FLAGS", frozenset({"\\Seen"}))
    assert [one.flags for one in view.messages] == [frozenset({"\\Answered"}), frozenset({"\\Seen"})]


@pytest.mark.parametrize(
    "held", [{}, {4: (frozenset({"\\Seen"}), 5)}, {4: (NO_FLAGS, 6)}, {4: (NO_FLAGS, 5), 7: (NO_FLAGS, 5)}]
)
def test_a_view_that_differs_from_the_store_is_found_out(held: dict[int, tuple[frozenset[str], int]]) -> None:
    view = opened(CONDSTORE, 4)
    Play.check(view, {"F1": {4: (NO_FLAGS, 5)}})
    with pytest.raises(Untrue):
        Play.check(view, {"F1": held})
