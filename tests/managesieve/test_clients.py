"""Real ManageSieve clients over STARTTLS and TLS: sievelib, sieve-connect, openssl."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sievelib.managesieve

from tests.servers.pillarbox_server import PillarboxServer

SCRIPT = 'require "fileinto";\r\nfileinto "Lists";\r\n'


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Served:
    def __init__(self, server: PillarboxServer, upgraded: int, secured: int) -> None:
        self.server = server
        self.upgraded = upgraded
        self.secured = secured


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("managesieve")
    upgraded, secured = _free_ports(2)
    config = folder / "pillarbox.toml"
    config.write_text(
        "[auth]\nargon2_memory_kib = 8192\nargon2_passes = 1\nargon2_lanes = 1\n"
        f'[managesieve]\nlisten = ["127.0.0.1:{upgraded}"]\nlisten_tls = ["127.0.0.1:{secured}"]\n'
    )
    with PillarboxServer(folder / "data", config=config, workers=2) as server:
        server.add_account("alice", "wonderland")
        server.add_account("bob", "builder")
        yield Served(server, upgraded, secured)


@pytest.mark.parametrize("how", ["starttls", "ssl"])
def test_sievelib_manages_scripts(served: Served, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda *_, **__: make(cafile=str(served.server.ca_file)))
    client = sievelib.managesieve.Client("127.0.0.1", served.upgraded if how == "starttls" else served.secured)
    assert client.connect("alice", "wonderland", authmech="PLAIN", **{how: True})
    assert client.putscript("main", SCRIPT)
    assert not client.putscript("wrong", "nonsense;")
    assert b'line 1, column 1: there is no command "nonsense"' in client.errmsg
    assert client.setactive("main")
    assert client.listscripts() == ("main", [])
    assert client.getscript("main").splitlines() == SCRIPT.splitlines()
    assert client.renamescript("main", "other")
    assert client.setactive("")
    assert client.deletescript("other")
    client.logout()


def test_sieve_connect_uploads_lists_and_downloads(served: Served, tmp_path: Path) -> None:
    if shutil.which("sieve-connect") is None:
        pytest.fail("sieve-connect is not installed: apt-get install sieve-connect", pytrace=False)
    local = tmp_path / "main.sieve"
    local.write_bytes(SCRIPT.encode())

    def connect(*words: str) -> str:
        read, write = os.pipe()
        os.write(write, b"builder\n")
        os.close(write)
        ours = ("--server", "localhost", "--port", str(served.upgraded), "--user", "bob", "--4")
        trust = ("--tlscafile", str(served.server.ca_file), "--passwordfd", str(read), "--authmech", "PLAIN")
        try:
            done = subprocess.run(
                ["sieve-connect", *ours, *trust, *words],
                pass_fds=(read,),
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        finally:
            os.close(read)
        assert done.returncode == 0, done.stderr
        return done.stdout

    connect("--upload", "--localsieve", str(local), "--remotesieve", "main")
    connect("--activate", "--remotesieve", "main")
    assert connect("--list").split() == ['"main"', "ACTIVE"]
    fetched = tmp_path / "fetched.sieve"
    connect("--download", "--remotesieve", "main", "--localsieve", str(fetched))
    assert fetched.read_bytes().split() == SCRIPT.encode().split()


def test_clear_text_behind_starttls_is_never_carried_out(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.upgraded), timeout=30) as client:
        heard = client.makefile("rb")
        while not heard.readline().startswith(b"OK"):
            pass
        client.sendall(b'STARTTLS\r\nNOOP "injected"\r\n')
        assert heard.readline().startswith(b"BYE")
        assert heard.readline() == b""


def test_openssl_speaks_starttls_and_the_certificate_holds(served: Served) -> None:
    where = ("-starttls", "sieve", "-connect", f"localhost:{served.upgraded}", "-4")
    trust = ("-CAfile", str(served.server.ca_file), "-verify_return_error", "-quiet", "-no_ign_eof")
    done = subprocess.run(
        ["openssl", "s_client", *where, *trust],
        input=b"LOGOUT\r\n",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
