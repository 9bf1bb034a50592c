"""Letters into a real store: what goes in comes out, what can't is named."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from pillarbox.clock import HeldClock
from pillarbox.delivery.importer import Importer, mailbox_name
from pillarbox.delivery.letters import Kept, Letter, Traits, Unreadable
from pillarbox.events import NoEvents
from pillarbox.mail.dates import InternalDate
from pillarbox.store.contract import AccountId, AccountStore, StoreLimits
from pillarbox.store.sqlite import open_store

LIMITS = StoreLimits(max_keywords=3, max_keyword_bytes=20, max_message_bytes=5_000)


class Listed:
    """A folder of letters that a test wrote."""

    def __init__(self, name: str, *letters: Letter | Unreadable) -> None:
        self.name = name
        self.size_bytes = 0
        self.kept: Kept | None = None
        self.traits = Traits()
        self._letters = letters

    def letters(self) -> Iterator[Letter | Unreadable]:
        yield from self._letters


class Noted:
    def __init__(self) -> None:
        self.messages = 0
        self.reasons: list[str] = []

    def took(self, messages: int, size_bytes: int) -> None:
        self.messages += messages

    def left_out(self, letter: Unreadable) -> None:
        self.reasons.append(f"{letter.origin}: {letter.reason}")


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[AccountStore]:
    store = await open_store(tmp_path / "mail", LIMITS, HeldClock(), NoEvents())
    opened = await store.open(AccountId("a1"))
    yield opened
    await opened.close()
    await store.close()


def letter(number: int, *flags: str, size_bytes: int = 0) -> Letter:
    content = b"Subject: %d\r\n\r\n" % number + b"x" * size_bytes + b"\r\n"
    return Letter(f"file {number}", content, InternalDate(1_000 * number, 60), frozenset(flags))


async def test_everything_arrives_in_order_with_dates_and_flags(account: AccountStore) -> None:
    letters = [letter(number, "\\Seen", "Work") for number in range(450)]
    outcome = await Importer(account, Noted()).run([Listed("", *letters)], "Old/2019")
    mailbox = await account.find("Old/2019")
    image = await account.image(mailbox.id)
    assert outcome.by_mailbox == {"Old/2019": 450}
    assert list(image.date_seconds) == [1_000 * number for number in range(450)]
    assert set(image.date_zones) == {60}
    assert {flags.names for flags in image.flags} == {frozenset({"\\Seen", "Work"})}
    contents = await account.contents(mailbox.id, list(image.uids))
    assert [bytes(content.whole()) for content in contents if content] == [each.content for each in letters]
    assert "Old/2019" in await account.subscriptions()


async def test_folders_lie_beside_inbox_or_below_the_named_mailbox(account: AccountStore) -> None:
    folders = [Listed("", letter(1)), Listed("inbox/Sub", letter(2)), Listed("Sent", letter(3))]
    await Importer(account, Noted()).run(folders, "")
    await Importer(account, Noted()).run(folders, "Old")
    names = [mailbox.name for mailbox in await account.mailboxes()]
    assert names == ["INBOX", "INBOX/Sub", "Old", "Old/Sent", "Old/inbox/Sub", "Sent"]


async def test_one_letter_that_is_too_big_leaves_the_others_in_peace(account: AccountStore) -> None:
    noted = Noted()
    folder = Listed("", letter(1), letter(2, size_bytes=6_000), Unreadable("file 9", "an empty file"), letter(3))
    outcome = await Importer(account, noted).run([folder], "")
    assert outcome.by_mailbox == {"INBOX": 2}
    assert noted.reasons[0] == "file 9: an empty file"
    assert noted.reasons[1].startswith("file 2: The message is larger")
    assert (noted.messages, len(outcome.left_out)) == (2, 2)


async def test_a_letter_matters_more_than_its_keywords(account: AccountStore) -> None:
    folder = Listed("", letter(1, "a", "b"), letter(2, "c", "d", "\\Flagged"), letter(3, "a" * 30))
    outcome = await Importer(account, Noted()).run([folder], "")
    image = await account.image((await account.find("INBOX")).id)
    assert outcome.messages == 3
    assert [set(flags.names) for flags in image.flags] == [{"a", "b"}, {"\\Flagged"}, set()]


async def test_a_folder_whose_name_cannot_be_is_named_letter_by_letter(account: AccountStore) -> None:
    noted = Noted()
    outcome = await Importer(account, noted).run([Listed("x" * 300, letter(1)), Listed("Sent", letter(2))], "")
    assert outcome.by_mailbox == {"Sent": 1}
    assert len(noted.reasons) == 1
    assert noted.reasons[0].startswith("file 1: mailbox ")


@pytest.mark.parametrize(
    ("folder", "into", "name"),
    [("", "", "INBOX"), ("a*b%", "", "a_b_"), ("a\tb", "X", "X/a_b"), ("", "X", "X")],
)
def test_mailbox_names_are_fitted(folder: str, into: str, name: str) -> None:
    assert mailbox_name(folder, into) == name
