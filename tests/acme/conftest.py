"""One authority for all tests here, and what asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pillarbox.acme.folder import AcmeFolder
from pillarbox.acme.issuing import Office
from pillarbox.acme.settings import AcmeSettings
from pillarbox.clock import Clock, SystemClock
from pillarbox.events import NoEvents
from pillarbox.net.settings import ListenAddress
from tests.acme.pebble import Pebble, pebble

MakeOffice = Callable[..., Office]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with pebble(tmp_path_factory.mktemp("pebble")) as running:
        yield running


@pytest.fixture
def office(authority: Pebble, tmp_path: Path) -> MakeOffice:
    """Makes who asks, by HTTP-01 unless told otherwise."""

    def make(clock: Clock | None = None, **changes: Any) -> Office:
        usual: dict[str, Any] = {
            "directory_url": authority.directory_url,
            "ca_path": authority.ca_path,
            "terms_agreed": True,
            "contact": ("admin@example.org",),
            "listen": (ListenAddress("127.0.0.1", authority.http_port),),
            "dns_hook": authority.hook(),
            "dns_wait_seconds": 0.0,
        }
        settings = AcmeSettings(**(usual | changes))
        return Office(settings, AcmeFolder(tmp_path / "certificates"), clock or SystemClock(), NoEvents())

    return make
