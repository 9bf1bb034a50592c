"""The server process: first run, ready line, stop, reload, workers."""

from __future__ import annotations

import imaplib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import sys
import time
from pathlib import Path

import psutil
import pytest

from pillarbox.app import house
from pillarbox.app.housekeeping import NICENESS
from pillarbox.clock import SystemClock
from pillarbox.net.certificates import ensure_certificates
from tests.app.process import PATIENCE_SECONDS, ServerProcess
from tests.servers.pillarbox_server import PillarboxServer

BOTH = pytest.mark.parametrize("workers", [1, 2])


def test_the_first_run_makes_a_private_folder_and_says_how_to_trust_the_server(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with ServerProcess(folder) as first:
        assert re.fullmatch(r"ready imaps://127\.0\.0\.1:[1-9][0-9]*\n", first.line)
        first.connect().logout()
    assert str(folder / "certificates" / "authority.crt") in first.rest()
    assert f"imaps://{os.uname().nodename}:{first.port}/" in first.rest()
    open_to_others = [path for path in (folder, *folder.rglob("*")) if path.is_dir() and path.stat().st_mode & 0o077]
    assert open_to_others == []
    with ServerProcess(folder) as second:
        second.connect().logout()
    assert "SHA-256" not in second.rest()


@BOTH
def test_sigterm_says_bye_and_ends_with_status_0(tmp_path: Path, workers: int) -> None:
    with ServerProcess(tmp_path, workers) as running:
        client = running.connect()
        running.process.terminate()
        assert client.readline() == b"* BYE Server is shutting down\r\n"
        client.shutdown()
        assert running.process.wait(PATIENCE_SECONDS) == 0


@BOTH
def test_ctrl_c_stops_as_well(tmp_path: Path, workers: int) -> None:
    with ServerProcess(tmp_path, workers) as running:
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(PATIENCE_SECONDS) == 0
    assert "Traceback" not in running.rest()


@BOTH
@pytest.mark.parametrize("workers_of_the_second", [1, 2])
def test_a_second_server_on_the_port_says_so_plainly(tmp_path: Path, workers: int, workers_of_the_second: int) -> None:
    with ServerProcess(tmp_path, workers) as running:
        second = ServerProcess(tmp_path, workers_of_the_second, port=running.port)
        assert second.process.wait(PATIENCE_SECONDS) == 69
        wanted = f"cannot start: can't listen at 127.0.0.1 port {running.port}: another program is there already\n"
        assert second.rest() == wanted
        running.connect().logout()


def test_all_addresses_are_announced_as_localhost(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, host="*") as running:
        assert running.line == f"ready imaps://localhost:{running.port}\n"
        running.connect().logout()


def test_a_data_folder_that_is_a_file_and_a_missing_certificate_are_plain_errors(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for process, wanted in (
        (ServerProcess(file), str(file)),
        (ServerProcess(tmp_path / "data", certificate=tmp_path / "absent.pem"), "absent.pem: No such file"),
    ):
        assert process.process.wait(PATIENCE_SECONDS) == 69
        assert wanted in process.rest()
        assert "Traceback" not in process.rest()


@BOTH
def test_sighup_shows_the_new_certificate_and_keeps_connections(tmp_path: Path, workers: int) -> None:
    old = ensure_certificates(tmp_path / "old", (), 30, SystemClock())
    new = ensure_certificates(tmp_path / "new", (), 30, SystemClock())
    path = tmp_path / "server.pem"
    shutil.copy(old.files.certificate_path, path)
    with ServerProcess(tmp_path / "data", workers, certificate=path) as running:
        kept = imaplib.IMAP4_SSL("127.0.0.1", running.port, ssl_context=trusting(old.authority_path))
        path.write_bytes(b"broken")
        running.process.send_signal(signal.SIGHUP)
        for _ in range(workers + (workers > 1)):  # the supervisor reads it too
            running.wait_for("certificate.not_reloaded")
        imaplib.IMAP4_SSL("127.0.0.1", running.port, ssl_context=trusting(old.authority_path)).logout()
        shutil.copy(new.files.certificate_path, path)
        running.process.send_signal(signal.SIGHUP)
        for _ in range(workers + (workers > 1)):
            running.wait_for("certificate.reloaded")
        for _ in range(8):
            imaplib.IMAP4_SSL("127.0.0.1", running.port, ssl_context=trusting(new.authority_path)).logout()
        assert kept.noop()[0] == "OK"
        kept.logout()


def test_a_killed_worker_is_replaced_and_the_others_serve_on(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, 2) as running:
        ready = [running.wait_for("server.ready") for _ in range(2)]
        assert {each["worker"] for each in ready} == {0, 1}
        clients = [running.connect() for _ in range(16)]
        victim, survivor = (psutil.Process(each["pid"]) for each in ready)
        kept = [client for client in clients if served_by(client, survivor)]
        assert kept
        victim.kill()
        died = running.wait_for("worker.died")
        assert died["exit_code"] == -signal.SIGKILL
        assert running.wait_for("server.ready")["worker"] == died["worker"]
        assert all(client.noop()[0] == "OK" for client in kept)
        for _ in range(16):
            running.connect().logout()
        for client in clients:
            client.shutdown()
        children = psutil.Process(running.process.pid).children()
        assert running.stop() == 0
        assert [child for child in children if child.is_running()] == []


def test_workers_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, 2) as running:
        workers = psutil.Process(running.process.pid).children()
        assert len(workers) == 3, "two workers and the housekeeper"
        client = running.connect()
        running.process.kill()
        assert client.readline() == b"* BYE Server is shutting down\r\n"
        client.shutdown()
        gone, alive = psutil.wait_procs(workers, PATIENCE_SECONDS)
        assert (len(gone), alive) == (3, [])


def test_a_worker_that_can_not_start_fails_the_start(tmp_path: Path) -> None:
    (tmp_path / "accounts.db").mkdir()
    for workers in (1, 2):
        process = ServerProcess(tmp_path, workers)
        assert process.process.wait(PATIENCE_SECONDS) == 69
        assert "accounts.db" in process.rest()
        assert "Traceback" not in process.rest()


def test_asyncio_serves_where_uvloop_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    loop = house.new_loop()
    assert type(loop).__module__.startswith("asyncio.")
    loop.close()


def trusting(authority_path: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority_path))


