"""`pillarbox audit ...`, and what other commands leave in the log."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pillarbox.cli.exits import ExitCode
from tests.backup.conftest import CommandLine
from tests.cli.commands import CHEAP_HASHES
from tests.cli.commands import CommandLine as Program


@pytest.fixture
def alice(tmp_path: Path) -> CommandLine:
    """The command line, within this process, on a data folder with one account."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "pillarbox.toml").write_text(CHEAP_HASHES)
    (tmp_path / "people.csv").write_text("alice,wonderland\n")
    line = CommandLine(data)
    line.done("user", "import", str(tmp_path / "people.csv"))
    return line


@pytest.fixture
def log(alice: CommandLine) -> Path:
    return alice.data / "audit"


def test_what_commands_change_is_in_the_log_with_who_did_it(alice: CommandLine) -> None:
    alice.done("user", "disable", "alice")
    alice.done("bans", "add", "192.0.2.7", "--reason", "tests")
    alice.done("quota", "set", "--user", "alice", "--storage", "20G")
    alice.done("acl", "set", "--user", "alice", "INBOX", "anyone", "lr")
    found = alice.done("audit", "list", "--json").json
    assert [(each["event"], each["fields"]) for each in found] == [
        ("account.added", {"login": "alice"}),
        ("account.disabled", {"login": "alice"}),
        ("ban.added", {"network": "192.0.2.7/32", "until": "", "reason": "tests"}),
        ("quota.changed", {"login": "alice", "storage": "20G"}),
        ("acl.changed", {"owner": "alice", "mailbox": "INBOX", "identifier": "anyone", "rights": "lr"}),
    ]
    assert {each["by"].partition(":")[0] for each in found} == {"command"}
    of_alice = alice.done("audit", "list", "--user", "alice", "--event", "account", "--since", "1d", "--json").json
    assert [each["number"] for each in of_alice] == [1, 2]
    assert alice.done("audit", "list", "--until", "1d").out == ""


def test_no_password_is_in_the_log(alice: CommandLine, log: Path) -> None:
    Program(alice.data).done("user", "password", "alice", "--password-stdin", stdin="looking-glass\n")
    written = b"".join(file.read_bytes() for file in log.iterdir())
    assert b"account.password_changed" in written
    assert b"looking-glass" not in written
    assert b"wonderland" not in written


def test_a_log_that_is_whole_says_so_and_that_its_key_should_live_elsewhere(alice: CommandLine, log: Path) -> None:
    said = alice.done("audit", "verify")
    assert said.out.startswith("whole: entries 1 to 1, head 1:")
    assert f"move {log / 'verification.key'} to another machine" in said.out
    elsewhere = alice.data.parent / "verification.key"
    (log / "verification.key").rename(elsewhere)
    assert "give the verification key with --key" in alice.done("audit", "verify").out
    verdict = alice.done("audit", "verify", "--key", str(elsewhere), "--json").json
    assert (verdict["whole"], verdict["sealed"], verdict["entries"]) == (True, True, 1)


def test_a_changed_log_is_told_with_the_first_broken_entry(alice: CommandLine, log: Path) -> None:
    alice.done("user", "disable", "alice")
    head = alice.done("audit", "verify", "--json").json["head"]
    file = log / "audit-000000000001.jsonl"
    before = file.read_bytes()
    file.write_bytes(before.replace(b"account.disabled", b"account.enabled!"))
    said = alice("audit", "verify")
    assert (said.code, said.out) == (ExitCode.BAD_DATA, "")
    expected = (
        "the audit log is broken: entry 2: it was changed: its hash does not fit (audit-000000000001.jsonl, line 2)"
    )
    assert expected in said.err
    file.write_bytes(before)
    assert alice("audit", "verify", "--head", head).code == 0
    assert alice("audit", "verify", "--head", "9" + head).code == ExitCode.BAD_DATA
    assert alice("audit", "verify", "--head", "bogus").code == ExitCode.USAGE


def test_an_export_has_the_lines_as_they_were_written(alice: CommandLine, log: Path) -> None:
    assert alice.done("audit", "export").out == (log / "audit-000000000001.jsonl").read_text()


def test_a_tail_tells_what_comes(alice: CommandLine) -> None:
    command = [sys.executable, "-m", "pillarbox", "audit", "tail", "--json", "--every", "0.05"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, "--data", str(alice.data)], stdout=subprocess.PIPE, text=True, env=environment
    ) as tail:
        assert tail.stdout is not None
        try:
            assert json.loads(tail.stdout.readline())["event"] == "account.added"
            alice.done("user", "disable", "alice")
            assert json.loads(tail.stdout.readline())["event"] == "account.disabled"
        finally:
            tail.kill()


def test_without_a_log_nothing_is_said_to_be_whole(alice: CommandLine, log: Path) -> None:
    for file in log.iterdir():
        file.unlink()
    said = alice("audit", "verify")
    assert said.code == ExitCode.NO_INPUT
    assert "there is no audit log" in said.err
