"""mbsync (isync), which keeps a Maildir and an account the same, both ways.

mbsync adds an `X-TUID` header to what it copies, so letters are compared without it. It keeps them with LF line ends
and sends CRLF.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from .account import Account
from .letters import BIG, MULTILINGUAL, PICTURES, PLAIN, VARIED, letter
from .maildir import Maildir
from .programs import ClientHome
from .witness import Witness

CONFIGURATION = """
IMAPAccount pillarbox
Host {host}
Port {port}
User {user}
Pass "{password}"
SSLType IMAPS
SSLVersions TLSv1.2 TLSv1.3
SystemCertificates no
CertificateFile {ca_file}
{extra}

IMAPStore far
Account pillarbox

MaildirStore near
Path {home}/mail/
Inbox {home}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
CopyArrivalDate yes
SyncState *
"""


@dataclass(frozen=True, slots=True)
class Mbsync:
    account: Account
    home: ClientHome
    witness: Witness

    def configure(self, extra: str = "") -> None:
        account = self.account
        (self.home.path / "mail").mkdir(exist_ok=True)
        text = CONFIGURATION.format(
            host=account.host,
            port=account.port,
            user=account.user,
            password=account.password,
            ca_file=account.ca_file,
            home=self.home.path,
            extra=extra,
        )
        self.home.write(".mbsyncrc", text)

    def sync(self) -> str:
        """Sync everything; returns what mbsync tells about it."""
        return self.home.run(["mbsync", "--verbose", "all"]).decode()

    def maildir(self, mailbox: str = "INBOX") -> Maildir:
        return Maildir(self.home.path / "mail" / mailbox)

    def letters(self, mailbox: str = "INBOX") -> dict[bytes, frozenset[str]]:
        """Content and flags of what is on the near side."""
        return {without_tuid(content): flags for content, flags in self.maildir(mailbox).letters().items()}

    def assert_nothing_to_do(self, *mailboxes: str) -> None:
        """Sync again: neither side may change by a single flag or file."""
        before = [(self.witness.state(name), self.maildir(name).snapshot()) for name in mailboxes]
        said = self.sync()
        after = [(self.witness.state(name), self.maildir(name).snapshot()) for name in mailboxes]
        assert after == before
        for line in re.findall(r"^(?:Far|Near|F|N):.*$", said, re.MULTILINE):
            assert re.search(r"\+[1-9]|\*[1-9]|#[1-9]", line) is None, line


@pytest.fixture
def mbsync(account: Account, home: ClientHome, witness: Witness) -> Mbsync:
    client = Mbsync(account, home, witness)
    client.configure()
    return client


def test_mbsync_fetches_everything_and_then_finds_nothing_to_do(mbsync: Mbsync, witness: Witness) -> None:
    witness.create("Archive", "Archive/Bücher & Co")
    for content in (*VARIED, BIG):
        witness.put(content, flags=["\\Seen"])
    witness.put(PLAIN, "Archive", ["\\Flagged"])
    witness.put(MULTILINGUAL, "Archive/Bücher & Co")
    mbsync.sync()
    assert mbsync.letters() == {content: frozenset({"\\Seen"}) for content in (*VARIED, BIG)}
    assert mbsync.letters("Archive") == {PLAIN: frozenset({"\\Flagged"})}
    assert mbsync.letters("Archive/B&APw-cher &- Co") == {MULTILINGUAL: frozenset()}
    mbsync.assert_nothing_to_do("INBOX", "Archive")


def test_mbsync_uploads_letters_and_mailboxes(mbsync: Mbsync, witness: Witness) -> None:
    mbsync.sync()
    mbsync.maildir().deliver("1.near", PLAIN, "S")
    mbsync.maildir().deliver("2.near", PICTURES, "FS")
    mbsync.maildir("Projects").make()
    mbsync.maildir("Projects").deliver("3.near", BIG)
    mbsync.sync()
    assert {without_tuid(message.content): message.flags for message in witness.messages()} == {
        PLAIN: frozenset({"\\Seen"}),
        PICTURES: frozenset({"\\Seen", "\\Flagged"}),
    }
    assert [without_tuid(content) for content in witness.contents("Projects")] == [BIG]
    mbsync.assert_nothing_to_do("INBOX", "Projects")


def test_mbsync_carries_flags_both_ways(mbsync: Mbsync, witness: Witness) -> None:
    for content in VARIED:
        witness.put(content)
    mbsync.sync()
    witness.add_flags(1, "\\Answered", "\\Seen")
    mbsync.maildir().mark(b"many-tongues", "\\Flagged")
    mbsync.sync()
    assert witness.flags() == {
        1: frozenset({"\\Answered", "\\Seen"}),
        2: frozenset({"\\Flagged"}),
        3: frozenset(),
        4: frozenset(),
    }
    assert mbsync.letters()[PLAIN] == {"\\Answered", "\\Seen"}
    mbsync.maildir().mark(b"many-tongues")
    mbsync.sync()
    assert witness.flags()[2] == frozenset()
    mbsync.assert_nothing_to_do("INBOX")


def test_mbsync_carries_deletions_both_ways(mbsync: Mbsync, witness: Witness) -> None:
    for content in VARIED:
        witness.put(content)
    mbsync.sync()
    witness.remove(1)
    mbsync.maildir().find(b"many-tongues").unlink()
    mbsync.sync()
    assert [message.uid for message in witness.messages()] == [3, 4]
    assert set(mbsync.letters()) == set(VARIED[2:])
    mbsync.assert_nothing_to_do("INBOX")


def test_mbsync_with_arrivals_on_both_sides_loses_and_doubles_nothing(mbsync: Mbsync, witness: Witness) -> None:
    mbsync.sync()
    for round_number in range(3):
        witness.put(letter(f"far {round_number}"))
        mbsync.maildir().deliver(f"{round_number}.near", letter(f"near {round_number}"))
        mbsync.sync()
    expected = sorted(letter(f"{side} {number}") for side in ("far", "near") for number in range(3))
    assert sorted(without_tuid(content) for content in witness.contents()) == expected
    assert sorted(without_tuid(content) for content in mbsync.letters()) == expected
    mbsync.assert_nothing_to_do("INBOX")


def test_mbsync_deletes_a_mailbox_that_is_gone_on_the_other_side(mbsync: Mbsync, witness: Witness) -> None:
    witness.create("Old")
    witness.put(PLAIN, "Old")
    mbsync.sync()
    (mbsync.maildir("Old").find(b"teapot")).unlink()
    mbsync.sync()
    assert witness.contents("Old") == []
    with witness.session() as client:
        client.delete_folder("Old")
    mbsync.sync()
    assert not mbsync.maildir("Old").path.exists()


def test_mbsync_one_command_at_a_time_gets_the_same(mbsync: Mbsync, witness: Witness) -> None:
    """Without pipelining and extensions, as people set it for difficult servers."""
    mbsync.configure("PipelineDepth 1\nDisableExtensions LITERAL+ UIDPLUS MOVE NAMESPACE\n")
    witness.put(PLAIN)
    mbsync.sync()
    mbsync.maildir().deliver("1.near", PICTURES)
    mbsync.sync()
    assert sorted(without_tuid(content) for content in witness.contents()) == sorted([PLAIN, PICTURES])
    mbsync.assert_nothing_to_do("INBOX")


def test_mbsync_refuses_a_server_whose_authority_it_does_not_know(mbsync: Mbsync, home: ClientHome) -> None:
    text = (home.path / ".mbsyncrc").read_text()
    home.write(".mbsyncrc", re.sub(r"CertificateFile .*\n", "", text))
    done = home.attempt(["mbsync", "all"])
    assert done.returncode != 0
    assert b"certificate" in done.stderr


def without_tuid(content: bytes) -> bytes:
    return re.sub(rb"^X-TUID: [^\r\n]*\r\n", b"", content, flags=re.MULTILINE)
