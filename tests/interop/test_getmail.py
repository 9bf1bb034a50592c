"""getmail6, which fetches mail into a Maildir and remembers what it had by UIDVALIDITY and UID."""

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
[retriever]
type = SimpleIMAPSSLRetriever
server = {host}
port = {port}
username = {user}
password = {password}
ca_certs = {ca_file}
mailboxes = {mailboxes}
{retriever}

[destination]
type = MDA_external
path = {deliver}
allow_root_commands = true

[options]
delivered_to = false
received = false
verbose = 2
{options}
"""


@dataclass(frozen=True, slots=True)
class Getmail:
    account: Account
    home: ClientHome

    def configure(
        self, *, mailboxes: str = '("INBOX",)', retriever: str = "", options: str = "read_all = false"
    ) -> None:
        deliver = self.home.write("deliver", f"#!/bin/sh\n{Maildir(self.home.path / 'mail').delivery_program()}\n")
        deliver.chmod(0o700)
        account = self.account
        text = CONFIGURATION.format(
            host=account.host,
            port=account.port,
            user=account.user,
            password=account.password,
            ca_file=account.ca_file,
            deliver=deliver,
            mailboxes=mailboxes,
            retriever=retriever,
            options=options,
        )
        self.home.write(".getmail/getmailrc", text)

    def fetch(self) -> str:
        done = self.home.attempt(["getmail", "--getmaildir", str(self.home.path / ".getmail")])
        said = (done.stdout + done.stderr).decode()
        assert done.returncode == 0, said
        return said

    def letters(self) -> list[bytes]:
        """What it fetched, without the headers that it always adds."""
        return sorted(
            re.sub(rb"^(Return-Path|X-getmail-[\w-]+): .*\r\n", b"", content, flags=re.MULTILINE)
            for content in Maildir(self.home.path / "mail").letters()
        )


@pytest.fixture
def getmail(account: Account, home: ClientHome) -> Getmail:
    client = Getmail(account, home)
    client.configure()
    return client


def test_getmail_fetches_each_letter_once(getmail: Getmail, witness: Witness) -> None:
    for content in (*VARIED, BIG):
        witness.put(content)
    assert "5 messages (" in getmail.fetch()
    assert getmail.letters() == sorted((*VARIED, BIG))
    assert "0 messages (" in getmail.fetch()
    witness.put(letter("one more"))
    assert "1 messages (" in getmail.fetch()
    assert getmail.letters() == sorted((*VARIED, BIG, letter("one more")))
    assert len(witness.messages()) == 6


def test_getmail_deletes_what_it_fetched_when_told_so(getmail: Getmail, witness: Witness) -> None:
    getmail.configure(options="delete = true")
    for content in VARIED:
        witness.put(content)
    getmail.fetch()
    assert getmail.letters() == sorted(VARIED)
    assert witness.messages() == []


def test_getmail_moves_what_it_fetched_to_another_mailbox(getmail: Getmail, witness: Witness) -> None:
    witness.create("Fetched")
    getmail.configure(retriever="move_on_delete = Fetched", options="delete = true")
    for content in VARIED:
        witness.put(content)
    getmail.fetch()
    assert getmail.letters() == sorted(VARIED)
    assert witness.messages() == []
    assert sorted(witness.contents("Fetched")) == sorted(VARIED)


def test_getmail_reads_all_mailboxes(getmail: Getmail, witness: Witness) -> None:
    witness.create("Archive", "Archive/Bücher & Co")
    witness.put(PLAIN)
    witness.put(PICTURES, "Archive")
    witness.put(MULTILINGUAL, "Archive/Bücher & Co")
    getmail.configure(mailboxes="ALL")
    getmail.fetch()
    assert getmail.letters() == sorted([PLAIN, PICTURES, MULTILINGUAL])
    assert "0 messages (" in getmail.fetch()
