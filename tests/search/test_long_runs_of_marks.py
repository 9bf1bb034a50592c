"""A stranger's text of combining marks alone takes no longer than any other (normalising is quadratic in a run)."""

from __future__ import annotations

import unicodedata
from itertools import groupby

import pytest

from pillarbox.mail.marks import with_short_runs
from pillarbox.mail.names import canonical_name
from pillarbox.search.casemap import casemap
from pillarbox.search.words import words_of

RUNS = {
    "accents": "\u0301" * 30_000 + "\u0327" * 30_000,
    "kana": "\u0301\uff9e" * 30_000,
    "beyond": "\U0001d165" * 30_000 + "\U00010a3a" * 30_000,
    "among letters": ("a" * 100 + "\u0301" * 300 + "\u0327" * 300) * 100,
}


def _longest_run(text: str) -> int:
    marks = (unicodedata.combining(character) > 0 for character in unicodedata.normalize("NFKD", text))
    return max((len(list(run)) for is_mark, run in groupby(marks) if is_mark), default=0)


@pytest.mark.parametrize("text", RUNS.values(), ids=RUNS)
def test_no_run_of_marks_stays_long(text: str) -> None:
    assert _longest_run(with_short_runs(text)) <= 64
    assert with_short_runs(text).replace("\u034f", "") == text


@pytest.mark.parametrize(
    "text", ["", "abc", "naïve", "e\u0301" * 500, "हिन्दी में लिखा " * 50, "👍🏽" * 500, "a" + "\u0301" * 60]
)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert with_short_runs(text) == text


def test_search_and_names_of_mailboxes_use_short_runs() -> None:
    text = "a" + RUNS["accents"]
    for folded in (casemap(text), canonical_name(text), *(word.folded for word, _ in words_of(text))):
        assert _longest_run(folded) <= 64
