"""The pytest plugin (entry point `pytest11`): fixtures that give a test a real IMAPS server.

Must never: import the server before a test asks for it. Every pytest run on a machine with Pillarbox loads this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # only for people's editors: the import at run time would slow every pytest run
    from pillarbox.testing.server import ImapsServer


@pytest.fixture
def imaps_server() -> Iterator[ImapsServer]:
    """An empty server of this test's own."""
    yield from _served()


@pytest.fixture(scope="session")
def imaps_server_session() -> Iterator[ImapsServer]:
    """One server for all tests of the run; use an account for each test."""
    yield from _served()


def _served() -> Iterator[ImapsServer]:
    from pillarbox.testing.server import ImapsServer

    with ImapsServer() as server:
        yield server
