"""`pillarbox doctor`, `dns` and `client-config` as people run them, beside a real server."""

from __future__ import annotations

import json
import plistlib
import stat
from pathlib import Path

import pytest

from tests.cli.commands import CommandLine, Said, run
from tests.doctor.patients import installed
from tests.web import reading
from tests.web.server import free_port, webbed_server
from tests.web.sites import make_files
from tests.web.test_autoconfig import complaints
from tests.web.test_mobileconfig import verified

CONFIG = """
listen = ["127.0.0.1:{imap}"]
[client_setup]
domains = ["example.org"]
imap_host = "localhost"
smtp_host = "smtp.example.org"
imap_port = 993
[web]
listen = ["127.0.0.1:{web}"]
"""


@pytest.fixture
def house(tmp_path: Path) -> CommandLine:
    data = installed(tmp_path / "data", "alice@example.org", "bob")
    (data / "pillarbox.toml").write_text(CONFIG.format(imap=free_port(), web=free_port()))
    return CommandLine(data)


def by_name(said: Said) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for each in said.json["findings"]:
        found.setdefault(each["name"], []).append(each)
    return found


def test_doctor_speaks_in_80_columns_and_without_colour(house: CommandLine) -> None:
    said = house("doctor")
    assert (said.code, said.err) == (1, "")
    assert max(len(line) for line in said.out.splitlines() if str(house.data) not in line) <= 80
    assert "\x1b" not in said.out
    assert "Listening      warn   nothing listens at" in said.out
    assert "> Start it: pillarbox serve" in said.out
    assert said.out.splitlines()[-1].endswith(" good.")


def test_doctor_finds_a_message_that_was_changed_on_disk(house: CommandLine, tmp_path: Path) -> None:
    letter = tmp_path / "letters" / "one.eml"
    letter.parent.mkdir()
    letter.write_bytes(b"From: a@example.org\r\nSubject: whole\r\n\r\n" + b"A line of text, quite long.\r\n" * 20_000)
    house.done("import", str(letter), "--user", "bob")
    whole = by_name(house("doctor", "--json"))["mail.whole"]
    assert [(each["verdict"], each["text"]) for each in whole] == [("good", "the mail of 1 account is whole")]
    (blob,) = (path for path in (house.data / "mail").rglob("blobs/*") if path.is_file())
    blob.write_bytes(blob.read_bytes().replace(b"text", b"test", 1))
    said = house("doctor", "--json")
    (broken,) = by_name(said)["mail.whole"]
    assert (said.code, said.json["exit_code"], broken["verdict"]) == (2, 2, "failure")
    assert broken["text"].startswith("bob: content ")
    assert "restore it from your backup" in broken["remedy"]


def test_doctor_goes_on_when_the_file_is_wrong(house: CommandLine) -> None:
    (house.data / "pillarbox.toml").write_text("nonsense = 1\n")
    said = house("doctor", "--json")
    found = by_name(said)
    assert (said.code, found["configuration.file"][0]["verdict"]) == (2, "failure")
    assert {name.partition(".")[0] for name in found} >= {"folder", "certificate", "reach", "machine", "mail"}


def test_doctor_sees_a_server_that_shows_an_old_certificate(tmp_path: Path) -> None:
    files = make_files(tmp_path)
    tls = f'certificate_path = "{files.certificate_path}"\nkey_path = "{files.key_path}"'
    with webbed_server(tmp_path, tls=tls) as web:
        config = tmp_path / "with-port.toml"
        web_config = (tmp_path / "pillarbox.toml").read_text()
        listen = f'listen = ["127.0.0.1:{web.server.port}"]\n'
        config.write_text(listen + web_config)
        words = ("doctor", "--json", "--data", str(web.server.data), "--config", str(config))

        def judged() -> list[str]:
            found = by_name(run(*words))
            return [found["reach.imap"][0]["verdict"], found["reach.web"][0]["verdict"]]

        assert judged() == ["good", "good"]
        (tmp_path / "others").mkdir()
        others = make_files(tmp_path / "others")  # a restart would show these
        config.write_text(
            (listen + web_config)
            .replace(str(files.certificate_path), str(others.certificate_path))
            .replace(str(files.key_path), str(others.key_path))
        )
        assert judged() == ["warning", "warning"]


