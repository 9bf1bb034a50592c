"""The list of mailboxes: create, delete, rename, special use, subscriptions, status."""

from __future__ import annotations

import pytest

from pillarbox.mail.errors import (
    LimitReached,
    MailboxExists,
    MailboxHasChildren,
    MailboxMissing,
    MailError,
    NameInvalid,
    NotAllowed,
)
from pillarbox.mail.flags import DELETED, SEEN
from pillarbox.mail.uids import UidSet
from pillarbox.store.contract import AccountId, AccountStore
from tests.contracts.conftest import LIMITS, Place
from tests.contracts.letters import letter, new, several


async def names(account: AccountStore) -> list[str]:
    return [mailbox.name for mailbox in await account.mailboxes()]


async def test_a_new_account_has_inbox_only(place: Place) -> None:
    assert await names(place.here) == ["INBOX"]
    assert place.inbox.uidvalidity > 0
    assert (await place.here.status(place.inbox.id)).highest_modseq == 1


async def test_mailboxes_are_sorted_with_inbox_first(place: Place) -> None:
    for name in ("Zoo", "Archive", "ärger", "INBOX/x", "A"):
        await place.here.create(name)
    assert await names(place.there) == ["INBOX", "A", "Archive", "INBOX/x", "Zoo", "ärger"]


async def test_what_one_process_creates_another_finds(place: Place) -> None:
    made = await place.here.create("Work", frozenset({"\\Archive"}))
    assert await place.there.find("Work") == made
    assert made.special_use == {"\\Archive"}


async def test_find_raises_for_a_name_without_a_mailbox(place: Place) -> None:
    await place.here.create("a/b")
    with pytest.raises(MailboxMissing):
        await place.here.find("a")


async def test_creating_does_not_make_the_names_above(place: Place) -> None:
    await place.here.create("a/b/c")
    assert await names(place.here) == ["INBOX", "a/b/c"]


@pytest.mark.parametrize("name", ["INBOX", "Work"])
async def test_creating_a_taken_name_is_refused(place: Place, name: str) -> None:
    await place.here.create("Work")
    with pytest.raises(MailboxExists):
        await place.there.create(name)


@pytest.mark.parametrize("name", ["", "a//b", "a*", "x\x00"])
async def test_creating_a_bad_name_is_refused(place: Place, name: str) -> None:
    with pytest.raises(NameInvalid):
        await place.here.create(name)


@pytest.mark.parametrize("name", ["a/b/c/d/e/f", "x" * 41])
async def test_creating_a_too_long_or_deep_name_is_refused(place: Place, name: str) -> None:
    with pytest.raises(LimitReached):
        await place.here.create(name)


async def test_mailboxes_are_limited(place: Place) -> None:
    for number in range(LIMITS.max_mailboxes - 1):
        await place.here.create(f"box {number}")
    with pytest.raises(LimitReached):
        await place.there.create("one more")


async def test_two_mailboxes_may_share_a_special_use(place: Place) -> None:
    await place.here.create("a", frozenset({"\\Sent"}))
    await place.here.create("b", frozenset({"\\Sent"}))
    assert [mailbox.special_use for mailbox in await place.here.mailboxes()] == [
        frozenset(),
        frozenset({"\\Sent"}),
        frozenset({"\\Sent"}),
    ]


async def test_special_use_is_replaced(place: Place) -> None:
    await place.here.create("a", frozenset({"\\Sent"}))
    await place.here.set_special_use("a", frozenset({"\\Junk", "\\Trash"}))
    assert (await place.there.find("a")).special_use == {"\\Junk", "\\Trash"}
    with pytest.raises(MailboxMissing):
        await place.here.set_special_use("b", frozenset())


async def test_deleting_takes_the_messages_and_leaves_what_is_below(place: Place) -> None:
    above = await place.here.create("a")
    await place.here.create("a/b")
    await place.here.append(above.id, several(3))
    await place.here.delete("a")
    assert await names(place.there) == ["INBOX", "a/b"]
    with pytest.raises(MailboxMissing):
        await place.there.status(above.id)
    with pytest.raises(MailboxMissing):
        await place.there.append(above.id, several(1))


async def test_deleting_says_what_is_in_the_way(place: Place) -> None:
    await place.here.create("a/b")
    with pytest.raises(NotAllowed):
        await place.here.delete("INBOX")
    with pytest.raises(MailboxMissing):
        await place.here.delete("b")
    with pytest.raises(MailboxHasChildren):
        await place.here.delete("a")


async def test_a_name_created_anew_has_a_greater_uidvalidity_and_another_id(place: Place) -> None:
    first = await place.here.create("a")
    await place.here.delete("a")
    place.clock.advance(-10_000)
    second = await place.there.create("a")
    assert second.uidvalidity > first.uidvalidity
    assert second.id > first.id


async def test_renaming_moves_all_below_and_keeps_everything(place: Place) -> None:
    first = await place.here.create("a")
    below = await place.here.create("a/b")
    appended = await place.here.append(below.id, several(2, SEEN))
    before = await place.here.status(below.id)
    await place.there.rename("a", "x/y")
    assert await names(place.here) == ["INBOX", "x/y", "x/y/b"]
    assert (await place.here.find("x/y")).id == first.id
    renamed = await place.here.find("x/y/b")
    assert (renamed.id, renamed.uidvalidity) == (below.id, below.uidvalidity)
    assert await place.here.status(below.id) == before
    assert list((await place.here.image(below.id)).uids) == list(appended.uids)


