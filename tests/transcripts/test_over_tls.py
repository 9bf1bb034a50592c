"""Every *.imap transcript, played over TLS with a real server process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.pillarbox_server import PillarboxServer
from tests.transcripts.play import Player
from tests.transcripts.script import read_script
from tests.transcripts.tls import TlsStage

SCRIPTS = sorted(Path(__file__).parent.glob("*.imap"))
PASSWORD = "blurdybloop"


@pytest.fixture(scope="module")
def server() -> Iterator[PillarboxServer]:
    """One server for all transcripts; each has an account of its own."""
    with PillarboxServer() as running:
        yield running


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
async def test_the_server_keeps_to_the_script_over_tls(path: Path, server: PillarboxServer) -> None:
    user = f"fred-{path.stem}@example.org"
    server.add_account(user, PASSWORD)
    await Player(read_script(path), TlsStage(server, user, PASSWORD)).play()
