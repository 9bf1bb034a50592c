"""How texts are compared: RFC 5051 and more, for every character that Unicode has."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.search.casemap import WINDOW_CHARACTERS, casemap, casemap_header, casemap_windows

ASSIGNED = [one for one in map(chr, range(0x110000)) if unicodedata.category(one) not in ("Cn", "Co", "Cs")]
CHARACTERS = [one for one in ASSIGNED if not "\u4e00" <= one <= "\u9fff" and not "\uac10" <= one <= "\ud7a3"]
"""All but most of the CJK ideographs and Hangul syllables, of which one is like another."""


def test_a_character_is_compared_as_its_titlecase() -> None:
    simple = [(character, character.title()) for character in CHARACTERS if len(character.title()) == 1]
    assert [one for one, title in simple if casemap(one) != casemap(title)] == []


def test_a_character_is_compared_as_its_decomposition() -> None:
    decomposing = [character for character in CHARACTERS if unicodedata.decomposition(character)]
    assert len(decomposing) > 5_000
    wrong = [one for one in decomposing if casemap(one) != casemap(unicodedata.normalize("NFKD", one))]
    assert wrong == []


def test_a_character_is_compared_as_its_upper_and_lower_case() -> None:
    wrong = [one for one in CHARACTERS if not casemap(one) == casemap(one.upper()) == casemap(one.lower())]
    assert wrong == []


def test_folding_twice_changes_nothing_for_any_character() -> None:
    assert [one for one in CHARACTERS if casemap(casemap(one)) != casemap(one)] == []


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("hello", "Say HELLO to"),
        ("STRASSE", "Hauptstraße 5"),
        ("straße", "HAUPTSTRASSE"),
        ("οδυσσευς", "ΟΔΥΣΣΕΥΣ"),
        ("όδος", "Όδοσ"),
        ("мать", "МАТЬ и дитя"),
        ("café", "CAFE\u0301"),
        ("cafe", "Café"),
        ("ﬁne", "FINE"),
        ("abc", "ＡＢＣ"),
        ("ISTANBUL", "ıstanbul"),
        ("가", "가나다"),
        ("한글", unicodedata.normalize("NFD", "한글")),
        ("見積", "御見積書"),
        ("カ", "ｶﾀｶﾅ"),
        ("", "anything"),
        ("", ""),
    ],
)
def test_text_is_found(wanted: str, text: str) -> None:
    assert casemap(wanted) in casemap(text)


@pytest.mark.parametrize(
    ("wanted", "text"), [("café", "cafe"), ("가", "각"), ("hello ", "hello"), ("a b", "a  b"), ("見積", "見本")]
)
def test_text_is_not_found(wanted: str, text: str) -> None:
    assert casemap(wanted) not in casemap(text)


@pytest.mark.parametrize("text", ["one two", "one\r\n two", "one\r\n\ttwo", "one\n two", "one\ttwo", "ONE\r\n TWO"])
def test_folded_header_lines_read_as_one(text: str) -> None:
    assert casemap_header(text) == "one two"


def test_lines_of_different_fields_stay_apart() -> None:
    assert casemap_header("A: one\r\nB: two\r\n") == "a: one\r\nb: two\r\n"


@settings(deadline=None, max_examples=40)
@given(st.text(alphabet="aé\u0301ßǅ각\u1100\u1161ㄱㅏ \n", max_size=40), st.integers(min_value=0, max_value=5))
def test_windows_hold_every_substring_of_their_overlap(text: str, overlap: int) -> None:
    text += "a"
    long_text = text * (1 + 3 * WINDOW_CHARACTERS // (2 * len(text)))
    windows = list(casemap_windows(long_text, overlap))
    joined = windows[0] + "".join(window[overlap:] for window in windows[1:])
    assert joined == casemap(long_text)


def test_a_text_over_a_window_seam_is_found() -> None:
    text = "x" * (WINDOW_CHARACTERS - 3) + "needle" + "x" * WINDOW_CHARACTERS
    assert any("needle" in window for window in casemap_windows(text, len("needle") - 1))


def test_an_empty_text_is_one_empty_window() -> None:
    assert list(casemap_windows("", 3)) == [""]
