"""NeoMutt, the mail reader of the terminal, driven by keys in tmux."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from .account import Account
from .letters import BIG, MULTILINGUAL, PICTURES, PLAIN, VARIED, letter
from .maildir import Maildir
from .programs import ClientHome
from .terminal import Terminal
from .witness import Witness

CONFIGURATION = """
set imap_user = "{user}"
set imap_pass = "{password}"
set folder = "imaps://{host}:{port}/"
set spoolfile = "+INBOX"
set record = ""
set ssl_force_tls = yes
set ssl_ca_certificates_file = "{ca_file}"
set header_cache = "{home}/cache"
set message_cachedir = "{home}/cache"
set imap_idle = yes
set imap_condstore = yes
set imap_list_subscribed = no
set timeout = 1
set mail_check = 1
set sort = mailbox-order
set date_format = "%Y-%m-%d"
set index_format = "%4C %Z [%d] %-15.15F %s"
set status_format = "%f total:%m"
set pager_index_lines = 0
set confirmappend = no
set confirmcreate = no
set delete = yes
set quit = yes
set move = no
set mark_old = no
set wait_key = no
set beep = no
set resolve = yes
set send_charset = utf-8
bind index,pager Q quit
{extra}
"""


@dataclass(frozen=True, slots=True)
class NeoMutt:
    account: Account
    home: ClientHome

    def configure(self, extra: str = "") -> None:
        account = self.account
        (self.home.path / "cache").mkdir(exist_ok=True)
        text = CONFIGURATION.format(
            user=account.user,
            password=account.password,
            host=account.host,
            port=account.port,
            ca_file=account.ca_file,
            home=self.home.path,
            extra=extra,
        )
        self.home.write("neomuttrc", text)

    def open(self, *options: str) -> Terminal:
        return Terminal(self.home, ["neomutt", "-F", str(self.home.path / "neomuttrc"), *options])


@pytest.fixture
def neomutt(account: Account, home: ClientHome) -> NeoMutt:
    client = NeoMutt(account, home)
    client.configure()
    return client


def test_neomutt_lists_and_shows_letters_and_marks_them_read(neomutt: NeoMutt, witness: Witness) -> None:
    for content in VARIED:
        witness.put(content)
    with neomutt.open() as terminal:
        index = terminal.wait_for("Fwd: Lunch on Thursday")
        assert "Привет, 世界" in index
        assert "Jürgen Grüße" in index
        terminal.type("1", "Enter", "Enter")
        terminal.wait_for("The teapot is blue.")
        terminal.type("i", "2", "Enter", "Enter")
        terminal.wait_for("東京からこんにちは")
        terminal.type("i", "3", "Enter", "v")
        parts = terminal.wait_for("Bücher.pdf")
        assert "image/png" in parts
        terminal.type("q")
        terminal.wait_for("Fwd: Lunch on Thursday")
        terminal.type("Q")
        assert terminal.wait_for_exit() == 0
    assert witness.flags() == {
        1: frozenset({"\\Seen"}),
        2: frozenset({"\\Seen"}),
        3: frozenset(),
        4: frozenset(),
    }
    assert witness.contents() == list(VARIED)


def test_neomutt_flags_copies_saves_and_deletes(neomutt: NeoMutt, witness: Witness) -> None:
    witness.create("Archive")
    for content in VARIED:
        witness.put(content)
    with neomutt.open() as terminal:
        terminal.wait_for("Fwd: Lunch on Thursday")
        terminal.type("1", "Enter", "F")
        terminal.type("2", "Enter", "C", "=Archive", "Enter")
        terminal.type("3", "Enter", "s", "=Archive", "Enter")
        terminal.type("4", "Enter", "d", "$")
        terminal.wait_for("total:2")
        terminal.type("Q")
        assert terminal.wait_for_exit() == 0
    assert witness.contents() == [PLAIN, MULTILINGUAL]
    assert witness.contents("Archive") == [MULTILINGUAL, PICTURES]
    assert "\\Flagged" in witness.flags()[1]


def test_neomutt_searches_on_the_server(neomutt: NeoMutt, witness: Witness) -> None:
    for content in VARIED:
        witness.put(content)
    with neomutt.open() as terminal:
        terminal.wait_for("Fwd: Lunch on Thursday")
        terminal.type("l", "=b teapot", "Enter")
        screen = terminal.wait_until_gone("Holiday pictures")
        assert screen.count("Lunch on Thursday") == 2
        terminal.type("l", "=h 'Message-ID: pictures@example.org'", "Enter")
        screen = terminal.wait_for("Holiday pictures")
        assert "Lunch on Thursday" not in screen
        terminal.type("Q")
        assert terminal.wait_for_exit() == 0


def test_neomutt_uploads_a_local_mailbox(neomutt: NeoMutt, home: ClientHome, witness: Witness) -> None:
    witness.create("Uploaded")
    local = Maildir(home.path / "local")
    local.make()
    for number, content in enumerate((*VARIED, BIG)):
        local.deliver(f"{number}.near", content, "S")
    with neomutt.open("-f", str(local.path)) as terminal:
        terminal.wait_for("Minutes of the meeting")
        terminal.type("T", "~A", "Enter", ";C", "=Uploaded", "Enter")
        terminal.type("Q")
        assert terminal.wait_for_exit() == 0
    added = re.compile(rb"^(Status|Content-Length|Lines): .*\r\n", re.MULTILINE)
    arrived = [added.sub(b"", content) for content in witness.contents("Uploaded")]
    assert sorted(arrived) == sorted((*VARIED, BIG)), "apart from the headers that it adds to each"
    assert set(witness.flags("Uploaded").values()) == {frozenset({"\\Seen"})}


def test_neomutt_creates_renames_and_deletes_mailboxes_in_its_browser(neomutt: NeoMutt, witness: Witness) -> None:
    witness.create("Alt")
    with neomutt.open() as terminal:
        terminal.wait_for("total:0")
        terminal.type("c", "?")
        terminal.wait_for("q:Exit")
        terminal.type("\t", "=")
        terminal.wait_for("Alt")
        terminal.type("C", "Bücher", "Enter")
        terminal.wait_for("Mailbox created")
        terminal.type("q")
        terminal.wait_for("total:0")
        terminal.type("Q")
        assert terminal.wait_for_exit() == 0
    assert witness.names() == {"INBOX", "Alt", "Bücher"}


def test_neomutt_idling_shows_a_letter_as_it_arrives(neomutt: NeoMutt, witness: Witness) -> None:
    witness.put(PLAIN)
    with neomutt.open() as terminal:
        terminal.wait_for("Lunch on Thursday")
        witness.put(letter("while you were idle"))
        terminal.wait_for("while you were idle")
        witness.remove(1)
        terminal.wait_for("total:1")
        terminal.type("Q")
        assert terminal.wait_for_exit() == 0
    assert [message.uid for message in witness.messages()] == [2]


def test_neomutt_with_its_cache_shows_what_changed_meanwhile(neomutt: NeoMutt, witness: Witness) -> None:
    for content in VARIED:
        witness.put(content)
    with neomutt.open() as terminal:
        terminal.wait_for("Fwd: Lunch on Thursday")
        terminal.type("Q")
        assert terminal.wait_for_exit() == 0
    before = witness.state()
    with neomutt.open() as terminal:
        terminal.wait_for("Fwd: Lunch on Thursday")
        terminal.type("Q")
        assert terminal.wait_for_exit() == 0
    assert witness.state() == before, "opening and leaving again changes nothing"
    witness.remove(2)
    witness.add_flags(3, "\\Flagged")
    witness.put(letter("one more"))
    with neomutt.open() as terminal:
        screen = terminal.wait_for("one more")
        assert "Привет" not in screen
        flagged = [line for line in screen.splitlines() if "Holiday pictures" in line]
        assert len(flagged) == 1
        assert "!" in flagged[0]
        terminal.type("Q")
        assert terminal.wait_for_exit() == 0


def test_neomutt_warns_of_a_server_whose_authority_it_does_not_know(neomutt: NeoMutt, home: ClientHome) -> None:
    text = (home.path / "neomuttrc").read_text()
    home.write("neomuttrc", text.replace(str(neomutt.account.ca_file), "/etc/ssl/certs/ca-certificates.crt"))
    with neomutt.open() as terminal:
        terminal.wait_for("(r)eject")
        terminal.type("r")
        terminal.wait_for("Unable to open mailbox")
