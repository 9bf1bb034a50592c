"""Servers that get their certificates themselves, and go on serving meanwhile."""

from __future__ import annotations

import imaplib
import json
import re
import socket
import ssl
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from pillarbox.acme.names import NamesInvalid
from pillarbox.acme.settings import AcmeSettings
from pillarbox.app.acme import open_acme
from pillarbox.app.settings import ServerSettings
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.tree import run
from pillarbox.net.challenges import PROTOCOL
from tests.acme.pebble import PATIENCE_SECONDS, Pebble
from tests.servers.pillarbox_server import PillarboxServer

HOST = "mail.example.org"


def configured(path: Path, authority: Pebble, acme: str, more: str = "") -> Path:
    path.write_text(
        f'{more}\n[acme]\ndirectory_url = "{authority.directory_url}"\nca_path = "{authority.ca_path}"\n'
        f"terms_agreed = true\n{acme}\n[auth]\nargon2_memory_kib = 8192\nargon2_passes = 1\nargon2_lanes = 1\n"
    )
    return path


def happened(server: PillarboxServer, event: str, count: int = 1) -> list[dict[str, Any]]:
    """At least so many events of that name, waited for."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        lines = server.stderr_file.read_text().split("\n")[:-1]
        found = [
            each for each in (json.loads(line) for line in lines if line.startswith("{")) if each["event"] == event
        ]
        if len(found) >= count:
            return found
        assert time.monotonic() < give_up, "\n".join(lines)
        time.sleep(0.05)


def shown(authority: Pebble, port: int, name: str = HOST) -> str:
    """The serial of the certificate that a client gets that trusts the authority only."""
    context = ssl.create_default_context(cadata=authority.root())
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as raw,
        context.wrap_socket(raw, server_hostname=name) as client,
    ):
        return str(client.getpeercert()["serialNumber"]).lower().lstrip("0")  # type: ignore[index]  # it is verified


def acme(server: PillarboxServer, *words: str, config: Path | None = None) -> Any:
    chosen = config or server.config
    said = StringIO()
    with redirect_stdout(said):
        assert run(["acme", *words, "--json", "--data", str(server.data), "--config", str(chosen)]) == 0
    return json.loads(said.getvalue())


def test_two_workers_prove_the_name_on_their_own_port_renew_and_drop_nobody(authority: Pebble, tmp_path: Path) -> None:
    config = configured(
        tmp_path / "pillarbox.toml",
        authority,
        f'domains = ["{HOST} imap.example.org"]\nchallenge = "tls-alpn-01"\n'
        f'listen = ["127.0.0.1:{authority.tls_port}"]',
    )
    with PillarboxServer(tmp_path / "data", config=config, port=authority.tls_port, workers=2) as server:
        (issued,) = happened(server, "certificate.issued")
        assert set(issued["names"].split()) == {HOST, "imap.example.org"}
        happened(server, "certificate.added", 2)
        first = shown(authority, server.port)
        assert first == issued["serial"] == shown(authority, server.port, "imap.example.org")

        trusting = ssl.create_default_context(cafile=str(server.ca_file))
        with imaplib.IMAP4_SSL("localhost", server.port, ssl_context=trusting) as open_before:
            (renewed,) = acme(server, "renew", "--force")
            assert (renewed["result"], renewed["error"]) == ("issued", None)
            happened(server, "certificate.replaced", 2)
            assert {shown(authority, server.port) for _ in range(8)} == {renewed["serial"]}
            assert open_before.noop()[0] == "OK"
        (told,) = acme(server, "status")
        assert (told["serial"], told["failures"]) == (renewed["serial"], 0)
        acme(server, "revoke", HOST, "--reason", "superseded")
        assert (authority.status(renewed["serial"]), authority.status(first)) == ("Revoked", "Valid")
        happened(server, "certificate.removed", 2)
        with pytest.raises(ssl.SSLCertVerificationError):
            shown(authority, server.port)


def test_the_web_port_answers_authorities_and_a_failure_harms_nobody(authority: Pebble, tmp_path: Path) -> None:
    authority.lead("elsewhere.example.org", "127.0.0.2")
    config = configured(
        tmp_path / "pillarbox.toml",
        authority,
        f'domains = ["elsewhere.example.org"]\nlisten = ["127.0.0.1:{authority.http_port}"]',
        f'[web]\nlisten = ["127.0.0.1:{authority.tls_port}"]\n',
    )
    by_tls = configured(
        tmp_path / "by-tls.toml",
        authority,
        f'challenge = "tls-alpn-01"\nlisten = ["127.0.0.1:{authority.tls_port}"]',
    )
    with PillarboxServer(tmp_path / "data", config=config, workers=1) as server:
        (failed,) = happened(server, "certificate.not_issued")
        assert "the authority does not reach this machine" in failed["error"]
        assert (failed["failures"], failed["retry_seconds"]) == (1, 900)
        (issued,) = acme(server, "issue", HOST, config=by_tls)
        happened(server, "certificate.added")
        assert shown(authority, server.port) == shown(authority, authority.tls_port) == issued["serial"]
        assert [each["name"] for each in acme(server, "status")] == ["elsewhere.example.org", HOST]
        # By HTTP too: the server has bound that port, and does not listen there now.
        (again,) = acme(server, "issue", HOST)
        assert authority.status(again["serial"]) == "Valid"
        stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        stranger.check_hostname, stranger.verify_mode = False, ssl.CERT_NONE
        stranger.set_alpn_protocols([PROTOCOL])
        with (
            socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS) as raw,
            pytest.raises(ssl.SSLError, match="no application protocol"),
        ):
            stranger.wrap_socket(raw, server_hostname=HOST)


def test_a_server_stops_at_once_while_an_authority_thinks(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = tmp_path / "pillarbox.toml"
        config.write_text(
            f'[acme]\ndomains = ["{HOST}"]\ndirectory_url = "https://127.0.0.1:{silent.getsockname()[1]}/"\n'
            'listen = ["127.0.0.1:0"]\n'
        )
        with PillarboxServer(tmp_path / "data", config=config, workers=1) as server:
            silent.settimeout(PATIENCE_SECONDS)
            asking, _ = silent.accept()
            with asking:
                server.stop()  # within 20 s


def test_names_that_are_none_keep_the_server_from_starting(tmp_path: Path) -> None:
    for domains, hint in (
        (("*.example.org",), "wildcards are certified by DNS only"),
        (("mail example.org", "mail"), "mail: two entries begin with it"),
        (("192.0.2.1",), '"192.0.2.1" is no host name'),
    ):
        with pytest.raises(NamesInvalid, match=re.escape(hint)):
            open_acme(ServerSettings(tmp_path, acme=AcmeSettings(domains=domains)))


def test_commands_say_what_is_wrong(tmp_path: Path) -> None:
    for words, code, hint in (
        (("issue", "no_name"), ExitCode.USAGE, "is no host name"),
        (("issue", "127.0.0.1"), ExitCode.USAGE, "is no host name"),
        (("renew",), ExitCode.NO_INPUT, "begin with: pillarbox acme issue NAME"),
        (("revoke", "mail.example.org"), ExitCode.NO_INPUT, "see: pillarbox acme status"),
    ):
        with pytest.raises(CommandFailed, match=hint) as failed:
            run(["acme", *words, "--data", str(tmp_path / "data")])
        assert failed.value.code is code
