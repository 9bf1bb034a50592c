"""Python's imaplib, the client that every script uses."""

from __future__ import annotations

import imaplib
import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from .account import Account
from .letters import BIG, MULTILINGUAL, PLAIN, VARIED, letter
from .witness import Witness


@pytest.fixture
def client(account: Account) -> Iterator[imaplib.IMAP4_SSL]:
    with imaplib.IMAP4_SSL(account.host, account.port, ssl_context=account.tls(), timeout=30) as connected:
        connected.login(account.user, account.password)
        yield connected


def ok(answer: tuple[str, list[object]]) -> list[object]:
    status, data = answer
    assert status == "OK", data
    return data


def body(answer: tuple[str, list[object]]) -> bytes:
    """The one literal of a FETCH answer."""
    literals = [part[1] for part in ok(answer) if isinstance(part, tuple)]
    assert len(literals) == 1
    assert isinstance(literals[0], bytes)
    return literals[0]


def test_imaplib_refuses_a_server_whose_authority_it_does_not_know(account: Account) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        imaplib.IMAP4_SSL(account.host, account.port, ssl_context=ssl.create_default_context(), timeout=30)


def test_imaplib_may_call_the_server_by_its_ip_address(account: Account) -> None:
    with imaplib.IMAP4_SSL("127.0.0.1", account.port, ssl_context=account.tls(), timeout=30) as client:
        assert ok(client.login(account.user, account.password))


def test_imaplib_hears_no_for_a_wrong_password_and_may_try_again(account: Account) -> None:
    with imaplib.IMAP4_SSL(account.host, account.port, ssl_context=account.tls(), timeout=30) as client:
        with pytest.raises(imaplib.IMAP4.error, match=r"(?i)auth|password|credentials|login"):
            client.login(account.user, "green teapot")
        assert ok(client.login(account.user, account.password))


def test_imaplib_authenticates_with_plain(account: Account) -> None:
    with imaplib.IMAP4_SSL(account.host, account.port, ssl_context=account.tls(), timeout=30) as client:
        ok(client.authenticate("PLAIN", lambda _: f"\0{account.user}\0{account.password}".encode()))
        assert client.state == "AUTH"
        assert ok(client.select("INBOX")) == [b"0"]


def test_imaplib_fetches_the_very_bytes_it_appended(client: imaplib.IMAP4_SSL) -> None:
    for content in (*VARIED, BIG):
        ok(client.append("INBOX", "", imaplib.Time2Internaldate(0), content))
    ok(client.select("INBOX"))
    for number, content in enumerate((*VARIED, BIG), start=1):
        assert body(client.fetch(str(number), "(BODY.PEEK[])")) == content
        assert body(client.fetch(str(number), "(RFC822.HEADER)")) == content[: content.index(b"\r\n\r\n") + 4]
        assert body(client.fetch(str(number), "(BODY.PEEK[TEXT])")) == content[content.index(b"\r\n\r\n") + 4 :]
        assert f"RFC822.SIZE {len(content)}".encode() in ok(client.fetch(str(number), "(RFC822.SIZE)"))[0]


def test_imaplib_reads_a_range_of_a_body(client: imaplib.IMAP4_SSL) -> None:
    ok(client.append("INBOX", "", "", BIG))
    ok(client.select("INBOX"))
    assert body(client.fetch("1", "(BODY.PEEK[]<100000.4096>)")) == BIG[100_000:104_096]
    last = ok(client.fetch("1", f"(BODY.PEEK[]<{len(BIG)}.10>)"))
    assert b'""' in last[0] or last[0][1] == b"", last


def test_imaplib_gets_back_flags_keywords_and_date_of_an_append(client: imaplib.IMAP4_SSL) -> None:
    date = datetime(2020, 2, 29, 23, 59, 58, tzinfo=UTC)
    ok(client.append("INBOX", r"(\Seen \Flagged $Forwarded)", imaplib.Time2Internaldate(date), PLAIN))
    ok(client.select("INBOX"))
    answer = ok(client.fetch("1", "(FLAGS INTERNALDATE UID)"))[0]
    assert {flag.lower() for flag in imaplib.ParseFlags(answer)} - {rb"\recent"} == {
        rb"\seen",
        rb"\flagged",
        b"$forwarded",
    }
    found = re.search(rb'INTERNALDATE "([^"]+)"', answer)
    assert found is not None
    assert datetime.strptime(found[1].decode(), "%d-%b-%Y %H:%M:%S %z") == date
    assert b"UID 1" in answer


