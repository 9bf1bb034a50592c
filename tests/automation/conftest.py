"""Servers to watch: Pillarbox in a thread, and a Dovecot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pillarbox.testing.server import ImapsServer
from tests.servers.dovecot import DovecotServer, Storage

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server() -> Iterator[ImapsServer]:
    with ImapsServer() as running:
        yield running


@pytest.fixture(scope="module")
def dovecot() -> Iterator[DovecotServer]:
    with DovecotServer(storage=Storage.MAILDIR, users=[("anna", PASSWORD)]) as running:
        yield running