def served_by(client: imaplib.IMAP4_SSL, worker: psutil.Process) -> bool:
    own_port = client.socket().getsockname()[1]
    return any(one.raddr and one.raddr.port == own_port for one in worker.net_connections())


def capability(client: imaplib.IMAP4, name: str) -> str:
    return next(each.partition("=")[2] for each in client.capabilities if each.startswith(name + "="))


def test_a_reload_gives_new_settings_to_new_clients_and_keeps_those_who_are_there(tmp_path: Path) -> None:
    config = tmp_path / "pillarbox.toml"
    config.write_text("[store]\nmax_message_bytes = 111111\n")
    with PillarboxServer(config=config, workers=2) as server:
        server.add_account("ann", "correct horse battery")
        events = Events(server)
        kept = [logged_in(server) for _ in range(8)]
        config.write_text("[store]\nmax_message_bytes = 222222\n")
        server.reload()
        events.wait_for("server.ready", 4)
        events.wait_for("server.draining", 2)
        assert {capability(logged_in(server), "APPENDLIMIT") for _ in range(8)} == {"222222"}
        for client in kept:
            assert client.select()[0] == "OK"
            assert capability(client, "APPENDLIMIT") == "111111"
            client.logout()
        events.wait_for("worker.drained", 2)
        config.write_text("[store]\nmax_message_bytes = 'many'\n")
        server.reload()
        events.wait_for("settings.not_reloaded", 1)
        config.write_text("[auth.throttle]\nexempt_networks = ['office']\n")
        server.reload()
        events.wait_for("settings.not_reloaded", 2)
        config.write_text("listen = ['127.0.0.1:1']\n[store]\nmax_message_bytes = 222222\n[tls]\nrenew_days_left = 3\n")
        server.reload()
        assert events.wait_for("settings.need_restart", 1)["settings"] == "tls"  # --listen wins over the file
        assert capability(logged_in(server), "APPENDLIMIT") == "222222"
        assert events.count("server.ready") == 4


def test_those_who_stay_after_a_reload_hear_goodbye_when_their_time_is_over(tmp_path: Path) -> None:
    config = tmp_path / "pillarbox.toml"
    config.write_text("[net]\ndrain_seconds = 0.5\n")
    with PillarboxServer(config=config, workers=2) as server:
        server.add_account("ann", "correct horse battery")
        events = Events(server)
        client = logged_in(server)
        config.write_text("[net]\ndrain_seconds = 0.6\n")
        server.reload()
        assert client.readline() == b"* BYE Server is shutting down\r\n"
        client.shutdown()
        events.wait_for("worker.drained", 2)
        logged_in(server).logout()


def test_a_reload_counts_at_the_port_for_starttls_too(tmp_path: Path) -> None:
    config = tmp_path / "pillarbox.toml"
    config.write_text("listen_starttls = ['127.0.0.1:0']\n")
    with PillarboxServer(config=config, workers=2) as server:
        events = Events(server)
        port = int(str(events.wait_for("starttls.ready", 2)["where"]).rpartition(":")[2])
        config.write_text("listen_starttls = ['127.0.0.1:0']\nproxy_from = ['127.0.0.1']\n")
        server.reload()
        events.wait_for("worker.drained", 2)
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"PROXY TCP4 203.0.113.9 127.0.0.1 4000 143\r\n1 LOGOUT\r\n")
            assert client.makefile("rb").read().endswith(b"1 OK LOGOUT completed\r\n")


def logged_in(server: PillarboxServer) -> imaplib.IMAP4_SSL:
    client = imaplib.IMAP4_SSL("localhost", server.port, ssl_context=server.client_context())
    client.login("ann", "correct horse battery")
    client.capabilities = tuple(client.capability()[1][0].decode().split())
    return client


class Events:
    """What a server logs."""

    def __init__(self, server: PillarboxServer) -> None:
        self._server = server

    def named(self, name: str) -> list[dict[str, object]]:
        found = [json.loads(line) for line in self._server.stderr().splitlines() if line.startswith("{")]
        return [event for event in found if event["event"] == name]

    def count(self, name: str) -> int:
        return len(self.named(name))

    def wait_for(self, name: str, count: int) -> dict[str, object]:
        """The last of so many events of a name, once they are there."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while len(found := self.named(name)) < count:
            assert time.monotonic() < give_up, f"no {name} in {self._server.stderr()}"
            time.sleep(0.02)
        return found[-1]


def test_the_housekeeper_accepts_nobody_and_one_that_dies_is_replaced(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, 2) as running:
        keeping = psutil.Process(running.wait_for("housekeeper.ready")["pid"])
        assert keeping.nice() == NICENESS
        assert keeping.net_connections("tcp") == []
        keeping.kill()
        successor = running.wait_for("housekeeper.ready")
        assert successor["pid"] != keeping.pid
        assert running.stop() == 0
