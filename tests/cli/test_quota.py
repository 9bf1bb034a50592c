"""`pillarbox quota` and `user admin`: as a person at a shell sees them."""

from __future__ import annotations

from pillarbox.cli.exits import ExitCode
from tests.cli.commands import CommandLine


def test_what_is_set_is_shown_and_taken_back(alice: CommandLine) -> None:
    alice.done("quota", "set", "--user", "alice", "--storage", "2M", "--messages", "10", "--mailboxes", "none")
    told = alice.done("quota", "show", "--json").json
    assert [account["name"] for account in told] == ["alice"]
    assert told[0]["STORAGE"] == {"used": 0, "limit": 2048}
    assert told[0]["MESSAGE"] == {"used": 0, "limit": 10}
    assert told[0]["MAILBOX"]["limit"] is None
    said = alice.done("quota", "set", "--user", "alice", "--storage", "default").out
    assert "alice STORAGE: 0 bytes of none" in said
    assert "alice MESSAGE: 0 of 10" in said
    assert "MESSAGE" in alice.done("quota", "show", "--user", "alice").out


def test_what_is_no_limit_is_refused_with_an_example(alice: CommandLine) -> None:
    for words in (("--storage", "lots"), ("--messages", "5G"), ()):
        said = alice("quota", "set", "--user", "alice", *words)
        assert said.code == ExitCode.USAGE
    assert "20G" in alice("quota", "set", "--user", "alice", "--storage", "lots").err
    assert alice("quota", "set", "--user", "nobody", "--storage", "1G").code == ExitCode.NO_USER


def test_an_account_becomes_an_administrator_and_no_longer(alice: CommandLine) -> None:
    assert alice.done("user", "admin", "alice", "on").out == "alice is an administrator\n"
    assert alice.done("user", "list", "--json").json[0]["admin"] is True
    assert alice.done("user", "admin", "alice", "off").out == "alice is no longer an administrator\n"
    assert alice.done("user", "list", "--json").json[0]["admin"] is False
    assert alice("user", "admin", "alice", "maybe").code == ExitCode.USAGE
