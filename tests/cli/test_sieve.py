"""`pillarbox sieve`: scripts kept, checked and tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from pillarbox.cli.exits import ExitCode
from tests.cli.commands import CommandLine

MESSAGE = "From: bob@example.net\nTo: alice@example.org\nSubject: [list] news\n\nHello\n"


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "rules.sieve"
    path.write_text('require "fileinto";\nif header :contains "subject" "[list]" { fileinto "Lists"; }\n')
    return str(path)


def test_a_script_is_put_listed_activated_and_removed(alice: CommandLine, rules: str) -> None:
    alice.done("sieve", "put", "main", rules, "--user", "alice")
    alice.done("sieve", "activate", "main", "--user", "alice")
    listed = alice.done("sieve", "list", "--user", "alice", "--json").json
    assert listed == [{"name": "main", "size_bytes": Path(rules).stat().st_size, "active": True}]
    assert alice.done("sieve", "get", "main", "--user", "alice").out == Path(rules).read_text()
    assert alice("sieve", "remove", "main", "--user", "alice").code == ExitCode.USAGE
    alice.done("sieve", "deactivate", "--user", "alice")
    alice.done("sieve", "remove", "main", "--user", "alice")
    assert alice("sieve", "get", "main", "--user", "alice").code == ExitCode.NO_INPUT


def test_mistakes_are_told_by_line_and_column(pillarbox: CommandLine, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.sieve"
    wrong.write_text('keep;\nfileinto "x";\n')
    said = pillarbox("sieve", "check", str(wrong))
    assert said.code == ExitCode.BAD_DATA
    assert f'{wrong}:2:1: "fileinto" needs require "fileinto"; at the top' in said.err
    assert pillarbox("sieve", "check", str(wrong), "--json").json[0]["line"] == 2


def test_what_would_happen_is_shown(pillarbox: CommandLine, rules: str, tmp_path: Path) -> None:
    message = tmp_path / "message.eml"
    message.write_text(MESSAGE)
    assert pillarbox.done("sieve", "check", rules).out == f"{rules}: the script is right\n"
    assert pillarbox.done("sieve", "test", rules, str(message)).out == "file into Lists\n"
    assert pillarbox.done("sieve", "test", rules, str(message), "--json").json["actions"] == ["file into Lists"]