def test_imaplib_is_told_the_uid_of_an_append(client: imaplib.IMAP4_SSL) -> None:
    first = ok(client.append("INBOX", "", "", PLAIN))[0]
    second = ok(client.append("INBOX", "", "", PLAIN))[0]
    uids = [re.search(rb"\[APPENDUID (\d+) (\d+)\]", answer) for answer in (first, second)]
    assert [found[2] for found in uids if found] == [b"1", b"2"]
    ok(client.select("INBOX"))
    assert client.response("UIDVALIDITY")[1] == [uids[0][1] if uids[0] else None]


def test_imaplib_sets_adds_and_takes_flags(client: imaplib.IMAP4_SSL, witness: Witness) -> None:
    for _ in range(3):
        ok(client.append("INBOX", "", "", PLAIN))
    ok(client.select("INBOX"))
    assert len(ok(client.store("1:2", "+FLAGS", r"(\Seen \Flagged)"))) == 2
    ok(client.store("2", "-FLAGS", r"(\Seen)"))
    ok(client.uid("STORE", "3", "FLAGS", r"(\Answered Work)"))
    assert witness.flags() == {
        1: frozenset({r"\Seen", r"\Flagged"}),
        2: frozenset({r"\Flagged"}),
        3: frozenset({r"\Answered", "Work"}),
    }
    assert ok(client.store("1", "+FLAGS.SILENT", r"(\Draft)")) == [None]
    assert r"\Draft" in witness.flags()[1]


def test_imaplib_sees_reading_set_the_seen_flag(client: imaplib.IMAP4_SSL, witness: Witness) -> None:
    ok(client.append("INBOX", "", "", PLAIN))
    ok(client.select("INBOX", readonly=True))
    assert body(client.fetch("1", "(RFC822)")) == PLAIN
    assert witness.flags() == {1: frozenset()}
    ok(client.select("INBOX"))
    assert body(client.fetch("1", "(RFC822)")) == PLAIN
    assert witness.flags() == {1: frozenset({r"\Seen"})}


def test_imaplib_searches_as_people_do(client: imaplib.IMAP4_SSL) -> None:
    dates = [datetime(2026, 1, day, 12, tzinfo=UTC) for day in (1, 2, 3, 4)]
    for content, date, flags in zip(VARIED, dates, (r"(\Seen)", "", r"(\Flagged)", ""), strict=True):
        ok(client.append("INBOX", flags, imaplib.Time2Internaldate(date), content))
    ok(client.select("INBOX"))
    expected = {
        "ALL": b"1 2 3 4",
        "UNSEEN": b"2 3 4",
        "FLAGGED": b"3",
        "FROM ada": b"1 3",
        'SUBJECT "LUNCH on"': b"1 4",
        'BODY "blue"': b"1 4",
        'TEXT "köln"'.replace("ö", "o"): b"",
        "SINCE 3-Jan-2026": b"3 4",
        "BEFORE 2-Jan-2026": b"1",
        "ON 2-Jan-2026": b"2",
        "SENTSINCE 4-Feb-2026": b"3 4",
        f"LARGER {len(PLAIN)}": b"2 3 4" if len(MULTILINGUAL) > len(PLAIN) else b"3 4",
        "OR FLAGGED SEEN": b"1 3",
        "NOT FROM ada": b"2 4",
        "HEADER In-Reply-To lunch": b"4",
        "UID 2:3 NOT FLAGGED": b"2",
        "2,4": b"2 4",
        'SUBJECT "nothing like it"': b"",
    }
    assert {query: (ok(client.search(None, query))[0] or b"") for query in expected} == expected


def test_imaplib_searches_beyond_ascii_with_a_literal(client: imaplib.IMAP4_SSL) -> None:
    for content in VARIED:
        ok(client.append("INBOX", "", "", content))
    ok(client.select("INBOX"))
    found = {}
    for key, text in (
        ("TEXT", "köln"),
        ("SUBJECT", "Привет"),
        ("FROM", "JÜRGEN"),
        ("BODY", "東京"),
        ("BODY", "schöne"),
    ):
        client.literal = text.encode()
        found[text] = ok(client.uid("SEARCH", "CHARSET", "UTF-8", key))[0]
    assert found == {"köln": b"2", "Привет": b"2", "JÜRGEN": b"2", "東京": b"2", "schöne": b"3"}


