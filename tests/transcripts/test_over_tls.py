"""Every *.imap transcript, played over TLS with a real server of two worker processes."""

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


def user_of(path: Path, name: str = "fred") -> str:
    """The account of a transcript, or of another person in it."""
    return f"{name}-{path.stem}@example.org"


def people_of(path: Path) -> list[str]:
    """Who else is in it."""
    words = (given.words for given in read_script(path).givens)
    return [each.removeprefix("person ") for each in words if each.startswith("person ")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PillarboxServer]:
    """One server for all transcripts, of two workers that the sessions fall to; each transcript has an account of its
    own, with INBOX alone, as transcripts begin."""
    folder = tmp_path_factory.mktemp("accounts")
    accounts, config = folder / "accounts.csv", folder / "pillarbox.toml"
    users = [user_of(path, name) for path in SCRIPTS for name in ("fred", *people_of(path))]
    accounts.write_text("".join(f"{user},{PASSWORD}\n" for user in users))
    config.write_text("[new_account]\nmailboxes = []\n")
    with PillarboxServer(config=config, workers=2) as running:
        running.command("user", "import", str(accounts))
        yield running


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
async def test_the_server_keeps_to_the_script_over_tls(path: Path, server: PillarboxServer) -> None:
    await Player(read_script(path), TlsStage(server, user_of(path), PASSWORD)).play()
