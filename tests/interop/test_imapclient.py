"""IMAPClient, the library under many Python programs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError
from imapclient.response_types import Address

from .account import Account
from .letters import BIG, FORWARDED, MULTILINGUAL, PICTURES, PLAIN, VARIED, letter
from .witness import Witness


@pytest.fixture
def client(account: Account) -> Iterator[IMAPClient]:
    with IMAPClient(account.host, port=account.port, ssl_context=account.tls(), timeout=30) as connected:
        connected.login(account.user, account.password)
        yield connected


def test_imapclient_hears_that_a_password_is_wrong(account: Account) -> None:
    client = IMAPClient(account.host, port=account.port, ssl_context=account.tls(), timeout=30)
    with client, pytest.raises(LoginError):
        client.login(account.user, "green teapot")


def test_imapclient_logs_in_with_sasl_plain(account: Account) -> None:
    with IMAPClient(account.host, port=account.port, ssl_context=account.tls(), timeout=30) as client:
        client.plain_login(account.user, account.password)
        assert client.select_folder("INBOX")[b"EXISTS"] == 0


def test_imapclient_finds_what_the_server_says_it_can(client: IMAPClient) -> None:
    offered = set(client.capabilities())
    assert {b"IMAP4REV1", b"IDLE", b"UIDPLUS", b"MOVE", b"NAMESPACE", b"ID", b"ENABLE", b"CONDSTORE"} <= offered
    assert client.namespace().personal[0][1] == "/"
    assert client.id_({"name": "IMAPClient", "version": "4"})[0] == b"ID" or client.id_()


def test_imapclient_appends_and_fetches_the_very_bytes(client: IMAPClient) -> None:
    date = datetime(2021, 5, 6, 7, 8, 9, tzinfo=UTC)
    for content in (*VARIED, BIG):
        client.append("INBOX", content, [b"\\Seen", b"Work"], date)
    assert client.select_folder("INBOX")[b"EXISTS"] == 5
    found = client.fetch(client.search(), ["BODY.PEEK[]", "FLAGS", "INTERNALDATE", "RFC822.SIZE"])
    assert [found[uid][b"BODY[]"] for uid in sorted(found)] == [*VARIED, BIG]
    for uid, row in found.items():
        assert {b"\\Seen", b"Work"} <= set(row[b"FLAGS"])
        assert row[b"INTERNALDATE"].timestamp() == date.timestamp(), uid
        assert row[b"RFC822.SIZE"] == len(row[b"BODY[]"])


def test_imapclient_appends_several_messages_at_once(client: IMAPClient, witness: Witness) -> None:
    client.multiappend("INBOX", [PLAIN, {"msg": PICTURES, "flags": [b"\\Flagged"]}, FORWARDED])
    assert witness.contents() == [PLAIN, PICTURES, FORWARDED]
    assert witness.flags() == {1: frozenset(), 2: frozenset({"\\Flagged"}), 3: frozenset()}


def test_imapclient_reads_envelopes(client: IMAPClient) -> None:
    for content in (MULTILINGUAL, FORWARDED):
        client.append("INBOX", content)
    client.select_folder("INBOX")
    rows = client.fetch([1, 2], ["ENVELOPE"])
    first, second = rows[1][b"ENVELOPE"], rows[2][b"ENVELOPE"]
    assert first.subject == b"=?utf-8?b?0J/RgNC40LLQtdGCLCDkuJbnlYw=?="
    assert first.from_ == (Address(b"=?utf-8?q?J=C3=BCrgen_Gr=C3=BC=C3=9Fe?=", None, b"juergen", b"example.de"),)
    assert first.cc == (
        Address(None, None, b"undisclosed-recipients", None),
        Address(None, None, None, None),
    )
    assert first.bcc is None
    assert second.message_id == b"<forwarded@example.net>"
    assert second.in_reply_to == b"<lunchonthursday@example.org>"
    assert second.reply_to == second.sender == second.from_


def test_imapclient_reads_structures_and_their_parts(client: IMAPClient) -> None:
    for content in (PICTURES, FORWARDED):
        client.append("INBOX", content)
    client.select_folder("INBOX", readonly=True)
    rows = client.fetch([1, 2], ["BODYSTRUCTURE", "BODY.PEEK[1.1]", "BODY.PEEK[2.MIME]", "BODY.PEEK[2.TEXT]"])
    pictures, forwarded = rows[1][b"BODYSTRUCTURE"], rows[2][b"BODYSTRUCTURE"]
    assert pictures.is_multipart
    assert pictures[1].lower() == b"mixed"
    related, book = pictures[0]
    assert [part[:2] for part in related[0]] == [(b"text", b"html"), (b"image", b"png")]
    assert book[:2] == (b"application", b"pdf")
    assert rows[1][b"BODY[1.1]"].startswith(b"<p>Sch=C3=B6ne")
    assert rows[1][b"BODY[2.MIME]"].startswith(b"Content-Type: application/pdf; name*=")
    nested = forwarded[0][1]
    assert nested[:2] == (b"message", b"rfc822")
    assert nested[7][1] == b"Lunch on Thursday"
    assert rows[2][b"BODY[2.TEXT]"].startswith(b"The teapot is blue.")


def test_imapclient_flags_and_unflags(client: IMAPClient, witness: Witness) -> None:
    for content in VARIED:
        client.append("INBOX", content)
    client.select_folder("INBOX")
    answer = client.add_flags([1, 3], [b"\\Flagged", b"$Important"])
    assert set(answer) == {1, 3}
    assert all({b"\\Flagged", b"$Important"} <= set(flags) for flags in answer.values())
    client.remove_flags([3], [b"\\Flagged"], silent=True)
    client.set_flags([4], [b"\\Answered"])
    assert witness.flags() == {
        1: frozenset({"\\Flagged", "$Important"}),
        2: frozenset(),
        3: frozenset({"$Important"}),
        4: frozenset({"\\Answered"}),
    }


def test_imapclient_searches_with_criteria_and_charsets(client: IMAPClient) -> None:
    for content in VARIED:
        client.append("INBOX", content)
    client.select_folder("INBOX")
    client.add_flags([2], [b"\\Flagged"])
    assert client.search() == [1, 2, 3, 4]
    assert client.search(["UNFLAGGED", "FROM", "ada"]) == [1, 3]
    assert client.search(["SUBJECT", "Привет"], charset="UTF-8") == [2]
    assert client.search(["TEXT", "Grüße"], charset="UTF-8") == [2, 3]
    assert client.search(["OR", ["FLAGGED"], ["HEADER", "In-Reply-To", "lunch"]]) == [2, 4]
    assert client.search(["NOT", ["UID", "1:3"]]) == [4]
    assert client.search(["SENTON", datetime(2026, 2, 4).date()]) == [3]
    with pytest.raises(IMAPClientError, match=r"(?i)charset"):
        client.search(["TEXT", "x"], charset="unicode_escape")


def test_imapclient_makes_and_lists_mailboxes_in_any_language(client: IMAPClient) -> None:
    for name in ("Bücher & Bilder", "送信済み", "Bücher & Bilder/Köln"):
        client.create_folder(name)
        client.subscribe_folder(name)
    assert {name for _, _, name in client.list_folders()} >= {"INBOX", "送信済み", "Bücher & Bilder/Köln"}
    assert {name for _, _, name in client.list_sub_folders()} == {
        "Bücher & Bilder",
        "送信済み",
        "Bücher & Bilder/Köln",
    }
    below = client.list_folders("Bücher & Bilder/")
    assert [name for _, _, name in below] == ["Bücher & Bilder/Köln"]
    client.rename_folder("Bücher & Bilder", "Regal")
    assert client.folder_exists("Regal/Köln")
    assert client.folder_status("Regal/Köln", ["MESSAGES", "UIDNEXT"]) == {b"MESSAGES": 0, b"UIDNEXT": 1}
    client.delete_folder("Regal/Köln")
    assert not client.folder_exists("Regal/Köln")


def test_imapclient_copies_moves_and_expunges(client: IMAPClient, witness: Witness) -> None:
    client.create_folder("Archive")
    for content in VARIED:
        client.append("INBOX", content, [b"\\Seen"])
    client.select_folder("INBOX")
    client.copy([1, 2], "Archive")
    client.move([3], "Archive")
    assert witness.contents("Archive") == [PLAIN, MULTILINGUAL, PICTURES]
    client.delete_messages([1, 4])
    client.uid_expunge([4])
    assert witness.flags() == {1: frozenset({"\\Seen", "\\Deleted"}), 2: frozenset({"\\Seen"})}
    client.expunge()
    assert list(witness.flags()) == [2]


def test_imapclient_idling_hears_of_arrivals_flags_and_removals(client: IMAPClient, witness: Witness) -> None:
    client.append("INBOX", PLAIN)
    client.select_folder("INBOX")
    client.idle()
    witness.put(letter("while you were idle"))
    assert (2, b"EXISTS") in _heard(client, b"EXISTS")
    witness.add_flags(1, "\\Flagged")
    heard = _heard(client, b"FETCH")
    assert heard[-1][0] == 1
    assert b"\\Flagged" in dict(zip(heard[-1][2][::2], heard[-1][2][1::2], strict=True))[b"FLAGS"]
    witness.remove(1)
    assert (1, b"EXPUNGE") in _heard(client, b"EXPUNGE")
    client.idle_done()
    assert client.search() == [2]


def _heard(client: IMAPClient, word: bytes) -> list[tuple[object, ...]]:
    """What came while idling, up to the first response with `word`."""
    heard: list[tuple[object, ...]] = []
    for _ in range(20):
        heard += client.idle_check(timeout=30)
        if any(len(response) > 1 and response[1] == word for response in heard):
            while heard[-1][1] != word:
                heard.pop()
            return heard
    pytest.fail(f"no {word.decode()} came while idling, only {heard}")


def test_imapclient_asks_only_for_what_changed(client: IMAPClient, witness: Witness) -> None:
    client.enable("CONDSTORE")
    client.select_folder("INBOX")
    for content in VARIED:
        client.append("INBOX", content)
    modseq = witness.state()[b"HIGHESTMODSEQ"]
    witness.add_flags(3, "\\Flagged")
    client.noop()
    changed = client.fetch([1, 2, 3, 4], ["FLAGS"], [f"CHANGEDSINCE {modseq}"])
    assert list(changed) == [3]
    assert changed[3][b"MODSEQ"][0] > modseq


def test_imapclient_sees_two_sessions_agree_about_a_mailbox(account: Account, client: IMAPClient) -> None:
    for content in VARIED:
        client.append("INBOX", content)
    client.select_folder("INBOX")
    with IMAPClient(account.host, port=account.port, ssl_context=account.tls(), timeout=30) as other:
        other.login(account.user, account.password)
        other.select_folder("INBOX")
        other.delete_messages([2])
        other.expunge()
        assert other.search() == [1, 3, 4]
        text, responses = client.noop()
        assert text
        assert (2, b"EXPUNGE") in responses
        assert client.search() == [1, 3, 4]
        assert client.fetch([3], ["BODY.PEEK[]"])[3][b"BODY[]"] == PICTURES


def test_imapclient_works_in_parallel_on_one_account(account: Account, witness: Witness) -> None:
    troubles: list[BaseException] = []

    def send(number: int) -> None:
        try:
            with IMAPClient(account.host, port=account.port, ssl_context=account.tls(), timeout=30) as client:
                client.login(account.user, account.password)
                for count in range(10):
                    client.append("INBOX", letter(f"{number} of {count}"))
        except BaseException as trouble:
            troubles.append(trouble)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert sorted(witness.contents()) == sorted(letter(f"{n} of {c}") for n in range(5) for c in range(10))
    assert [message.uid for message in witness.messages()] == list(range(1, 51))
