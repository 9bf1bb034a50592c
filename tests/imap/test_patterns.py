"""LIST patterns against an obvious oracle, and against patterns made to be slow."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.imap.patterns import ListPattern


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "a/b", True),
        ("%", "a/b", False),
        ("%", "a", True),
        ("a/%", "a/b", True),
        ("a/%", "a/b/c", False),
        ("a*", "a/b/c", True),
        ("%/%", "a/b", True),
        ("inbox", "INBOX", True),
        ("inb%", "INBOX", True),
        ("inbox/x", "INBOX/x", True),
        ("b", "a/b", False),
        ("*b", "a/b", True),
        ("", "a", False),
    ],
)
def test_known_answers(pattern: str, name: str, expected: bool) -> None:
    assert ListPattern(pattern).matches(name) is expected


@given(st.text("ab/*%", max_size=12), st.text("ab/", max_size=12))
def test_matching_equals_the_regular_expression(pattern: str, name: str) -> None:
    expression = "".join({"*": ".*", "%": "[^/]*"}.get(c, re.escape(c)) for c in pattern)
    assert ListPattern(pattern).matches(name) is bool(re.fullmatch(expression, name))


def test_a_pattern_of_many_stars_costs_no_more_than_its_length() -> None:
    assert not ListPattern("*a" * 500 + "b").matches("a" * 255)
