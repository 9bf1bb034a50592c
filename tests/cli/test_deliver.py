"""`pillarbox deliver` and `pillarbox alias`, as a mail server and an operator run them."""

from __future__ import annotations

from tests.cli.commands import CommandLine

LETTER = "Subject: hello\n\nby pipe\n"


def messages(pillarbox: CommandLine, user: str = "alice") -> dict[str, int]:
    listed = pillarbox.done("mailbox", "list", "--user", user, "--json").json
    return {row["name"]: row["messages"] for row in listed if row["messages"]}


def test_a_message_from_stdin_is_delivered_by_name_alias_and_folder(alice: CommandLine) -> None:
    alice.done("alias", "add", "Info@example.org", "alice")
    for words in (
        ("--user", "alice"),
        ("--user", "info@example.org", "--sender", "bob@example.net"),
        ("--user", "alice+archive@example.org"),
        ("--user", "alice", "--mailbox", "Junk"),
        ("--user", "alice", "--mailbox", "no such"),
    ):
        assert alice.done("deliver", *words, stdin=LETTER).out == ""
    assert messages(alice) == {"INBOX": 3, "Archive": 1, "Junk": 1}


def test_exit_codes_are_those_that_mail_servers_know(alice: CommandLine) -> None:
    said = alice("deliver", "--user", "nobody", stdin=LETTER)
    assert (said.code, said.out) == (67, "")
    assert "nobody" in said.err
    toml = alice.data / "pillarbox.toml"
    before = toml.read_text()
    toml.write_text(before + "[store]\nmax_message_bytes = 5000\n")
    assert alice("deliver", "--user", "alice", stdin=LETTER + "x" * 2000).code == 65
    for mistake in ("[nonsense]\n", '[delivery]\nrelay = "nowhere:at:all"\n'):
        toml.write_text(before + mistake)
        said = alice("deliver", "--user", "alice", stdin=LETTER)
        assert (said.code, "Traceback" in said.err) == (75, False)
    toml.write_text(before)
    assert messages(alice) == {}


def test_aliases_are_listed_and_removed(alice: CommandLine) -> None:
    alice.done("user", "add", "bob", "--password-stdin", stdin="builder-of-things\n")
    alice.done("alias", "add", "all@example.org", "alice", "bob")
    assert alice.done("alias", "list", "--json").json == [{"address": "all@example.org", "accounts": ["alice", "bob"]}]
    alice.done("deliver", "--user", "all@example.org", stdin=LETTER)
    assert (messages(alice), messages(alice, "bob")) == ({"INBOX": 1}, {"INBOX": 1})
    alice.done("alias", "remove", "all@example.org", "bob")
    assert "all@example.org" in alice.done("alias", "list").out
    alice.done("alias", "remove", "ALL@example.org")
    assert alice("alias", "remove", "all@example.org").code == 67
    assert alice("alias", "add", "x y", "alice").code == 64
    assert alice("alias", "add", "x", "nobody").code == 67
