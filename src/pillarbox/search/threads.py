"""Which message answers which. RFC 5256 section 3: ORDEREDSUBJECT and REFERENCES; REFS of draft-ietf-morg-inthread.

Messages are rows from 0 in mailbox order; "of two with one date the earlier row comes first" everywhere. What is asked
about is always all of the messages that are given: who wants some gives only these.

Must never: recurse, or take much more than linear time on threads however deep; References are what strangers wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

_NONE: Final = -1


@dataclass(frozen=True, slots=True)
class Letters:
    """What threading looks at, column by column; all of one length."""

    sent: Sequence[int]
    """When it was sent (RFC 5256 section 2.2), in seconds."""
    subjects: Sequence[bytes]
    """Base subjects as collation.py makes them."""
    replies: Sequence[bool]
    """The subject marks a reply or a forward."""
    ids: Sequence[int]
    """A number for its Message ID; 0 for none."""
    references: Sequence[Sequence[int]]
    """Numbers for the ids of its ancestors, the eldest first."""


@dataclass(frozen=True, slots=True)
class Forest:
    """Threads in order. A node below `count` is the message of that row, one above stands for a missing message."""

    roots: Sequence[int]
    children: dict[int, list[int]]
    """Of the nodes that have any."""
    count: int


def by_ordered_subject(letters: Letters) -> Forest:
    """ORDEREDSUBJECT: the first message of each base subject, the others as its children."""
    count = len(letters.sent)
    by_date = sorted(range(count), key=letters.sent.__getitem__)
    by_subject = sorted(by_date, key=letters.subjects.__getitem__)
    threads = [list(rows) for _, rows in groupby(by_subject, key=letters.subjects.__getitem__)]
    rank = _ranks(by_date)
    threads.sort(key=lambda rows: rank[rows[0]])
    return Forest([rows[0] for rows in threads], {rows[0]: rows[1:] for rows in threads if len(rows) > 1}, count)


def by_references(letters: Letters) -> Forest:
    """REFERENCES: by Message IDs, then threads of one subject together. Steps are those of the RFC."""
    parents = _link(letters)  # 1
    count = len(letters.sent)
    rank = _ranks(sorted(range(count), key=letters.sent.__getitem__))
    roots, children = _prune(parents, count)  # 2, 3
    _sort_siblings(children, rank)
    _sort_by_first(roots, children, rank)  # 4
    roots = _gather_subjects(letters, roots, children, len(parents))  # 5
    _sort_siblings(children, rank)  # 6
    _sort_by_first(roots, children, rank)
    return Forest(roots, children, count)


def by_refs(letters: Letters) -> Forest:
    """REFS: by Message IDs alone; the thread with the latest message comes last."""
    parents = _link(letters)
    count = len(letters.sent)
    rank = _ranks(sorted(range(count), key=letters.sent.__getitem__))
    roots, children = _prune(parents, count)
    _sort_siblings(children, rank)
    latest = _latest(roots, children, rank)
    roots.sort(key=latest.__getitem__)
    return Forest(roots, children, count)


# --- step 1 --------------------------------------------------------------------------------------------


class _Links:
    """Who is whose parent, without loops."""

    __slots__ = ("_sets", "parents")

    def __init__(self, count: int) -> None:
        self.parents = [_NONE] * count
        self._sets = list(range(count))
        """Union-find: nodes of different sets are in different trees. (Nodes of one set may be, after unlinking.)"""

    def add_missing(self) -> int:
        """A new node for a message that is referred to, but not there."""
        self.parents.append(_NONE)
        self._sets.append(len(self._sets))
        return len(self._sets) - 1

    def link(self, node: int, parent: int) -> None:
        """Give a node without a parent one, unless it is the parent's ancestor or itself."""
        upper, lower = self._set_of(parent), self._set_of(node)
        if upper == lower and self._has_ancestor(parent, node):
            return
        self.parents[node] = parent
        self._sets[lower] = upper

    def _set_of(self, node: int) -> int:
        sets = self._sets
        while sets[node] != node:
            sets[node] = sets[sets[node]]
            node = sets[node]
        return node

    def _has_ancestor(self, node: int, ancestor: int) -> bool:
        while node not in (ancestor, _NONE):
            node = self.parents[node]
        return node == ancestor


