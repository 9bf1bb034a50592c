"""Threading against the steps of RFC 5256 as they are written, and at depths that nobody writes."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.imap.commands.thread import write_threads
from pillarbox.search.threads import Forest, Letters, by_ordered_subject, by_references, by_refs
from tests.search.thread_oracle import Facts, references

IDS = [f"id{number}" for number in range(12)]
FACTS = st.builds(
    Facts,
    sent=st.integers(0, 6),
    subject=st.sampled_from(["", "a", "b", "c"]),
    is_reply=st.booleans(),
    message_id=st.sampled_from(["", *IDS]),
    references=st.lists(st.sampled_from([*IDS, "gone1", "gone2"]), max_size=5).map(tuple),
)


def letters(facts: Sequence[Facts]) -> Letters:
    numbers: dict[str, int] = {}

    def number(name: str) -> int:
        return numbers.setdefault(name, len(numbers) + 1) if name else 0

    return Letters(
        [one.sent for one in facts],
        [one.subject.encode() for one in facts],
        [one.is_reply for one in facts],
        [number(one.message_id) for one in facts],
        [list(map(number, one.references)) for one in facts],
    )


def written(forest: Forest) -> str:
    threads = write_threads(forest)
    return (threads.template % tuple(row + 1 for row in threads.order)).decode()


@settings(max_examples=1_000, deadline=None)
@given(st.lists(FACTS, max_size=14))
def test_references_does_what_the_steps_of_the_rfc_do(facts: list[Facts]) -> None:
    assert written(by_references(letters(facts))) == references(facts)


def test_references_does_so_for_long_conversations_too() -> None:
    dice = random.Random("conversations")
    for _ in range(60):
        count = dice.randrange(30, 120)
        ids = [f"m{number}" for number in range(count)]
        facts = []
        for row in range(count):
            ancestors = sorted(dice.sample(range(count), dice.choice((0, 1, 1, 2, 5))))
            name = dice.choice((ids[row], ids[row], ids[row], "", ids[dice.randrange(count)]))
            subject = dice.choice(("", "x", "y", f"s{row % 9}"))
            facts.append(
                Facts(dice.randrange(40), subject, dice.random() < 0.5, name, tuple(ids[at] for at in ancestors))
            )
        dice.shuffle(facts)
        assert written(by_references(letters(facts))) == references(facts)


def test_the_threads_of_the_rfc_s_examples_are_written_as_there() -> None:
    tree = Forest([2, 3], {3: [6], 6: [4, 44], 4: [23], 44: [7], 7: [96]}, 100)
    threads = write_threads(tree)
    assert threads.template % tuple(threads.order) == b"(2)(3 6 (4 23)(44 7 96))"
    assert written(Forest([100], {100: [2, 4]}, 100)) == "((3)(5))"
    assert written(Forest([], {}, 0)) == ""


def simple(*rows: tuple[int, str, str, str]) -> Letters:
    """sent, subject (`re ` marks a reply), id, references"""
    facts = [
        Facts(sent, subject.removeprefix("re "), subject.startswith("re "), name, tuple(above.split()))
        for sent, subject, name, above in rows
    ]
    return letters(facts)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # a chain, delivered youngest first
        ([(3, "re a", "z", "x y"), (2, "re a", "y", "x"), (1, "a", "x", "")], "(3 2 1)"),
        # siblings of a missing parent stay together
        ([(1, "a", "x", "gone"), (2, "b", "y", "gone")], "((1)(2))"),
        # one child of a missing parent goes up, also through several
        ([(1, "a", "x", "gone1 gone2 gone3")], "(1)"),
        # a loop is cut where it would close
        ([(1, "a", "x", "y"), (2, "b", "y", "x")], "(2 1)"),
        ([(1, "a", "x", "x")], "(1)"),
        ([(1, "a", "x", "x x x")], "(1)"),
        # of doubles the first has the id
        ([(1, "a", "x", ""), (2, "b", "x", ""), (3, "c", "y", "x")], "(1 3)(2)"),
        # without an id, nothing is below it
        ([(1, "a", "", ""), (2, "b", "", "")], "(1)(2)"),
        # one subject: a reply goes below the first, equals become siblings below nobody
        ([(1, "a", "x", ""), (2, "re a", "y", "")], "(1 2)"),
        ([(1, "re a", "x", ""), (2, "a", "y", "")], "(2 1)"),
        ([(1, "a", "x", ""), (2, "a", "y", "")], "((1)(2))"),
        ([(1, "re a", "x", ""), (2, "re a", "y", "")], "((1)(2))"),
        ([(1, "", "x", ""), (2, "", "y", "")], "(1)(2)"),
        ([(1, "a", "x", "gone"), (2, "b", "y", "gone"), (3, "re a", "z", "")], "((1)(2)(3))"),
        # references win over what an earlier message claimed
        ([(1, "a", "x", ""), (2, "c", "w", "x y"), (3, "b", "y", "")], "(1)(3 2)"),
        # one date: mailbox order
        ([(5, "b", "x", ""), (5, "a", "y", "")], "(1)(2)"),
    ],
)
def test_references_known_answers(rows: list[tuple[int, str, str, str]], expected: str) -> None:
    assert written(by_references(simple(*rows))) == expected


def test_ordered_subject_has_children_and_no_grandchildren() -> None:
    rows = [(4, "a", "", ""), (1, "b", "", ""), (2, "a", "", ""), (3, "re a", "", ""), (2, "re b", "", "")]
    assert written(by_ordered_subject(simple(*rows))) == "(2 5)(3 (4)(1))"
    assert written(by_ordered_subject(simple())) == ""


def test_refs_leaves_subjects_alone_and_puts_the_latest_thread_last() -> None:
    rows = [(1, "a", "x", ""), (2, "a", "y", ""), (3, "re a", "z", "x")]
    assert written(by_refs(simple(*rows))) == "(2)(1 3)"


def chain(count: int) -> list[Facts]:
    return [Facts(row, "s", False, f"m{row}", (f"m{row - 1}",) if row else ()) for row in range(count)]


@pytest.mark.parametrize("order", ["eldest first", "youngest first", "shuffled"])
def test_a_very_deep_chain_is_one_thread(order: str) -> None:
    facts = chain(10_000)
    if order == "youngest first":
        facts.reverse()
    elif order == "shuffled":
        random.Random("deep").shuffle(facts)
    expected = "(" + " ".join(str(facts.index(one) + 1) for one in chain(300)) if order == "eldest first" else "("
    text = written(by_references(letters(facts)))
    assert text.startswith(expected)
    assert text.count("(") == 1
    assert [facts[int(number) - 1].sent for number in text.strip("()").split()] == list(range(10_000))


def test_deep_chains_with_many_branches_take_no_square_of_the_time() -> None:
    """20,000 messages with replies of their own answer the end of a chain of 20,000: a walk each would be 4 * 10**8."""
    facts = chain(20_000)
    for row in range(20_000):
        facts.append(Facts(row, "t", False, f"leaf{row}", (f"twig{row}",)))
        facts.append(Facts(row, "t", False, f"twig{row}", ("m19999",)))
    start = time.process_time()
    by_references(letters(facts))
    assert time.process_time() - start < 20
