"""The server under abuse, a real process over TLS, and what is checked after every single test: the same process
runs, a client that was connected all along is served, a new one can log in, and memory has not run away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.abuse.talk import LOGIN, RudeClient
from tests.cli.commands import CHEAP_HASHES
from tests.differential.client import Client
from tests.servers.pillarbox_server import PillarboxServer

NEIGHBOURS = ("fred", "bob", "eve", "mallory")
PASSWORD = "correct horse battery"

MEMORY_GROWTH_BYTES = 48 * 1024 * 1024
"""One test may leave the process this much larger; unbounded input of the tests is far above it."""

CONFIGURATION = """
# Short time-outs, so that tests see them; every size and count is the default.
[net]
handshake_timeout_seconds = 2
login_timeout_seconds = 4
unwritable_timeout_seconds = 4
sweep_interval_seconds = 0.2
max_connections_per_address = 200
"""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PillarboxServer]:
    config = tmp_path_factory.mktemp("abuse") / "pillarbox.toml"
    config.write_text(CONFIGURATION)
    with PillarboxServer(config=config, workers=1) as running:  # who is harmed shares a process with who harms
        running.add_account(*LOGIN)
        yield running


@pytest.fixture(scope="session")
def neighbourhood(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PillarboxServer]:
    """Two workers and people who all have the same password; wrong ones from this machine are not throttled."""
    folder = tmp_path_factory.mktemp("neighbourhood")
    config = folder / "pillarbox.toml"
    config.write_text(
        CHEAP_HASHES + '[auth.throttle]\nexempt_networks = ["127.0.0.0/8"]\nfailures_per_account = 1000\n'
        "[net]\nlogin_timeout_seconds = 120\nmax_connections_per_address = 500\n[imap]\nbad_commands = 10000\n"
    )
    with PillarboxServer(config=config, workers=2) as running:
        running.add_accounts([(name, PASSWORD) for name in NEIGHBOURS])
        running.command("user", "disable", "mallory")
        yield running


@pytest.fixture(scope="session")
def bystander(server: PillarboxServer) -> Iterator[Client]:
    """Somebody who only wants to read mail."""
    with Client(server, timeout_seconds=20) as client:
        client.login(*LOGIN)
        client.ok(b"SELECT INBOX")
        yield client


@pytest.fixture(autouse=True)
def unharmed(server: PillarboxServer, bystander: Client) -> Iterator[None]:
    """The promise of this folder, after every test."""
    process_id, before = server.process_id, memory_bytes(server)
    yield
    assert psutil.pid_exists(process_id), server.stderr()
    bystander.ok(b"NOOP")
    with Client(server, timeout_seconds=20) as newcomer:
        newcomer.login(*LOGIN)
    assert memory_bytes(server) - before < MEMORY_GROWTH_BYTES
    assert "Traceback" not in server.stderr(), "a client found a bug"


@pytest.fixture
def stranger(server: PillarboxServer) -> Iterator[RudeClient]:
    """Connected, not logged in."""
    with RudeClient(server, timeout_seconds=20) as client:
        yield client


@pytest.fixture
def guest(server: PillarboxServer) -> Iterator[RudeClient]:
    """Logged in, nothing selected."""
    with RudeClient(server, timeout_seconds=60) as client:
        client.login(*LOGIN)
        yield client


def memory_bytes(server: PillarboxServer) -> int:
    """Resident memory of the server's processes."""
    main = psutil.Process(server.process_id)
    return sum(int(process.memory_info().rss) for process in (main, *main.children(recursive=True)))


def files_below(folder: Path) -> set[Path]:
    """Every file and folder, for tests that must not leave any elsewhere."""
    return set(folder.rglob("*"))
