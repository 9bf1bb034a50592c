"""`pillarbox search`: as a person at a shell sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillarbox.cli.exits import ExitCode
from tests.cli.commands import CommandLine

LETTERS = b"".join(
    b"From joe@example.org Mon Jun 14 23:30:00 2010\nSubject: %b\n\nA letter about a %b.\n\n" % (word, word)
    for word in (b"lantern", b"harbour", b"lantern", b"willow") * 5
)


@pytest.fixture
def filled(alice: CommandLine, tmp_path: Path) -> CommandLine:
    (tmp_path / "letters.mbox").write_bytes(LETTERS)
    alice.done("import", str(tmp_path / "letters.mbox"), "--user", "alice", "--mailbox", "INBOX")
    return alice


def test_status_counts_what_waits(filled: CommandLine) -> None:
    ended = filled("search", "status", "--json")
    assert ended.code == ExitCode.OK
    assert ended.json == [
        {
            "name": "alice",
            "indexed": 0,
            "waiting": 20,
            "always_read": 0,
            "total": 20,
            "size_bytes": 0,
            "attachments": {"read": 0, "unreadable": 0, "waiting": 0},
        }
    ]


def test_explain_tells_the_steps_and_the_result(filled: CommandLine) -> None:
    ended = filled("search", "explain", "--user", "alice", '1:15 NOT SUBJECT "harbour" BODY lantern', "--json")
    assert ended.code == ExitCode.OK
    told = ended.json
    assert (told["messages"], told["found"]) == (20, 8)
    first = told["steps"][0]
    assert (first["key"], first["how"]) == ("1:15", "columns")
    assert {step["key"] for step in told["steps"]} >= {'SUBJECT "harbour"', 'BODY "lantern"'}


def test_explain_says_what_is_no_search(filled: CommandLine) -> None:
    ended = filled("search", "explain", "--user", "alice", "SINCE yesterday")
    assert ended.code == ExitCode.USAGE
    assert "SINCE yesterday" in ended.err


def test_explain_says_that_there_is_no_such_mailbox(filled: CommandLine) -> None:
    assert filled("search", "explain", "--user", "alice", "--mailbox", "Nowhere", "ALL").code == ExitCode.NO_INPUT


def test_explain_says_that_it_knows_no_filters(filled: CommandLine) -> None:
    ended = filled("search", "explain", "--user", "alice", "FILTER waiting")
    assert ended.code == ExitCode.USAGE
    assert "FILTER can't be explained" in ended.err