def _link(letters: Letters) -> list[int]:
    """Parents by node; nodes from the number of messages on stand for missing messages."""
    links = _Links(len(letters.ids))
    nodes: dict[int, int] = {}
    for row, one in enumerate(letters.ids):
        if one:
            nodes.setdefault(one, row)  # of doubles the first has the id
    parents, node_of, link = links.parents, nodes.get, links.link
    for row, references in enumerate(letters.references):
        parent = _NONE
        for one in references:  # 1 (A)
            node = node_of(one)
            if node is None:
                node = nodes[one] = links.add_missing()
            if parent != _NONE and parents[node] == _NONE:
                link(node, parent)
            parent = node
        if parents[row] != parent:  # 1 (B)
            parents[row] = _NONE
            if parent != _NONE:
                link(row, parent)
    return parents


# --- steps 2 to 4 and 6 --------------------------------------------------------------------------------


def _prune(parents: Sequence[int], count: int) -> tuple[list[int], dict[int, list[int]]]:
    """Roots and children without missing messages, but for those that hold several messages together at the top."""
    roots: list[int] = []
    children: dict[int, list[int]] = {}
    nearest: dict[int, int] = {}
    for row, parent in enumerate(parents[:count]):
        if parent >= count:
            parent = _nearest(parent, parents, count, nearest)
        if parent == _NONE:
            roots.append(row)
        elif (siblings := children.get(parent)) is None:
            children[parent] = [row]
        else:
            siblings.append(row)
    for top in [node for node in children if node >= count]:
        if len(children[top]) == 1:
            roots += children.pop(top)
        else:
            roots.append(top)
    return roots, children


def _nearest(node: int, parents: Sequence[int], count: int, known: dict[int, int]) -> int:
    """Of a missing node the closest ancestor that is there, else the eldest missing one, which may be the node itself.

    `known` remembers what was found."""
    passed: list[int] = []
    while node >= count and node not in known:
        passed.append(node)
        node = parents[node]
    found = known[node] if node >= count else node if node != _NONE else passed[-1]
    known.update(dict.fromkeys(passed, found))
    return found


def _ranks(ordered: Sequence[int]) -> list[int]:
    """Each row's place in an order."""
    ranks = [0] * len(ordered)
    for rank, row in enumerate(ordered):
        ranks[row] = rank
    return ranks


def _sort_siblings(children: dict[int, list[int]], rank: Sequence[int]) -> None:
    for siblings in children.values():
        if len(siblings) > 1:
            siblings.sort(key=rank.__getitem__)


def _sort_by_first(roots: list[int], children: dict[int, list[int]], rank: Sequence[int]) -> None:
    """By date; a missing message counts as its first child."""
    count = len(rank)
    roots.sort(key=lambda node: rank[node if node < count else children[node][0]])


def _latest(roots: Sequence[int], children: dict[int, list[int]], rank: Sequence[int]) -> dict[int, int]:
    """The rank of the latest message of each thread."""
    latest: dict[int, int] = {}
    for root in roots:
        highest, waiting = 0, [root]
        while waiting:
            node = waiting.pop()
            if node < len(rank):
                highest = max(highest, rank[node])
            waiting += children.get(node, ())
        latest[root] = highest
    return latest


# --- step 5 --------------------------------------------------------------------------------------------


def _gather_subjects(
    letters: Letters, roots: Sequence[int], children: dict[int, list[int]], next_node: int
) -> list[int]:
    """The roots after threads of one subject were merged; `children` changes along."""
    count = len(letters.sent)
    subjects = [letters.subjects[node if node < count else children[node][0]] for node in roots]
    table = _subject_table(letters, roots, subjects)  # (A), (B)
    merged: set[int] = set()
    added: list[int] = []
    for node, subject in zip(roots, subjects, strict=True):  # (C)
        target = table.get(subject, node)
        if target == node:
            continue
        merged.add(node)
        if target >= count:
            children[target] += [node] if node < count else children.pop(node)
        elif letters.replies[node] and not letters.replies[target]:
            children.setdefault(target, []).append(node)
        else:
            merged.add(target)
            children[next_node] = [target, node]
            table[subject] = next_node
            added.append(next_node)
            next_node += 1
    return [node for node in roots if node not in merged] + added


def _subject_table(letters: Letters, roots: Sequence[int], subjects: Sequence[bytes]) -> dict[bytes, int]:
    """Subject -> the root that others of that subject are merged with; no entry for the empty subject."""
    count, replies = len(letters.sent), letters.replies
    table: dict[bytes, int] = {}
    for node, subject in zip(roots, subjects, strict=True):
        if not subject:
            continue
        known = table.setdefault(subject, node)
        if known < count and (node >= count or (replies[known] and not replies[node])):
            table[subject] = node
    return table
