"""Debian's Postfix hands mixed messages over by LMTP while the server is killed with -9 and started again: what is in
people's mailboxes is exactly what Postfix accounts for.

150 messages in CI; POSTFIX_MESSAGES=1000 for the whole exercise.
"""

from __future__ import annotations

import email
import hashlib
import imaplib
import os
import re
import shutil
import smtplib
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.commands import CHEAP_HASHES
from tests.servers.pillarbox_server import PillarboxServer
from tests.servers.postfix import PostfixServer

MESSAGES = int(os.environ.get("POSTFIX_MESSAGES", "150"))
KILLS = max(3, MESSAGES // 50)
PEOPLE = ("alice", "bob", "carol", "dan")
PASSWORD = "correct horse battery"
LIMIT_BYTES = 3_000_000
WITHIN_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Letter:
    recipients: tuple[str, ...]
    content: bytes


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder that Postfix can enter, and whose socket's path is short."""
    folder = Path(tempfile.mkdtemp(prefix="lmtp-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def letters() -> list[Letter]:
    """Small ones mostly, with all that is odd strewn in."""
    made = []
    for number in range(MESSAGES):
        name = PEOPLE[number % len(PEOPLE)]
        to: tuple[str, ...] = (f"{name}@example.org",)
        text = b"Line %d of a letter\r\n" % number * (number % 40 + 1)
        match number % 10:
            case 1:
                to = ("all@example.org",)
            case 2:
                to = tuple(f"{each}@example.org" for each in PEOPLE)
            case 3:
                to = (f"{name}+Archive@example.org", f"{name}+none@example.org")
            case 4:
                to = (*to, f"nobody{number}@example.org")
            case 5:
                text = bytes(range(128, 256)) * 4 + b"\r\n"
            case 6:
                text = b".\r\n..\r\n.x\r\n" * 3
            case 7 if number % 50 == 7:
                text = b"0123456789" * 7 + b"\r\n"
                text *= 1_000_000 // len(text)
            case 8 if number % 50 == 8:
                text = (b"x" * 70 + b"\r\n") * (LIMIT_BYTES // 72 + 1)
        header = b"Subject: letter %d\r\nMessage-ID: <%d@test>\r\nFrom: alice@example.org\r\n\r\n" % (number, number)
        made.append(Letter(to, header + text))
    return made


def wait_until(happened: object, postfix: PostfixServer) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not happened():  # type: ignore[operator]  # a callable
        assert time.monotonic() < deadline, postfix.log()[-5000:]
        time.sleep(0.05)


def kept(server: PillarboxServer, name: str) -> list[bytes]:
    """All messages of one account."""
    found = []
    with imaplib.IMAP4_SSL(server.host, server.port, ssl_context=server.client_context()) as client:
        client.login(name, PASSWORD)
        for mailbox in ("INBOX", "Archive"):
            client.select(mailbox, readonly=True)
            _, answer = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
            found += [part[1] for part in answer if isinstance(part, tuple)]
    return found


@pytest.mark.timeout(1200)
def test_what_arrives_is_what_postfix_accounts_for_while_the_server_is_killed(outside: Path) -> None:
    config = outside / "pillarbox.toml"
    path = outside / "lmtp.sock"
    config.write_text(
        f'{CHEAP_HASHES}[lmtp]\nsocket_path = "{path}"\nsocket_group = "postfix"\n'
        f"[store]\nmax_message_bytes = {LIMIT_BYTES}\n[delivery]\nmemory_bytes = 100_000\n"
    )
    sent = letters()
    with PillarboxServer(config=config, workers=2) as server:
        server.add_accounts([(name, PASSWORD) for name in PEOPLE])
        server.command("alias", "add", "all@example.org", *PEOPLE)
        with PostfixServer("example.org", f"lmtp:unix:{path}") as postfix:
            for number in range(KILLS):
                with smtplib.SMTP(postfix.host, postfix.port, timeout=60) as client:
                    for letter in sent[number * len(sent) // KILLS : (number + 1) * len(sent) // KILLS]:
                        client.sendmail("alice@example.org", letter.recipients, letter.content, ["BODY=8BITMIME"])
                    done = postfix.accounts()["sent"].total()
                    wait_until(lambda done=done: postfix.accounts()["sent"].total() > done, postfix)
                    server.kill()
                server.start()
            postfix.flush()
            wait_until(lambda: not postfix.queued(), postfix)
            accounts = postfix.accounts()
        mail = {name: kept(server, name) for name in PEOPLE}
    check(sent, accounts, mail)


def check(sent: list[Letter], accounts: dict[str, Counter[tuple[str, str]]], mail: dict[str, list[bytes]]) -> None:
    assert accounts["deferred"], "it was killed while there was something to do"
    assert max(accounts["sent"].values()) == 1
    arrived = Counter(
        (message["Message-ID"].strip("<>"), message["Delivered-To"] or f"{name}@example.org", name)
        for name, raw_messages in mail.items()
        for message in map(email.message_from_bytes, raw_messages)
    )
    expected = Counter(
        (message_id, recipient, name)
        for message_id, recipient in accounts["sent"]
        for name in (PEOPLE if recipient == "all@example.org" else [re.split("[+@]", recipient)[0]])
    )
    large = {f"{number}@test" for number, letter in enumerate(sent) if len(letter.content) > 90_000}
    assert {key[0] for key in expected if key[0] in large} <= {key[0] for key in arrived}
    assert arrived == expected
    refused = {recipient for _, recipient in accounts["bounced"]}
    assert {recipient for letter in sent for recipient in letter.recipients if "nobody" in recipient} <= refused
    for message_id, recipient in accounts["bounced"]:
        assert "nobody" in recipient or len(sent[int(message_id.split("@")[0])].content) > LIMIT_BYTES
    asked = {(f"{number}@test", recipient) for number, letter in enumerate(sent) for recipient in letter.recipients}
    assert asked <= set(accounts["sent"]) | set(accounts["bounced"])
    for raw_message in (each for some in mail.values() for each in some):
        header, _, text = raw_message.partition(b"\r\n\r\n")
        if found := re.search(rb"(?m)^Message-ID: <(\d+)@test>", header):
            assert digest(text) == digest(sent[int(found[1])].content.partition(b"\r\n\r\n")[2])


def digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