def test_imaplib_makes_renames_and_deletes_mailboxes(client: imaplib.IMAP4_SSL, witness: Witness) -> None:
    ok(client.create("Projects"))
    ok(client.create("Projects/Looms"))
    ok(client.create('"B&APw-cher"'))
    ok(client.rename("Projects", "Archive"))
    assert witness.names() >= {"INBOX", "Archive", "Archive/Looms", "Bücher"}
    ok(client.append("Archive/Looms", "", "", PLAIN))
    assert b"MESSAGES 1" in ok(client.status("Archive/Looms", "(MESSAGES UNSEEN UIDNEXT)"))[0]
    ok(client.delete("Archive/Looms"))
    assert "Archive/Looms" not in witness.names()
    assert client.select("Archive/Looms")[0] == "NO"
    assert client.create("Archive")[0] == "NO"
    assert client.delete("INBOX")[0] == "NO"


def test_imaplib_subscribes_and_lists_subscriptions(client: imaplib.IMAP4_SSL) -> None:
    ok(client.create("News"))
    ok(client.subscribe("News"))
    subscribed = ok(client.lsub())
    assert [line.rsplit(b" ", 1)[1].strip(b'"') for line in subscribed if line] == [b"News"]
    ok(client.unsubscribe("News"))
    assert ok(client.lsub()) == [None]


def test_imaplib_copies_and_moves_by_uid(client: imaplib.IMAP4_SSL, witness: Witness) -> None:
    ok(client.create("Archive"))
    for content in VARIED:
        ok(client.append("INBOX", r"(\Seen)", "", content))
    ok(client.select("INBOX"))
    ok(client.uid("COPY", "2:3", "Archive"))
    assert re.fullmatch(rb"\d+ 2:3 1:2", client.response("COPYUID")[1][0] or b"")
    assert client.uid("COPY", "1", "Nowhere")[0] == "NO"
    assert client.untagged_responses.get("TRYCREATE") is not None
    ok(client.uid("MOVE", "4", "Archive"))
    assert [message.content for message in witness.messages("Archive")] == [VARIED[1], VARIED[2], VARIED[3]]
    assert set(witness.flags("Archive").values()) == {frozenset({r"\Seen"})}
    assert [message.uid for message in witness.messages()] == [1, 2, 3]


def test_imaplib_deletes_and_expunges_without_ever_reusing_a_uid(client: imaplib.IMAP4_SSL, witness: Witness) -> None:
    for content in VARIED:
        ok(client.append("INBOX", "", "", content))
    ok(client.select("INBOX"))
    ok(client.store("2,4", "+FLAGS", r"(\Deleted)"))
    rows = [1, 2, 3, 4]
    for number in ok(client.expunge()):
        del rows[int(number) - 1]
    assert rows == [1, 3]
    assert [message.uid for message in witness.messages()] == [1, 3]
    ok(client.append("INBOX", "", "", PLAIN))
    assert [message.uid for message in witness.messages()] == [1, 3, 5]
    ok(client.store("1", "+FLAGS", r"(\Deleted)"))
    ok(client.close())
    assert [message.uid for message in witness.messages()] == [3, 5]


def test_imaplib_idling_by_hand_hears_of_a_letter_from_another_client(
    client: imaplib.IMAP4_SSL, witness: Witness
) -> None:
    ok(client.append("INBOX", "", "", PLAIN))
    ok(client.select("INBOX"))
    client.send(b"I1 IDLE\r\n")
    assert client.readline().startswith(b"+ ")
    witness.put(letter("while you were idle"))
    assert _line_after_recent(client) == b"* 2 EXISTS\r\n"
    witness.add_flags(1, r"\Flagged")
    line = _line_after_recent(client)
    assert line.startswith(b"* 1 FETCH (")
    assert rb"\Flagged" in line
    client.send(b"DONE\r\nI2 NOOP\r\n")
    answers = [client.readline()]
    while not answers[-1].startswith(b"I2 "):
        answers.append(client.readline())
    assert [answer[:6] for answer in answers if answer.startswith(b"I")] == [b"I1 OK ", b"I2 OK "]


def _line_after_recent(client: imaplib.IMAP4_SSL) -> bytes:
    """The next line that is not about \\Recent and not a server's `* OK Still here`."""
    while re.match(rb"\* (\d+ RECENT|OK )", line := client.readline()):
        pass
    return line


def test_a_command_that_arrives_byte_by_byte_is_one_command(account: Account) -> None:
    """What imaplib over a very slow line would send."""
    with (
        socket.create_connection((account.host, account.port), timeout=30) as raw,
        account.tls().wrap_socket(raw, server_hostname=account.host) as wire,
    ):
        lines = wire.makefile("rb")
        assert lines.readline().startswith(b"* OK")
        for byte in b"a1 CAPABILITY\r\n":
            wire.send(bytes([byte]))
        assert lines.readline().startswith(b"* CAPABILITY IMAP4rev")
        assert lines.readline().startswith(b"a1 OK")
