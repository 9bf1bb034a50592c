"""tools/second_look.py: what fails alone too stays a failure."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tools.second_look import MOST, look_again

RUN = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]


@pytest.fixture
def tests(tmp_path: Path) -> str:
    path = tmp_path / "test_two.py"
    path.write_text("def test_good():\n    pass\n\n\ndef test_bad():\n    assert False\n")
    return str(path)


def test_what_passes_alone_is_named(tests: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert look_again(1, [f"{tests}::test_good"], RUN) == 0
    assert f"FAILED AT FIRST, PASSED ALONE: {tests}::test_good" in capfd.readouterr().out


def test_what_fails_again_is_a_failure(tests: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert look_again(1, [f"{tests}::test_good", f"{tests}::test_bad"], RUN) == 1
    assert "PASSED ALONE" not in capfd.readouterr().out


def test_many_failures_are_not_looked_at_again(tests: str) -> None:
    assert look_again(1, [f"{tests}::test_good"] * (MOST + 1), RUN) == 1


def test_a_run_that_did_not_come_to_its_end_is_a_failure(tests: str) -> None:
    assert look_again(2, [f"{tests}::test_good"], RUN) == 2
    assert look_again(1, [], RUN) == 1