async def test_a_name_without_a_mailbox_can_be_renamed_when_mailboxes_lie_below(place: Place) -> None:
    await place.here.create("a/b")
    await place.here.rename("a", "c")
    assert await names(place.here) == ["INBOX", "c/b"]


async def test_renaming_is_refused_whole(place: Place) -> None:
    for name in ("a", "a/b", "c/b"):
        await place.here.create(name)
    with pytest.raises(MailboxExists):
        await place.here.rename("a", "c")
    with pytest.raises(MailboxMissing):
        await place.here.rename("nothing", "d")
    with pytest.raises(NameInvalid):
        await place.here.rename("a", "a/x")
    with pytest.raises(NameInvalid):
        await place.here.rename("a", "b//c")
    with pytest.raises(LimitReached):
        await place.here.rename("a", "1/2/3/4/5")
    with pytest.raises(MailboxExists):
        await place.here.rename("a", "INBOX")
    assert await names(place.there) == ["INBOX", "a", "a/b", "c/b"]


async def test_renaming_inbox_moves_its_messages_and_leaves_it(place: Place) -> None:
    await place.here.create("INBOX/below")
    appended = await place.here.append(place.inbox.id, [new("one", SEEN), new("two", DELETED, "$Later")])
    await place.there.rename("INBOX", "Old")
    assert await names(place.here) == ["INBOX", "INBOX/below", "Old"]
    old = await place.here.find("Old")
    image = await place.here.image(old.id)
    assert [flags.names for flags in image.flags] == [{SEEN}, {DELETED, "$Later"}]
    found = await place.here.contents(old.id, image.uids)
    assert [bytes(content.whole()) for content in found if content] == [letter("one"), letter("two")]
    inbox = await place.here.status(place.inbox.id)
    assert (inbox.messages, inbox.uidnext, inbox.uidvalidity) == (0, 3, place.inbox.uidvalidity)
    assert await place.there.vanished_since(place.inbox.id, appended.modseq) == UidSet(((1, 2),))
    with pytest.raises(MailboxExists):
        await place.here.rename("INBOX", "Old")


async def test_subscriptions_need_no_mailbox_and_outlive_it(place: Place) -> None:
    await place.here.create("a")
    await place.here.subscribe("a")
    await place.here.subscribe("a")
    await place.here.subscribe("not there")
    await place.here.delete("a")
    assert await place.there.subscriptions() == {"a", "not there"}
    await place.there.unsubscribe("a")
    await place.there.unsubscribe("a")
    assert await place.here.subscriptions() == {"not there"}


async def test_renaming_leaves_subscriptions(place: Place) -> None:
    await place.here.create("a")
    await place.here.subscribe("a")
    await place.here.rename("a", "b")
    assert await place.here.subscriptions() == {"a"}


async def test_subscriptions_are_checked_and_limited(place: Place) -> None:
    with pytest.raises(NameInvalid):
        await place.here.subscribe("a//b")
    for number in range(LIMITS.max_mailboxes):
        await place.here.subscribe(str(number))
    with pytest.raises(LimitReached):
        await place.here.subscribe("one more")
    await place.here.subscribe("1")


async def test_status_counts(place: Place) -> None:
    messages = [new("a"), new("b", SEEN), new("c", DELETED), new("d", SEEN, DELETED, size_bytes=5_000)]
    await place.here.append(place.inbox.id, messages)
    sizes = [len(message.content) for message in messages if isinstance(message.content, bytes)]
    status = await place.there.status(place.inbox.id)
    assert (status.messages, status.unseen, status.deleted) == (4, 2, 2)
    assert (status.size_bytes, status.deleted_bytes) == (sum(sizes), sum(sizes[2:]))
    assert (status.uidnext, status.uidvalidity) == (5, place.inbox.uidvalidity)
    assert (status.first_recent_uid, status.recent) == (1, 4)
    with pytest.raises(MailboxMissing):
        await place.here.status(type(place.inbox.id)(99))


async def test_removing_an_account_removes_all_and_it_can_be_made_anew(place: Place) -> None:
    await place.here.append(place.inbox.id, several(3))
    await place.here.create("a")
    await place.store.remove(AccountId("anna"))
    await place.store.remove(AccountId("anna"))
    await place.store.remove(AccountId("nobody"))
    for account in (place.here, place.there):
        with pytest.raises(MailError):
            await account.append(place.inbox.id, several(1))
    again = await place.store.open(AccountId("anna"))
    assert await names(again) == ["INBOX"]
    assert (await again.status((await again.find("INBOX")).id)).messages == 0
    await again.close()


async def test_accounts_do_not_see_each_other(place: Place) -> None:
    await place.here.append(place.inbox.id, several(2))
    berta = await place.store.open(AccountId("berta"))
    assert (await berta.status((await berta.find("INBOX")).id)).messages == 0
    await berta.close()
