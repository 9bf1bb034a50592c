"""THREAD=REFERENCES as RFC 5256 section 3 words it, step by step, on objects that point at each other.

Slow and obvious; nothing here is shared with what it checks.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(eq=False)
class Message:
    """A message, or a dummy when `row` is None."""

    row: int | None
    sent: int = 0
    subject: str = ""
    is_reply: bool = False
    parent: Message | None = None
    children: list[Message] = field(default_factory=list)

    @property
    def is_dummy(self) -> bool:
        return self.row is None

    def is_descendant_of(self, other: Message) -> bool:
        above = self.parent
        while above is not None:
            if above is other:
                return True
            above = above.parent
        return False


@dataclass(frozen=True)
class Facts:
    """One searched message. `message_id` is "" when it has none."""

    sent: int
    subject: str
    is_reply: bool
    message_id: str
    references: tuple[str, ...]


def references(facts: Sequence[Facts]) -> str:
    """The thread-list, with rows counted from 1."""
    root = Message(None)
    _step_1(facts, root)
    _step_3(root)
    _step_4(root)
    _step_5(root)
    _step_6(root)
    return "".join(_write(child) for child in root.children)


def _make_child(child: Message, parent: Message) -> None:
    child.parent = parent
    parent.children.append(child)


def _break(child: Message) -> None:
    if child.parent is not None:
        child.parent.children.remove(child)
        child.parent = None


def _step_1(facts: Sequence[Facts], root: Message) -> None:
    messages = [Message(row, one.sent, one.subject, one.is_reply) for row, one in enumerate(facts)]
    by_id: dict[str, Message] = {}
    for message, one in zip(messages, facts, strict=True):
        if one.message_id and one.message_id not in by_id:
            by_id[one.message_id] = message
    dummies = []
    for message, one in zip(messages, facts, strict=True):
        chain = []
        for reference in one.references:
            if reference not in by_id:
                by_id[reference] = Message(None)
                dummies.append(by_id[reference])
            chain.append(by_id[reference])
        for parent, child in itertools.pairwise(chain):  # (A)
            if child.parent is None and child is not parent and not parent.is_descendant_of(child):
                _make_child(child, parent)
        _break(message)  # (B)
        if chain and chain[-1] is not message and not chain[-1].is_descendant_of(message):
            _make_child(message, chain[-1])
    for message in [*messages, *dummies]:  # step 2
        if message.parent is None:
            _make_child(message, root)


def _step_3(root: Message) -> None:
    changed = True
    while changed:
        changed = False
        for message in _below(root):
            if not message.is_dummy:
                continue
            parent = message.parent
            assert parent is not None
            if not message.children or parent is not root or len(message.children) == 1:
                promoted = list(message.children)
                _break(message)
                for child in promoted:
                    _break(child)
                    _make_child(child, parent)
                changed = True
                break


def _below(message: Message) -> list[Message]:
    return [found for child in message.children for found in (child, *_below(child))]


def _date(message: Message) -> tuple[int, int]:
    """Sent date; equal ones by sequence number. A dummy counts as its first child."""
    if message.row is None:
        return _date(message.children[0])
    return message.sent, message.row


def _step_4(root: Message) -> None:
    for message in root.children:
        if message.is_dummy:
            message.children.sort(key=_date)
    root.children.sort(key=_date)


def _thread_subject(message: Message) -> str:
    return message.children[0].subject if message.is_dummy else message.subject


def _step_5(root: Message) -> None:
    table: dict[str, Message] = {}
    for message in root.children:  # (B)
        subject = _thread_subject(message)
        if subject == "":
            continue
        known = table.get(subject)
        if known is None or (not known.is_dummy and (message.is_dummy or (known.is_reply and not message.is_reply))):
            table[subject] = message
    for message in list(root.children):  # (C)
        subject = _thread_subject(message)
        if subject == "":
            continue
        known = table[subject]
        if known is message:
            continue
        _break(message)
        if known.is_dummy and message.is_dummy:
            for child in list(message.children):
                _break(child)
                _make_child(child, known)
        elif known.is_dummy or (message.is_reply and not known.is_reply):
            _make_child(message, known)
        else:
            dummy = Message(None)
            _break(known)
            _make_child(dummy, root)
            _make_child(message, dummy)
            _make_child(known, dummy)
            table[subject] = dummy


def _step_6(message: Message) -> None:
    for child in message.children:
        _step_6(child)
    message.children.sort(key=_date)


def _write(message: Message) -> str:
    """thread-list, by the grammar"""
    return f"({_members(message)})"


def _members(message: Message) -> str:
    if message.row is None:
        return "".join(map(_write, message.children))
    number = str(message.row + 1)
    if not message.children:
        return number
    if len(message.children) == 1:
        return f"{number} {_members(message.children[0])}"
    return f"{number} {''.join(map(_write, message.children))}"
