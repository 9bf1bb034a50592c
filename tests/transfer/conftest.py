"""A Dovecot with the old mail, and a Pillarbox that it moves to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import CHEAP_HASHES
from tests.servers.dovecot import DovecotServer, Storage
from tests.servers.pillarbox_server import PillarboxServer
from tests.transfer.old_account import PASSWORD

USERS = ("anna", "bert", "cleo", "dora", "emil", "fred", "gert", "hans", "jana", "jo", "mover")
"""All there from the start: Dovecot looks for new ones once a second only."""


@pytest.fixture(scope="module")
def dovecot() -> Iterator[DovecotServer]:
    with DovecotServer(storage=Storage.MAILDIR, users=[(name, PASSWORD) for name in USERS]) as server:
        yield server


@pytest.fixture(scope="module")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PillarboxServer]:
    folder: Path = tmp_path_factory.mktemp("new")
    config = folder / "pillarbox.toml"
    config.write_text(CHEAP_HASHES)
    with PillarboxServer(folder / "data", config=config) as server:
        yield server
