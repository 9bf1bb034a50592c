"""`pillarbox acl`, `group` and `shared`: what is granted at the command line is what people see."""

from __future__ import annotations

from pillarbox.cli.exits import ExitCode
from tests.cli.commands import CommandLine


def add(pillarbox: CommandLine, *names: str) -> None:
    for name in names:
        pillarbox.done("user", "add", name, "--password-stdin", stdin="wonderland\n")


def test_rights_are_set_shown_and_taken_away(alice: CommandLine) -> None:
    said = alice.done("acl", "set", "--user", "alice", "Drafts", "Bob", "lrd")
    assert said.out == "Bob has the rights lrte to Drafts of alice\n"
    alice.done("acl", "set", "--user", "alice", "Drafts", "group:Family", "lr")
    alice.done("acl", "set", "--user", "alice", "Drafts", "bob", "+s")
    assert alice.done("acl", "list", "--user", "alice", "--json").json == [
        {"mailbox": "Drafts", "rights": {"bob": "lrste", "group:family": "lr"}}
    ]
    alice.done("acl", "set", "--user", "alice", "Drafts", "bob", "none")
    assert alice.done("acl", "get", "Drafts", "--user", "alice").out == "Drafts\tgroup:family\tlr\n"
    assert alice.done("acl", "rebuild").out == "1 noted\n"


def test_what_can_not_be_granted_is_told(alice: CommandLine) -> None:
    for words, code, hint in (
        (("Nowhere", "bob", "lr"), ExitCode.NO_INPUT, "there is no mailbox Nowhere"),
        (("Drafts", "bob", "lrQ"), ExitCode.USAGE, "docs/sharing.md"),
        (("Drafts", "two words", "lr"), ExitCode.USAGE, "group:"),
        (("Drafts", "alice", "lr"), ExitCode.USAGE, "always has all rights"),
    ):
        said = alice("acl", "set", "--user", "alice", *words)
        assert (said.code, said.out) == (code, "")
        assert hint in said.err


def test_groups_have_members_as_long_as_there_are_accounts(alice: CommandLine) -> None:
    add(alice, "bob", "eve")
    alice.done("group", "add", "Family", "alice", "bob", "eve")
    assert alice("group", "add", "family", "nobody").code == ExitCode.NO_USER
    alice.done("group", "remove", "family", "eve")
    alice.done("user", "remove", "bob", "--yes")
    add(alice, "bob")
    assert alice.done("group", "list", "--json").json == [{"group": "family", "accounts": ["alice"]}]
    assert alice("group", "remove", "family", "bob").code == ExitCode.NO_USER
    alice.done("group", "remove", "family")
    assert alice.done("group", "list", "--json").json == []


def test_a_new_account_of_an_old_name_has_no_rights_of_the_old_one(alice: CommandLine) -> None:
    add(alice, "bob")
    alice.done("acl", "set", "--user", "alice", "Drafts", "bob", "lr")
    alice.done("acl", "set", "--user", "alice", "Drafts", "anyone", "l")
    alice.done("user", "remove", "bob", "--yes")
    assert alice.done("acl", "list", "--user", "alice", "--json").json == [
        {"mailbox": "Drafts", "rights": {"anyone": "l"}}
    ]


def test_shared_mailboxes_belong_to_nobody(alice: CommandLine) -> None:
    alice.done("shared", "create", "News/Old")
    assert alice("shared", "create", "News/Old").code == ExitCode.EXISTS
    assert alice.done("shared", "list").out == "News/Old\tnobody else\t\n"
    alice.done("shared", "grant", "News/Old", "anyone", "lrs")
    assert alice.done("shared", "list", "--json").json == [{"mailbox": "News/Old", "rights": {"anyone": "lrs"}}]
    assert alice("shared", "remove", "News/Old").code == ExitCode.USAGE
    alice.done("shared", "remove", "News/Old", "--yes")
    assert alice.done("shared", "list", "--json").json == []
