"""`pillarbox config`."""

from __future__ import annotations

from pathlib import Path

from pillarbox.cli.exits import ExitCode
from tests.cli.commands import CommandLine, run


def test_a_good_file_is_fine(pillarbox: CommandLine) -> None:
    assert pillarbox.done("config", "check").out == f"{pillarbox.data}/pillarbox.toml is fine\n"
    assert pillarbox.done("config", "check", "--json").json == []


def test_every_mistake_is_told_at_once(pillarbox: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text("workers = 0\n\n[net]\nbacklog = true\n")
    said = pillarbox("config", "check", "--config", str(path))
    assert said.code == ExitCode.CONFIG
    assert said.err.splitlines() == [
        f"{path}: line 1: workers: must be 1 or more",
        f"{path}: line 4: net.backlog: must be a whole number",
        f"pillarbox: 2 mistakes in {path}",
    ]


def test_mistakes_for_programs(pillarbox: CommandLine) -> None:
    (pillarbox.data / "pillarbox.toml").write_text("worker = 2")
    assert pillarbox("config", "check", "--json").json == [
        {"key": "worker", "line": 1, "text": 'there is no such setting; did you mean "workers"?'}
    ]


def test_a_named_file_that_is_missing_is_told(pillarbox: CommandLine, tmp_path: Path) -> None:
    said = pillarbox("config", "check", "--config", str(tmp_path / "gone.toml"))
    assert said.code == ExitCode.CONFIG
    assert "gone.toml: No such file" in said.err


def test_the_reference_is_the_page(pillarbox: CommandLine) -> None:
    page = Path(__file__).parents[2] / "docs" / "configure.md"
    assert run("config", "reference").out == page.read_text()
