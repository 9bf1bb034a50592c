"""imap-tools, the high-level Python library."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from imap_tools import AND, NOT, OR, H, MailBox, MailboxLoginError, MailMessageFlags

from .account import Account
from .letters import BIG, MULTILINGUAL, PICTURE, PICTURES, PLAIN, VARIED, letter
from .witness import Witness


@pytest.fixture
def client(account: Account) -> Iterator[MailBox]:
    box = MailBox(account.host, account.port, timeout=30, ssl_context=account.tls())
    with box.login(account.user, account.password) as connected:
        yield connected


def test_imap_tools_hears_that_a_password_is_wrong(account: Account) -> None:
    with pytest.raises(MailboxLoginError):
        MailBox(account.host, account.port, timeout=30, ssl_context=account.tls()).login(account.user, "green teapot")


def test_imap_tools_reads_letters_with_text_html_pictures_and_attachments(client: MailBox) -> None:
    for content in VARIED:
        client.append(content, "INBOX", dt=datetime(2026, 2, 2, tzinfo=UTC), flag_set=[MailMessageFlags.FLAGGED])
    plain, multilingual, pictures, forwarded = client.fetch(mark_seen=False)
    assert plain.text == "The teapot is blue.\r\n"
    assert plain.flags.count(MailMessageFlags.FLAGGED) == 1
    assert multilingual.subject == "Привет, 世界"
    assert multilingual.from_values is not None
    assert multilingual.from_values.name == "Jürgen Grüße"
    assert "東京" in multilingual.text
    assert "Schöne Grüße" in pictures.html
    assert [(part.filename, part.payload) for part in pictures.attachments] == [
        ("dot.png", PICTURE),
        ("Bücher.pdf", b"%PDF-1.4 not much of a book"),
    ]
    assert forwarded.headers["in-reply-to"] == ("<lunchonthursday@example.org>",)


def test_imap_tools_fetches_in_bulk_and_in_slices(client: MailBox) -> None:
    for number in range(25):
        client.append(letter(f"letter {number}"), "INBOX")
    client.append(BIG, "INBOX")
    assert [message.subject for message in client.fetch(limit=3, reverse=True, bulk=True)] == [
        "Minutes of the meeting",
        "letter 24",
        "letter 23",
    ]
    assert [message.uid for message in client.fetch(limit=slice(10, 13), bulk=5, headers_only=True)] == [
        "11",
        "12",
        "13",
    ]
    assert len(client.uids()) == client.folder.status()["MESSAGES"] == 26
    assert [message.obj.as_bytes().replace(b"\n", b"\r\n") for message in client.fetch("UID 26")] == [BIG]


def test_imap_tools_searches_with_its_query_builder(client: MailBox) -> None:
    for content in VARIED:
        client.append(content, "INBOX", dt=datetime(2026, 2, 2, tzinfo=UTC))
    client.flag("2", MailMessageFlags.FLAGGED, True)
    assert client.uids(AND(from_="ada", subject="lunch")) == ["1"]
    assert client.uids(OR(flagged=True, header=H("In-Reply-To", "lunchonthursday"))) == ["2", "4"]
    assert client.uids(NOT(AND(from_="example.org"))) == ["2", "4"]
    assert client.uids(AND(date_gte=date(2026, 2, 2), size_gt=len(MULTILINGUAL))) == [
        str(uid) for uid, content in enumerate(VARIED, start=1) if len(content) > len(MULTILINGUAL)
    ]
    assert client.uids(AND(subject="Привет"), charset="UTF-8") == ["2"]
    assert client.uids(AND(text="schöne"), charset="UTF-8") == ["3"]
    assert client.uids(AND(no_keyword="Work", uid=["1", "4"])) == ["1", "4"]


def test_imap_tools_marks_letters_read_by_reading_them(client: MailBox, witness: Witness) -> None:
    for content in VARIED:
        client.append(content, "INBOX")
    next(iter(client.fetch("UID 1")))
    next(iter(client.fetch("UID 2", mark_seen=False)))
    client.flag(["3", "4"], [MailMessageFlags.ANSWERED, "Work"], True)
    client.flag("4", "Work", False)
    assert witness.flags() == {
        1: frozenset({"\\Seen"}),
        2: frozenset(),
        3: frozenset({"\\Answered", "Work"}),
        4: frozenset({"\\Answered"}),
    }


def test_imap_tools_copies_moves_and_deletes(client: MailBox, witness: Witness) -> None:
    client.folder.create("Archive")
    for content in VARIED:
        client.append(content, "INBOX")
    client.copy(["1", "2"], "Archive")
    client.move(["3"], "Archive")
    client.delete(["4"])
    assert witness.contents() == [PLAIN, MULTILINGUAL]
    assert witness.contents("Archive") == [PLAIN, MULTILINGUAL, PICTURES]


def test_imap_tools_manages_folders(client: MailBox, witness: Witness) -> None:
    client.folder.create("Entwürfe")
    client.folder.create("Entwürfe/Alt & Neu")
    client.folder.subscribe("Entwürfe", True)
    assert {folder.name for folder in client.folder.list()} >= {"INBOX", "Entwürfe", "Entwürfe/Alt & Neu"}
    assert [folder.name for folder in client.folder.list(subscribed_only=True)] == ["Entwürfe"]
    client.folder.rename("Entwürfe/Alt & Neu", "Neu")
    assert client.folder.exists("Neu")
    client.folder.set("Neu")
    assert client.folder.get() == "Neu"
    client.append(PLAIN, "Neu")
    assert client.folder.status("Neu", ["MESSAGES", "UNSEEN"]) == {"MESSAGES": 1, "UNSEEN": 1}
    client.folder.set("INBOX")
    client.folder.delete("Neu")
    assert witness.names() >= {"INBOX", "Entwürfe"}
    assert "Neu" not in witness.names()


def test_imap_tools_idling_hears_of_a_letter_from_another_client(client: MailBox, witness: Witness) -> None:
    client.folder.set("INBOX")
    with client.idle as idle:
        witness.put(letter("while you were idle"))
        heard: list[bytes] = []
        while not any(line.endswith(b" EXISTS") for line in heard):
            answer = idle.poll(timeout=30)
            assert answer, f"nothing came while idling after {heard}"
            heard += answer
    assert b"* 1 EXISTS" in heard
    assert [message.subject for message in client.fetch(mark_seen=False)] == ["while you were idle"]
