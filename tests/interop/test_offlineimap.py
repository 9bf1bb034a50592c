"""offlineimap3, the other program that keeps a Maildir and an account the same, both ways.

It adds an `X-OfflineIMAP` header to what it uploads where the server does not tell the UID of an APPEND; here the
server does, so bytes stay as they are.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pytest

from .account import Account
from .letters import BIG, MULTILINGUAL, PICTURES, PLAIN, VARIED, letter
from .maildir import Maildir
from .programs import ClientHome
from .witness import Witness

CONFIGURATION = """
[general]
accounts = pillarbox
metadata = {home}/metadata
maxsyncaccounts = 1
ui = basic
fsync = false

[Account pillarbox]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {home}/mail
sep = /
utf8foldernames = no

[Repository far]
type = IMAP
remotehost = {host}
remoteport = {port}
remoteuser = {user}
remotepass = {password}
ssl = yes
sslcacertfile = {ca_file}
ssl_version = tls1_2
maxconnections = {connections}
{extra}
"""


@dataclass(frozen=True, slots=True)
class OfflineImap:
    account: Account
    home: ClientHome
    witness: Witness

    def configure(self, connections: int = 1, extra: str = "") -> None:
        account = self.account
        text = CONFIGURATION.format(
            host=account.host,
            port=account.port,
            user=account.user,
            password=account.password,
            ca_file=account.ca_file,
            home=self.home.path,
            connections=connections,
            extra=extra,
        )
        self.home.write(".offlineimaprc", text)

    def sync(self) -> str:
        """Sync everything once; returns what offlineimap tells about it."""
        done = self.home.attempt(["offlineimap", "-o"])
        said = (done.stdout + done.stderr).decode()
        assert done.returncode == 0, said
        assert "ERROR" not in said, said
        return said

    def maildir(self, mailbox: str = "INBOX") -> Maildir:
        return Maildir(self.home.path / "mail" / mailbox)

    def assert_nothing_to_do(self, *mailboxes: str) -> None:
        before = [(self.witness.state(name), self.maildir(name).snapshot()) for name in mailboxes]
        said = self.sync()
        after = [(self.witness.state(name), self.maildir(name).snapshot()) for name in mailboxes]
        assert after == before
        for work in ("Copy message", "Adding flag", "Removing flag", "Deleting"):
            assert work not in said, said


@pytest.fixture
def offlineimap(account: Account, home: ClientHome, witness: Witness) -> OfflineImap:
    client = OfflineImap(account, home, witness)
    client.configure()
    return client


def test_offlineimap_fetches_everything_and_then_finds_nothing_to_do(
    offlineimap: OfflineImap, witness: Witness
) -> None:
    witness.create("Archive", "Archive/Bücher")
    for content in VARIED:
        witness.put(content, flags=["\\Seen"])
    witness.put(BIG, "Archive", ["\\Flagged"])
    witness.put(MULTILINGUAL, "Archive/Bücher")
    offlineimap.sync()
    assert offlineimap.maildir().letters() == {content: frozenset({"\\Seen"}) for content in VARIED}
    assert offlineimap.maildir("Archive").letters() == {BIG: frozenset({"\\Flagged"})}
    assert offlineimap.maildir("Archive/B&APw-cher").letters() == {MULTILINGUAL: frozenset()}
    offlineimap.assert_nothing_to_do("INBOX", "Archive")


def test_offlineimap_uploads_letters_and_mailboxes(offlineimap: OfflineImap, witness: Witness) -> None:
    offlineimap.sync()
    offlineimap.maildir().deliver("1.near", PLAIN, "S")
    offlineimap.maildir("Projects").make()
    offlineimap.maildir("Projects").deliver("2.near", PICTURES, "FS")
    offlineimap.sync()
    assert [(message.content, message.flags) for message in witness.messages()] == [(PLAIN, {"\\Seen"})]
    assert [(message.content, message.flags) for message in witness.messages("Projects")] == [
        (PICTURES, {"\\Seen", "\\Flagged"})
    ]
    offlineimap.assert_nothing_to_do("INBOX", "Projects")


def test_offlineimap_carries_flags_both_ways(offlineimap: OfflineImap, witness: Witness) -> None:
    for content in VARIED:
        witness.put(content)
    offlineimap.sync()
    witness.add_flags(1, "\\Answered", "\\Seen")
    offlineimap.maildir().mark(b"many-tongues", "\\Flagged")
    offlineimap.sync()
    assert witness.flags() == {
        1: frozenset({"\\Answered", "\\Seen"}),
        2: frozenset({"\\Flagged"}),
        3: frozenset(),
        4: frozenset(),
    }
    assert offlineimap.maildir().letters()[PLAIN] == {"\\Answered", "\\Seen"}
    offlineimap.assert_nothing_to_do("INBOX")


def test_offlineimap_carries_deletions_both_ways(offlineimap: OfflineImap, witness: Witness) -> None:
    for content in VARIED:
        witness.put(content)
    offlineimap.sync()
    witness.remove(1)
    offlineimap.maildir().find(b"many-tongues").unlink()
    offlineimap.sync()
    assert [message.uid for message in witness.messages()] == [3, 4]
    assert set(offlineimap.maildir().letters()) == set(VARIED[2:])
    offlineimap.assert_nothing_to_do("INBOX")


def test_offlineimap_over_several_connections_loses_and_doubles_nothing(
    offlineimap: OfflineImap, witness: Witness
) -> None:
    offlineimap.configure(connections=3)
    names = [f"Box {number}" for number in range(4)]
    witness.create(*names)
    for name in names:
        witness.put(letter(f"far {name}"), name)
    offlineimap.sync()
    for number, name in enumerate(names):
        offlineimap.maildir(name).deliver(f"{number}.near", letter(f"near {name}"))
    offlineimap.sync()
    for name in names:
        expected = {letter(f"far {name}"), letter(f"near {name}")}
        assert set(witness.contents(name)) == expected
        assert set(offlineimap.maildir(name).letters()) == expected
    offlineimap.assert_nothing_to_do(*names)


def test_offlineimap_starting_anew_knows_the_same_uids(offlineimap: OfflineImap, witness: Witness) -> None:
    """Its state lost, its Maildir kept: UIDs in file names still match, so nothing comes twice."""
    for content in VARIED:
        witness.put(content)
    offlineimap.sync()
    before = offlineimap.maildir().snapshot()
    shutil.rmtree(offlineimap.home.path / "metadata")
    offlineimap.sync()
    assert offlineimap.maildir().snapshot() == before
    assert witness.contents() == list(VARIED)


def test_offlineimap_refuses_a_server_whose_authority_it_does_not_know(
    offlineimap: OfflineImap, home: ClientHome
) -> None:
    text = (home.path / ".offlineimaprc").read_text()
    home.write(".offlineimaprc", text.replace(str(offlineimap.account.ca_file), "/etc/ssl/certs/ca-certificates.crt"))
    done = home.attempt(["offlineimap", "-o"])
    assert done.returncode != 0
    assert b"certificate verify failed" in done.stdout + done.stderr
