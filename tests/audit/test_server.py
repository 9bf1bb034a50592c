"""The audit log of a running server: what its workers write, and what is left after kill -9 while people log in."""

from __future__ import annotations

import contextlib
import imaplib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pillarbox.audit.verify import entries, verify
from tests.audit.test_trail import key_of
from tests.cli.commands import CHEAP_HASHES, CommandLine
from tests.servers.pillarbox_server import PillarboxServer

PATIENCE_SECONDS = 60.0
SECRET = "wonderland-of-tea"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PillarboxServer]:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "pillarbox.toml").write_text(CHEAP_HASHES)
    CommandLine(data).done("user", "add", "alice", "--password-stdin", stdin=SECRET + "\n")
    with PillarboxServer(data, workers=2) as running:
        yield running


def log_in(server: PillarboxServer, password: str) -> None:
    client = imaplib.IMAP4_SSL(server.host, server.port, ssl_context=server.client_context(), timeout=PATIENCE_SECONDS)
    try:
        client.login("alice", password)
        client.logout()
    except imaplib.IMAP4.error:
        client.shutdown()


def wait_for(folder: Path, event: str, count: int) -> list[str]:
    """The events of the log, once there are so many of one kind."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = [each.event for each in entries(folder)]
        if found.count(event) >= count:
            return found
        assert time.monotonic() < give_up, found
        time.sleep(0.05)


def test_logins_are_in_the_log_and_the_chain_outlives_kill_9_of_everything(server: PillarboxServer) -> None:
    folder = server.data / "audit"
    log_in(server, SECRET)
    log_in(server, "not-" + SECRET)
    before = wait_for(folder, "login.granted", 1)
    assert before.count("server.ready") == 2
    wait_for(folder, "login.denied", 1)
    stopping = threading.Event()

    def guests() -> None:
        while not stopping.is_set():
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                log_in(server, SECRET)

    coming = threading.Thread(target=guests)
    coming.start()
    wait_for(folder, "login.granted", 4)
    server.kill()
    stopping.set()
    coming.join(PATIENCE_SECONDS)
    kept = list(entries(folder))
    server.start()
    log_in(server, SECRET)
    wait_for(folder, "login.granted", sum(each.event == "login.granted" for each in kept) + 1)
    assert list(entries(folder))[: len(kept)] == kept
    server.stop()
    verdict = verify(folder, key_of(folder))
    assert verdict.broken == ""
    happened = [each.event for each in entries(folder)]
    assert happened[-1] == "server.stopped"
    written = b"".join(file.read_bytes() for file in folder.iterdir())
    assert SECRET.encode() not in written


def test_a_reload_is_in_the_log(server: PillarboxServer) -> None:
    server.reload()
    wait_for(server.data / "audit", "settings.reloaded", 1)
    (server.data / "pillarbox.toml").write_text("[auth]\nbogus = 1\n")
    server.reload()
    wait_for(server.data / "audit", "settings.not_reloaded", 1)