def test_dns_prints_a_zone_and_json_that_agree(house: CommandLine) -> None:
    text, listed = house("dns"), house("dns", "--json").json
    assert "no TLSA and CAA records" in text.err
    ready = [line for line in text.out.splitlines() if line and not line.startswith(";")]
    assert [line.split()[0] for line in ready] == [each["name"] for each in listed if each["state"] == "ready"]
    assert {"name", "ttl", "type", "value", "state", "why"} == set(listed[0])
    assert "_imaps._tcp.example.org.            3600 IN SRV   0 1 993 localhost." in ready


def test_dns_asks_for_the_domain_when_it_can_not_know(tmp_path: Path) -> None:
    said = run("dns", "--data", str(tmp_path))
    assert (said.code, "--domain example.org" in said.err) == (64, True)
    assert "_imaps._tcp.example.net." in run("dns", "--data", str(tmp_path), "--domain", "Example.NET").out
    assert run("dns", "--data", str(tmp_path), "--domain", "a b").code == 64


def test_client_config_shows_what_to_enter(house: CommandLine) -> None:
    said = house.done("client-config", "--user", "bob")
    assert {each.user_name for each in reading.plain(said.out.partition("\n\nThe same")[0])} == {"bob@example.org"}
    listed = house.done("client-config", "--json").json
    assert [each["address"] for each in listed] == ["alice@example.org", "bob@example.org"]
    assert house("client-config", "--user", "nobody").code == 67


@pytest.fixture
def written(house: CommandLine, tmp_path: Path) -> Path:
    said = house("client-config", "--out", str(tmp_path / "out"))
    assert (said.code, "hold no password" in said.err) == (0, True)
    assert sorted(said.out.splitlines()) == sorted(
        str(path) for path in (tmp_path / "out").rglob("*") if path.is_file()
    )
    return tmp_path / "out" / "example.org"


def test_client_config_writes_documents_that_agree(written: Path) -> None:
    assert complaints((written / "mail" / "config-v1.1.xml").read_bytes()) == []
    assert (written / ".well-known/autoconfig/mail/config-v1.1.xml").read_bytes() == (
        written / "mail/config-v1.1.xml"
    ).read_bytes()
    assert json.loads((written / "autodiscover/autodiscover.json").read_text())["Protocol"] == "AutodiscoverV1"
    for name in ("alice@example.org", "bob@example.org"):
        folder = written / "accounts" / name
        expected = reading.plain((folder / "settings.txt").read_text())
        assert reading.Page((folder / "settings.html").read_text()).servers() == expected
        assert reading.autodiscover((folder / "autodiscover.xml").read_bytes()) == expected
        assert reading.autoconfig((written / "mail/config-v1.1.xml").read_bytes(), name) == expected
        assert plistlib.loads((folder / "mail.mobileconfig").read_bytes())["PayloadType"] == "Configuration"
        assert b"<svg" in (folder / "qr.svg").read_bytes()
        assert stat.S_IMODE((folder / "qr.svg").stat().st_mode) & 0o022 == 0


def test_client_config_does_not_follow_a_link(house: CommandLine, tmp_path: Path) -> None:
    treasure = tmp_path / "treasure"
    treasure.write_text("mine")
    folder = tmp_path / "out" / "example.org"
    folder.mkdir(parents=True)
    (folder / "settings.txt").symlink_to(treasure)
    assert house("client-config", "--out", str(tmp_path / "out")).code == 69
    assert treasure.read_text() == "mine"


def test_client_config_signs_with_the_servers_certificate(tmp_path: Path) -> None:
    with webbed_server(tmp_path) as web:
        web.server.add_account("alice@example.org", "wonderland")
        web.server.command("client-config", "--out", str(tmp_path / "out"))
        path = tmp_path / "out/example.org/accounts/alice@example.org/mail.mobileconfig"
        assert verified(path.read_bytes(), web.server.ca_file).returncode == 0


@pytest.mark.parametrize("command", ["client-config", "dns", "doctor"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    said = run(command, "--help")
    assert (said.code, said.err) == (0, "")
    assert f"\n pillarbox {command}" in said.out
