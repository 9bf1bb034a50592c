"""The server under test, an account of its own for each test, a witness, a home for the client."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.dovecot import DovecotServer
from tests.servers.pillarbox_server import PillarboxServer

from .account import Account, Server
from .programs import ClientHome
from .wire_tap import WireTap
from .witness import Witness

PASSWORD = "blue Teapot-7"

CONFIGURATION = """
# A hundred accounts of no worth: their passwords need not be dear to hash. They begin with INBOX alone, as those of
# the other server do. All else is the default.
[auth]
argon2_memory_kib = 8192
argon2_passes = 1
argon2_lanes = 1
sasl.scram_iterations = 4096

[new_account]
mailboxes = []
"""


class DovecotPeer(DovecotServer):
    """Dovecot in the server's place, to tell a wrong test from a wrong server."""

    def add_accounts(self, accounts: Sequence[tuple[str, str]]) -> None:
        """Before the first login: later Dovecot overlooks users that come within one second of each other."""
        for name, password in accounts:
            self.add_account(name, password)

    def stderr(self) -> str:
        return self.log_text()


@contextmanager
def _chosen_server(folder: Path) -> Iterator[Server]:
    chosen = os.environ.get("INTEROP_SERVER", "pillarbox")
    if chosen == "dovecot":
        with DovecotPeer() as dovecot:
            yield dovecot
    elif chosen == "pillarbox":
        config = folder / "pillarbox.toml"
        config.write_text(CONFIGURATION)
        workers = os.environ.get("INTEROP_WORKERS")
        with PillarboxServer(config=config, workers=None if workers is None else int(workers)) as pillarbox:
            yield pillarbox
            ours = [line for line in pillarbox.stderr().splitlines() if '"level": "error"' in line]
            assert ours == [], "no client may bring a bug of the server to light"
    else:
        pytest.fail(f"INTEROP_SERVER={chosen}: it is pillarbox or dovecot", pytrace=False)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server under test; one per test process."""
    with _chosen_server(tmp_path_factory.mktemp("server")) as chosen:
        yield chosen


@pytest.fixture(scope="session")
def user_names(server: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """A user that no test had yet, for each test that wants one; made all at once, for a start takes time."""
    wanted = sum("account" in getattr(item, "fixturenames", ()) for item in request.session.items)
    names = [f"ada{number}@example.org" for number in range(1, wanted + 1)]
    server.add_accounts([(name, PASSWORD) for name in names])
    return iter(names)


@pytest.fixture
def account(
    server: Server, user_names: Iterator[str], request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Account]:
    """A new account with an empty INBOX."""
    user = next(user_names)
    direct = Account("localhost", server.port, server.ca_file, user, PASSWORD)
    wire_logs = os.environ.get("INTEROP_WIRE_LOG")
    if wire_logs is None:
        yield direct
        return
    folder = Path(wire_logs)
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "_", f"{request.path.stem}__{request.node.name}")
    with WireTap(direct, folder / f"{name}.log", tmp_path) as tap:
        yield tap.account


@pytest.fixture
def witness(account: Account, server: Server) -> Witness:
    """Looks from outside, never through the wire tap: the log shows the client under test alone."""
    return Witness(Account("localhost", server.port, server.ca_file, account.user, account.password))


@pytest.fixture
def home(tmp_path: Path) -> ClientHome:
    """An empty home directory for a client program."""
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    return ClientHome(path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failing test shows the end of what the server logged."""
    report = yield
    server = getattr(item, "funcargs", {}).get("server")
    if report.failed and server is not None:
        report.sections.append(("server log, last lines", "\n".join(server.stderr().splitlines()[-40:])))
    wire = getattr(item, "funcargs", {}).get("wire")
    if report.failed and wire is not None:
        said = wire.log_file.read_text(errors="replace").splitlines()
        report.sections.append(("on the wire, last lines", "\n".join(line[:200] for line in said[-60:])))
    return report
