"""`pillarbox undelete`, `history` and `expunged` as a person at a shell sees them."""

from __future__ import annotations

from pillarbox.cli.exits import ExitCode
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.flags import DELETED, SEEN
from pillarbox.store.contract import AccountStore, NewMessage
from tests.backup.conftest import CommandLine, with_mail

DATE = InternalDate(1_700_000_000, 0)


def letter(name: str) -> bytes:
    return (
        f"From: Bob <bob@example.org>\r\nSubject: =?utf-8?q?{name}?=\r\nMessage-ID: <{name}@x>\r\n\r\nHi\r\n".encode()
    )


async def throw_away(mail: AccountStore) -> None:
    inbox, box = await mail.find("INBOX"), await mail.create("Old")
    for mailbox in (inbox, box):
        await mail.append(
            mailbox.id,
            [NewMessage(letter(f"{mailbox.name}{n}"), DATE, frozenset({DELETED, SEEN})) for n in range(3)],
        )
    await mail.expunge(inbox.id)
    await mail.delete("Old")


async def counts(mail: AccountStore) -> dict[str, int]:
    return {box.name: (await mail.status(box.id)).messages for box in await mail.mailboxes()}


def test_what_was_thrown_away_is_listed_and_comes_back(pillarbox: CommandLine) -> None:
    with_mail(pillarbox.data, "alice", throw_away)
    listed = pillarbox.done("undelete", "--user", "alice", "--list", "--json").json
    assert [(each["mailbox"], each["uid"], each["subject"]) for each in listed] == [
        *(("INBOX", uid, f"INBOX{uid - 1}") for uid in (1, 2, 3)),
        *(("Old", uid, f"Old{uid - 1}") for uid in (1, 2, 3)),
    ]
    assert listed[0]["message_id"] == "INBOX0@x"
    refused = pillarbox("undelete", "--user", "alice")
    assert (refused.code, "--list" in refused.err) == (ExitCode.USAGE, True)
    assert pillarbox("undelete", "--user", "alice", "--uid", "1").code == ExitCode.USAGE
    assert pillarbox.done("undelete", "--user", "alice", "--mailbox", "inbox", "--uid", "2").out == (
        "1 messages are back in INBOX\n"
    )
    assert pillarbox.done("undelete", "--user", "alice", "--message-id", "<Old1@x>").out == (
        "1 messages are back in Old, which was made anew\n"
    )
    pillarbox.done("undelete", "--user", "alice", "--since", "1h", "--into", "Rest")
    assert with_mail(pillarbox.data, "alice", counts) | {"INBOX": 1, "Old": 1, "Rest": 4} == with_mail(
        pillarbox.data, "alice", counts
    )
    nothing = pillarbox("undelete", "--user", "alice", "--mailbox", "INBOX")
    assert (nothing.code, "undelete --list" in nothing.err) == (ExitCode.NO_INPUT, True)


def test_a_mailbox_as_it_was_is_shown_and_copied(pillarbox: CommandLine) -> None:
    with_mail(pillarbox.data, "alice", throw_away)
    future = "2099-01-01"
    assert pillarbox.done("history", "show", "--user", "alice", "--mailbox", "Old", "--at", future).out == ""
    absent = pillarbox("history", "show", "--user", "alice", "--mailbox", "Never", "--at", future)
    assert absent.code == ExitCode.NO_INPUT
    early = pillarbox("history", "show", "--user", "alice", "--mailbox", "INBOX", "--at", "2020-01-01")
    assert (early.code, early.out) == (0, "")
    assert "remembered for 14 days" in early.err
    copied = pillarbox.done(
        "history", "restore", "--user", "alice", "--mailbox", "INBOX", "--at", "0s", "--into", "Then", "--json"
    )
    assert copied.json["mailbox"] == "Then"
    again = pillarbox("history", "restore", "--user", "alice", "--mailbox", "INBOX", "--at", "0s", "--into", "Then")
    assert again.code == ExitCode.EXISTS
    assert pillarbox("history", "show", "--user", "alice", "--mailbox", "INBOX", "--at", "soon").code == ExitCode.USAGE


def test_expunged_mail_can_be_removed_for_good(pillarbox: CommandLine) -> None:
    with_mail(pillarbox.data, "alice", throw_away)
    assert pillarbox.done("expunged", "purge", "--json").json == {"messages": 0}
    assert pillarbox.done("expunged", "purge", "--user", "alice", "--older-than", "0d", "--json").json == {
        "messages": 6
    }
    assert pillarbox.done("undelete", "--user", "alice", "--list").out == ""
