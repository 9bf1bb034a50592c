"""A command line with a data folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import CHEAP_HASHES, CommandLine


@pytest.fixture
def pillarbox(tmp_path: Path) -> CommandLine:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "pillarbox.toml").write_text(CHEAP_HASHES)
    return CommandLine(data)


@pytest.fixture
def alice(pillarbox: CommandLine) -> CommandLine:
    pillarbox.done("user", "add", "alice", "--password-stdin", stdin="wonderland\n")
    return pillarbox
