"""fetchmail, which fetches mail and hands it to a delivery program; also while idling."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass

import pytest

from .account import Account
from .letters import BIG, MULTILINGUAL, PLAIN, VARIED, letter
from .maildir import Maildir
from .programs import ClientHome, find_program
from .witness import Witness

NO_MAIL = 1
WITHIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Fetchmail:
    account: Account
    home: ClientHome

    def command(self, *options: str) -> list[str]:
        """fetchmail with a control file, delivering each letter into a file of its own."""
        account = self.account
        deliver = self.home.write("deliver", f"#!/bin/sh\n{Maildir(self.home.path / 'mail').delivery_program()}\n")
        deliver.chmod(0o700)
        control = self.home.write(
            "fetchmailrc",
            f'poll {account.host} service {account.port} protocol imap username "{account.user}"'
            f' password "{account.password}" ssl sslproto "tls1.2+" sslcertck sslcertfile "{account.ca_file}"'
            f' mda "{deliver}"\n',
        )
        return ["fetchmail", "--fetchmailrc", str(control), "--nosyslog", "--invisible", "--nobounce", *options]

    def __call__(self, *options: str) -> int:
        """Poll once; the exit code says whether there was mail."""
        done = self.home.attempt(self.command(*options))
        assert done.returncode in {0, NO_MAIL}, (done.stdout + done.stderr).decode()
        return done.returncode

    def letters(self) -> list[bytes]:
        return sorted(Maildir(self.home.path / "mail").letters())


@pytest.fixture
def fetchmail(account: Account, home: ClientHome) -> Fetchmail:
    return Fetchmail(account, home)


def test_fetchmail_takes_the_mail_and_leaves_the_mailbox_empty(fetchmail: Fetchmail, witness: Witness) -> None:
    for content in (*VARIED, BIG):
        witness.put(content)
    assert fetchmail() == 0
    assert fetchmail.letters() == sorted((*VARIED, BIG))
    assert witness.messages() == []
    assert fetchmail() == NO_MAIL


def test_fetchmail_keeping_mail_fetches_only_the_unseen(fetchmail: Fetchmail, witness: Witness) -> None:
    witness.put(PLAIN)
    witness.put(MULTILINGUAL, flags=["\\Seen"])
    assert fetchmail("--keep") == 0
    assert fetchmail.letters() == [PLAIN]
    assert witness.flags() == {1: frozenset({"\\Seen"}), 2: frozenset({"\\Seen"})}
    assert fetchmail("--keep") == NO_MAIL


def test_fetchmail_reads_other_mailboxes(fetchmail: Fetchmail, witness: Witness) -> None:
    witness.create("Archive/2026")
    witness.put(PLAIN, "Archive/2026")
    assert fetchmail("--folder", "Archive/2026", "--all", "--keep") == 0
    assert fetchmail.letters() == [PLAIN]


def test_fetchmail_idling_takes_a_letter_as_it_arrives(
    fetchmail: Fetchmail, home: ClientHome, witness: Witness
) -> None:
    witness.put(PLAIN)
    command = fetchmail.command("--idle", "--keep")
    running = subprocess.Popen(
        [find_program("fetchmail"), *command[1:]],
        env=home.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_for_letters(fetchmail, running, 1)
        witness.put(letter("while you were idle"))
        _wait_for_letters(fetchmail, running, 2)
    finally:
        running.terminate()
        running.communicate(timeout=WITHIN_SECONDS)
    assert fetchmail.letters() == sorted([PLAIN, letter("while you were idle")])


def _wait_for_letters(fetchmail: Fetchmail, running: subprocess.Popen[bytes], count: int) -> None:
    """Until so many are delivered: fetchmail tells of it in no other way."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while len(fetchmail.letters()) < count:
        if running.poll() is not None or time.monotonic() > deadline:
            running.terminate()
            said = running.communicate()[0].decode()
            pytest.fail(f"fetchmail delivered {len(fetchmail.letters())} of {count} letters\n{said}", pytrace=False)
        time.sleep(0.05)
