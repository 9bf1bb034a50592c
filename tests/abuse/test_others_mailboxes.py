"""Mailboxes of others, over TLS and two workers: every command asks for rights, one who may not know of a mailbox
hears what he would hear of none, and rights that go end what was open (security.md, attacks 8 and 9).

Each single right and command: tests/sharing/test_every_right.py, in memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.abuse.conftest import PASSWORD
from tests.differential.client import Client, Reply, literal
from tests.servers.pillarbox_server import PillarboxServer
from tests.sharing.test_every_right import COMMANDS, IN_BOX, IN_OWN

PATIENCE_SECONDS = 60
LETTER = literal(b"Subject: secret words\r\n\r\nx\r\n")
THERE, ABSENT, NOBODY = b"Other Users/fred/Hidden", b"Other Users/fred/Missing", b"Other Users/nobody/Hidden"

NAMING = [
    b'SELECT "%s"',
    b'EXAMINE "%s"',
    b'STATUS "%s" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN MAILBOXID)',
    b'LIST "" "%s"',
    b'LIST "" "%s/*"',
    b'LIST "%s" "%%"',
    b'LIST "" "%s" RETURN (STATUS (MESSAGES) MYRIGHTS)',
    b'LSUB "" "%s"',
    b'CREATE "%s/below"',
    b'DELETE "%s"',
    b'RENAME "%s" mine',
    b'RENAME INBOX "%s"',
    b'RENAME of-bob "%s/below"',
    b'UNSUBSCRIBE "%s"',
    b'GETACL "%s"',
    b'MYRIGHTS "%s"',
    b'LISTRIGHTS "%s" bob',
    b'SETACL "%s" bob lr',
    b'DELETEACL "%s" bob',
    b'GETQUOTAROOT "%s"',
    b'GETMETADATA "%s" /private/comment',
    b'SETMETADATA "%s" (/private/comment "x")',
    b'APPEND "%s" ' + LETTER,
    b'COPY 1 "%s"',
    b'UID MOVE 1 "%s"',
    b'REPLACE 1 "%s" ' + LETTER,
    b'ESEARCH IN (mailboxes "%s") RETURN (ALL) ALL',
    b'ESEARCH IN (subtree "%s") RETURN (ALL) ALL',
    b'NOTIFY SET (mailboxes "%s" (MessageNew MessageExpunge))',
    b'GENURLAUTH "imap://bob@localhost/%s;UID=1;URLAUTH=user+bob" INTERNAL',
]
"""Every command that names a mailbox."""


@pytest.fixture(scope="module")
def shared(neighbourhood: PillarboxServer) -> Iterator[PillarboxServer]:
    """Fred keeps Hidden to himself; bob has a letter of his own."""
    with Client(neighbourhood, PATIENCE_SECONDS) as fred, Client(neighbourhood, PATIENCE_SECONDS) as bob:
        fred.login("fred", PASSWORD)
        bob.login("bob", PASSWORD)
        for command in (b"CREATE Hidden", b"CREATE Hidden/Deeper", b"CREATE Top", b"SETACL Top eve lrk"):
            fred.ok(command)
        fred.ok(b"APPEND Hidden " + LETTER)
        bob.ok(b"APPEND INBOX " + LETTER)
        yield neighbourhood


@pytest.fixture
def bob(shared: PillarboxServer) -> Iterator[Client]:
    """Logged in, his own INBOX open."""
    with Client(shared, PATIENCE_SECONDS) as client:
        client.login("bob", PASSWORD)
        client.ok(b"SELECT INBOX")
        yield client


def heard(reply: Reply, name: bytes) -> tuple[str, bytes, list[bytes]]:
    """An answer without the name that was asked about."""
    path = name.replace(b" ", b"%20")
    blind = [line.replace(name, b"NAME").replace(path, b"NAME") for line in (reply.text, *reply.untagged)]
    return reply.status, blind[0], blind[1:]


@pytest.mark.parametrize("command", NAMING)
def test_what_is_hidden_is_answered_as_what_is_absent(bob: Client, command: bytes) -> None:
    answers = []
    for name in (THERE, ABSENT, NOBODY):
        bob.ok(b"SELECT INBOX")
        answers.append(heard(bob.command(command.replace(b"%s", name)), name))
    assert answers[0] == answers[1] == answers[2]
    assert b"secret words" not in b"".join(answers[0][2])
    assert b"* 1 EXISTS" in bob.ok(b"SELECT INBOX").untagged, "the letter is still here"


def test_what_is_hidden_was_neither_changed_nor_told_of(shared: PillarboxServer) -> None:
    with Client(shared, PATIENCE_SECONDS) as fred, Client(shared, PATIENCE_SECONDS) as bob:
        fred.login("fred", PASSWORD)
        bob.login("bob", PASSWORD)
        bob.ok(b"NOTIFY SET (personal (MessageNew MessageExpunge MailboxName))")
        fred.ok(b"APPEND Hidden " + LETTER)
        fred.ok(b"RENAME Hidden/Deeper Hidden/Elsewhere")
        fred.ok(b"RENAME Hidden/Elsewhere Hidden/Deeper")
        assert fred.ok(b"STATUS Hidden (MESSAGES)").untagged == [b"* STATUS Hidden (MESSAGES 2)"]
        assert b"Hidden" not in b"".join(bob.ok(b'LIST "" "*"').untagged + bob.ok(b"NOOP").untagged)


def test_every_command_is_refused_to_one_who_may_only_look(shared: PillarboxServer) -> None:
    with Client(shared, PATIENCE_SECONDS) as fred, Client(shared, PATIENCE_SECONDS) as eve:
        fred.login("fred", PASSWORD)
        eve.login("eve", PASSWORD)
        for command in (b"CREATE Box", b"APPEND Box " + LETTER, b"SETACL Box eve lr"):
            fred.ok(command)
        eve.ok(b"APPEND INBOX " + LETTER)
        box = b'"Other Users/fred/Box"'
        for selected, commands in ((b"INBOX", COMMANDS | IN_OWN), (box, IN_BOX)):
            eve.ok(b"SELECT " + selected)
            for command, rights in commands.items():
                if rights in ("", "r") or (selected == box and "REPLACE 1 INBOX" in command):
                    continue
                reply = eve.command(command.encode())
                assert (reply.status, reply.code) == ("NO", "NOPERM"), command
        assert fred.ok(b"STATUS Box (MESSAGES UNSEEN DELETED)").untagged == [
            b"* STATUS Box (MESSAGES 1 UNSEEN 1 DELETED 0)"
        ]


def test_rights_that_go_end_what_is_open_in_every_worker(shared: PillarboxServer) -> None:
    with Client(shared, PATIENCE_SECONDS) as fred:
        fred.login("fred", PASSWORD)
        fred.ok(b"CREATE Lent")
        fred.ok(b"APPEND Lent " + LETTER)
        fred.ok(b"SETACL Lent bob lr")
        bobs = [Client(shared, PATIENCE_SECONDS) for _ in range(4)]
        try:
            for bob in bobs:
                bob.login("bob", PASSWORD)
                bob.ok(b'SELECT "Other Users/fred/Lent"')
                assert b"secret words" in b"".join(bob.ok(b"FETCH 1 BODY.PEEK[]").untagged)
            fred.ok(b"DELETEACL Lent bob")
            for bob in bobs:
                read_until_refused(bob)
                assert bob.command(b'SELECT "Other Users/fred/Lent"').code == "NONEXISTENT"
        finally:
            for bob in bobs:
                bob.close()


def read_until_refused(client: Client) -> None:
    """What one has known may be asked about until the worker has heard; then nothing of it is read any more."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while b"secret words" in b"".join(client.command(b"UID FETCH 1 BODY.PEEK[]").untagged):
        assert time.monotonic() < deadline, "the rights went long ago"
        time.sleep(0.05)
