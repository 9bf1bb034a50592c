"""Work done in a process of its own leaves nothing but its result."""

from __future__ import annotations

import os
import sys

import pytest

from pillarbox.app.aside import aside


def load_something() -> tuple[bool, int]:
    import this  # noqa: F401 - small, and nobody has it loaded

    return "this" in sys.modules, os.getpid()


def test_what_is_loaded_aside_is_not_loaded_here() -> None:
    was_loaded, process = aside(load_something)
    assert was_loaded
    assert process != os.getpid()
    assert "this" not in sys.modules


def test_a_result_larger_than_a_pipe_comes_whole() -> None:
    assert aside(lambda: bytes(1_000_000)) == bytes(1_000_000)


def test_a_bug_aside_is_told_and_ends_the_work(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        aside(lambda: 1 // 0)
    assert ended.value.code == 1
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_what_is_printed_before_is_printed_once(capfd: pytest.CaptureFixture[str]) -> None:
    print("before", end="")
    aside(lambda: print(" aside", end=""))
    print(" after", end="", flush=True)
    assert capfd.readouterr().out == "before aside after"
