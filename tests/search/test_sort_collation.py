"""The order of texts: i;unicode-casemap to the letter."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from pillarbox.search.casemap import casemap
from pillarbox.search.collation import collation_key


def test_case_does_not_count_and_letters_are_capital() -> None:
    assert collation_key("abc") == collation_key("ABC") == b"ABC"
    assert sorted("_aB", key=collation_key) == ["a", "B", "_"]  # with small letters "_" would come first


def test_accents_come_behind_their_letter() -> None:
    assert collation_key("é") == "E\u0301".encode()
    assert sorted(["eg", "éa", "ez", "E"], key=collation_key) == ["E", "eg", "ez", "éa"]


def test_characters_are_taken_apart_once_and_to_the_end() -> None:
    assert collation_key("ﬁ") == b"fi"
    assert collation_key("ǆ") == "Dz\u030c".encode()
    assert collation_key("ß") == "ß".encode()
    assert collation_key("각") == "각".encode()
    assert collation_key("Ａ") == b"A"


@given(st.text())
def test_what_compares_equal_is_equal_for_searches_too(text: str) -> None:
    as_compared = collation_key(text).decode("utf-8")
    assert casemap(as_compared) == casemap(text) or not unicodedata.is_normalized("NFD", text)
