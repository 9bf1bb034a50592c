"""Events are derived from the store's change sequence, live and after any pause."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from pillarbox.clock import HeldClock
from pillarbox.mail.flags import FlagAction
from pillarbox.push.feed import AccountFeed
from pillarbox.push.happening import Happening
from pillarbox.push.position import PositionUnreadable, from_text, to_text
from pillarbox.store.contract import AccountId, AccountStore, InternalDate, NewMessage, StoreLimits
from pillarbox.store.memory import MemoryStore


@pytest.fixture
async def mail() -> AsyncIterator[AccountStore]:
    store = MemoryStore(StoreLimits(), HeldClock())
    account = await store.open(AccountId("a"))
    yield account
    await account.close()
    await store.close()


def messages(count: int) -> list[NewMessage]:
    return [NewMessage(b"Subject: %d\r\n\r\n" % number, InternalDate(1, 0)) for number in range(count)]


def told(found: list[Happening]) -> list[tuple[str, str, int, tuple[str, ...]]]:
    return [(each.kind.value, each.mailbox, each.uid, each.flags) for each in found]


async def test_every_kind_is_told_once_in_order(mail: AccountStore) -> None:
    inbox = await mail.find("INBOX")
    await mail.append(inbox.id, messages(1))
    feed = AccountFeed(mail)
    await feed.begin()
    assert await feed.look() == []
    await mail.append(inbox.id, messages(1))
    await feed.wait()
    assert told(await feed.look()) == [("MessageNew", "INBOX", 2, ())]
    await mail.store_flags(inbox.id, [1], FlagAction.ADD, frozenset({"\\Seen", "work", "\\Deleted"}))
    await feed.wait()
    assert told(await feed.look()) == [
        ("MessageRead", "INBOX", 1, ("\\Seen",)),
        ("MessageTrash", "INBOX", 1, ("\\Deleted",)),
        ("FlagsSet", "INBOX", 1, ("work",)),
    ]
    await mail.store_flags(inbox.id, [1], FlagAction.REMOVE, frozenset({"work"}))
    await mail.expunge(inbox.id)
    await feed.wait()
    assert told(await feed.look()) == [("MessageExpunge", "INBOX", 1, ())]
    work = await mail.create("Work")
    await mail.move(inbox.id, [2], work.id)
    assert told(await feed.look()) == [
        ("MessageExpunge", "INBOX", 2, ()),
        ("MailboxCreate", "Work", 0, ()),
        ("MessageNew", "Work", 1, ()),
    ]
    await mail.rename("Work", "Job")
    renamed = await feed.look()
    assert [(each.kind.value, each.mailbox, each.old_name) for each in renamed] == [("MailboxRename", "Job", "Work")]
    await mail.delete("Job")
    assert told(await feed.look()) == [("MailboxDelete", "Job", 0, ())]
    assert await feed.look() == []
    feed.close()


async def test_a_position_as_text_goes_on_where_it_was(mail: AccountStore) -> None:
    inbox = await mail.find("INBOX")
    await mail.append(inbox.id, messages(3))
    feed = AccountFeed(mail)
    await feed.begin()
    text = to_text(feed.position)
    feed.close()
    assert text is not None
    await mail.append(inbox.id, messages(1))
    await mail.store_flags(inbox.id, [1], FlagAction.ADD, frozenset({"\\Flagged"}))
    await mail.store_flags(inbox.id, [2], FlagAction.ADD, frozenset({"\\Deleted"}))
    await mail.expunge(inbox.id)
    again = AccountFeed(mail, from_text(text))
    found = await again.look()
    assert told(found) == [
        ("MessageNew", "INBOX", 4, ()),
        ("FlagsSet", "INBOX", 1, ("\\Flagged",)),
        ("MessageExpunge", "INBOX", 2, ()),
    ]
    assert [each.is_exact for each in found] == [True, False, True]
    assert await again.look() == []
    again.close()


async def test_many_come_in_portions_and_none_twice(mail: AccountStore) -> None:
    inbox = await mail.find("INBOX")
    await mail.append(inbox.id, messages(2))
    begun = AccountFeed(mail)
    await begun.begin()
    begun.close()
    feed = AccountFeed(mail, begun.position)
    await mail.append(inbox.id, messages(7))
    found = []
    for _ in range(4):
        found += await feed.look(3)
    assert [(each.kind.value, each.uid) for each in found] == [("MessageNew", uid) for uid in range(3, 10)]
    feed.close()


@pytest.mark.parametrize("text", ["", "nonsense", "é", "A" * 9_000, "eJyrVkrLz1eyUkpKLFKqBQAbuAQH"])
def test_a_position_that_is_none_of_ours_is_refused(text: str) -> None:
    with pytest.raises(PositionUnreadable):
        from_text(text)
