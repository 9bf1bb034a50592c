"""A server with port 993 and 8993 listening, a client, and proof that our own firewall stayed as it was."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.firewall.real.machine import Cable, find


def _own_rules() -> str:
    return subprocess.run([find("nft"), "list", "ruleset"], capture_output=True, text=True, check=False).stdout


@pytest.fixture(scope="session", autouse=True)
def own_firewall_stays() -> Iterator[None]:
    before = _own_rules()
    yield
    assert _own_rules() == before


@pytest.fixture
def cable() -> Iterator[Cable]:
    laid = Cable.laid()
    try:
        laid.listen(993)
        laid.listen(8993)
        yield laid
    finally:
        laid.cut()
