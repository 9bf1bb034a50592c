"""One server for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tls.doors import ACCOUNT, PASSWORD, Doors, doors


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with doors(tmp_path_factory.mktemp("doors")) as running:
        running.server.add_account(ACCOUNT, PASSWORD)
        yield running
