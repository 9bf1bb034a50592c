"""Putting messages in order. RFC 5256 section 3 (SORT), RFC 5957 (DISPLAYFROM, DISPLAYTO).

A *column* has one value for each row (message) of a mailbox; values of one column compare with each other. Texts are
there as collation.py makes them. Must never: know where columns come from.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Column = Sequence[Any] | Mapping[int, Any]  # Any: int in some columns, bytes in others


class SortKey(enum.Enum):
    """The value is the word for it on the wire."""

    ARRIVAL = "ARRIVAL"
    CC = "CC"
    DATE = "DATE"
    DISPLAYFROM = "DISPLAYFROM"
    DISPLAYTO = "DISPLAYTO"
    FROM = "FROM"
    RELEVANCY = "RELEVANCY"
    SIZE = "SIZE"
    SUBJECT = "SUBJECT"
    TO = "TO"


class Direction(enum.Enum):
    """REVERSE turns the direction of one criterion."""

    ASCENDING = 1
    DESCENDING = -1


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of a sort program."""

    key: SortKey
    direction: Direction = Direction.ASCENDING


def in_order(rows: Iterable[int], criteria: Sequence[Criterion], columns: Mapping[SortKey, Column]) -> list[int]:
    """The rows in the order that the criteria say, the first one above all.

    Rows that are equal in every criterion stay in the order in which they are given, REVERSE or not ("REVERSE [...]
    does not affect the implicit 'sequence number' sort criterion"). An order that was right before some rows were
    added at the end is brought up to date in about linear time.
    """
    ordered = list(rows)
    for criterion in reversed(criteria):
        value = columns[criterion.key].__getitem__
        ordered.sort(key=value, reverse=criterion.direction is Direction.DESCENDING)
    return ordered
