"""A running server whose people are in a directory, or in PAM: what mail programs and the operator see."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.commands import CHEAP_HASHES
from tests.differential.client import Client
from tests.servers.pam_service import pam_people
from tests.servers.pillarbox_server import PillarboxServer, ServerTrouble
from tests.servers.slapd import BASE, GROUP, SERVICE_DN, Slapd

LDAP = """backend = "ldap"
[auth.ldap]
servers = ["{url}"]
ca_file = "{ca_file}"
bind_dn = "{dn}"
bind_password_file = "{password_file}"
base = "{base}"
filter = "(|(uid={{login}})(mail={{login}}))"
name_attribute = "uid"
admin_group = "{group}"
timeout_seconds = 60
"""


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def outcome(server: PillarboxServer, name: str, password: str) -> tuple[str, str]:
    with Client(server) as client:
        reply = client.command(f'LOGIN {name} "{password}"'.encode())
        return reply.status, reply.code


def listed(server: PillarboxServer) -> dict[str, tuple[str, bool]]:
    return {
        each["name"]: (each["password"], each["admin"]) for each in json.loads(server.command("user", "list", "--json"))
    }


def test_people_of_a_directory_have_mail_here_and_nothing_else_changes(tmp_path: Path) -> None:
    with Slapd() as slapd:
        config = tmp_path / "pillarbox.toml"
        config.write_text(
            CHEAP_HASHES
            + LDAP.format(
                url=slapd.ldap,
                ca_file=slapd.ca_file,
                dn=SERVICE_DN,
                password_file=slapd.password_file,
                base=BASE,
                group=GROUP,
            )
        )
        with PillarboxServer(tmp_path / "data", config=config, workers=2) as server:
            with Client(server) as alice:
                alice.login("alice@example.org", "wonderland")
                alice.ok(b"CREATE hers")
            with Client(server) as alice:
                alice.login("alice", "wonderland")
                assert b"hers" in b"".join(alice.ok(b'LIST "" "*"').untagged)
            assert outcome(server, "alice", "builder") == ("NO", "AUTHENTICATIONFAILED")
            assert outcome(server, "bob", "builder") == ("OK", "CAPABILITY")
            assert listed(server) == {"alice": ("ldap", False), "bob": ("ldap", True)}
            slapd.stop()
            assert outcome(server, "nobody", "wonderland") == ("NO", "UNAVAILABLE")
            assert "passwords.unavailable" in server.stderr()
            slapd.start()
            assert outcome(server, "nobody", "wonderland") == ("NO", "AUTHENTICATIONFAILED")
            config.write_text(config.read_text().replace(f'"{slapd.ldap}"', '"ldap:nowhere"'))
            server.reload()
            wait_until(lambda: "settings.not_reloaded" in server.stderr())
            assert outcome(server, "alice", "wonderland") == ("OK", "CAPABILITY")
        said = server.stderr_file.read_text()
    for secret in ("wonderland", "builder", "service secret"):
        assert secret not in said


def test_people_of_pam_have_mail_here(tmp_path: Path) -> None:
    config = tmp_path / "pillarbox.toml"
    with pam_people(tmp_path, {"alice": "wonderland"}) as service:
        config.write_text(
            f'{CHEAP_HASHES}backend = "pam"\n[auth.pam]\nservice = "{service}"\n'
            'timeout_seconds = 60\ndomain = "example.org"\n'
        )
        with PillarboxServer(tmp_path / "data", config=config, workers=1) as server:
            assert outcome(server, "alice", "wonderland") == ("OK", "CAPABILITY")
            assert outcome(server, "Alice@Example.org", "wonderland") == ("OK", "CAPABILITY")
            assert outcome(server, "alice@example.org", "builder") == ("NO", "AUTHENTICATIONFAILED")
            assert listed(server) == {"alice@example.org": ("pam", False)}


def test_a_back_end_that_can_not_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    config = tmp_path / "pillarbox.toml"
    config.write_text('[auth]\nbackend = "ldap"\n')
    server = PillarboxServer(tmp_path / "data", config=config)
    with pytest.raises(ServerTrouble, match=r"auth\.ldap\.servers names no server"):
        server.start()
