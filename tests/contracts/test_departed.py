"""Mail that left its mailbox: what is remembered of it, how it comes back, and that nobody sees it meanwhile."""

from __future__ import annotations

import pytest

from pillarbox.mail.errors import MailboxMissing, OverQuota
from pillarbox.mail.flags import DELETED, FLAGGED, SEEN, FlagAction
from pillarbox.store.contract import AccountId, AccountStore, Departure, MailboxId
from tests.contracts.conftest import Place
from tests.contracts.letters import DATE, flags_of, letter, new, several


async def bytes_of(account: AccountStore, mailbox: MailboxId, *uids: int) -> list[bytes | None]:
    found = await account.departed_contents(mailbox, uids)
    return [None if content is None else bytes(content.whole()) for content in found]


async def gone(account: AccountStore) -> list[tuple[str, int, Departure]]:
    return [(each.mailbox_name, each.uid, each.how) for each in await account.departed()]


async def test_expunged_mail_is_remembered_whole_and_counts_nowhere(place: Place) -> None:
    await place.here.append(place.inbox.id, [new("a"), new("b", DELETED, SEEN, size_bytes=6_000), new("c")])
    saved = int(place.clock.now_seconds())
    place.clock.advance(60)
    await place.here.expunge(place.inbox.id)
    (left,) = await place.there.departed()
    assert (left.mailbox, left.mailbox_name, left.uidvalidity, left.uid) == (
        place.inbox.id,
        "INBOX",
        place.inbox.uidvalidity,
        2,
    )
    assert left.flags.names == {DELETED, SEEN}
    assert (left.size_bytes, left.internal_date, left.save_seconds) == (6_000, DATE, saved)
    assert (left.gone_seconds, left.how) == (saved + 60, Departure.EXPUNGED)
    assert await bytes_of(place.there, place.inbox.id, 2, 1) == [letter("b", 6_000), None]
    assert (await place.there.status(place.inbox.id)).messages == 2
    assert (await place.there.quota()).usage.messages == 2
    assert await place.there.contents(place.inbox.id, [2]) == [None]


async def test_only_what_left_since_then_is_told(place: Place) -> None:
    await place.here.append(place.inbox.id, several(2, DELETED))
    await place.here.expunge(place.inbox.id, [1])
    place.clock.advance(10)
    await place.here.expunge(place.inbox.id, [2])
    now = int(place.clock.now_seconds())
    assert [each.uid for each in await place.here.departed(now)] == [2]
    assert [each.uid for each in await place.here.departed(now - 10)] == [1, 2]


async def test_undelete_gives_new_uids_and_keeps_flags_and_dates(place: Place) -> None:
    await place.here.append(place.inbox.id, [new("a", DELETED, FLAGGED, "work"), new("b"), new("c", DELETED)])
    saved = int(place.clock.now_seconds())
    place.clock.advance(60)
    await place.here.expunge(place.inbox.id)
    done = await place.there.undelete(place.inbox.id, [3, 1, 2, 77], place.inbox.id)
    assert (list(done.source_uids), list(done.destination_uids)) == ([1, 3], [4, 5])
    image = await place.here.image(place.inbox.id)
    assert flags_of(image) == {2: set(), 4: {FLAGGED, "work"}, 5: set()}
    assert list(image.save_seconds) == [saved] * 3
    assert list(image.date_seconds) == [DATE.epoch_seconds] * 3
    assert image.modseqs[1] == image.modseqs[2] == done.modseq == image.highest_modseq
    (content,) = await place.here.contents(place.inbox.id, [4])
    assert content is not None
    assert bytes(content.whole()) == letter("a")
    assert await place.here.departed() == []
    again = await place.here.undelete(place.inbox.id, [1], place.inbox.id)
    assert list(again.destination_uids) == []


async def test_a_deleted_mailbox_is_remembered_under_its_name(place: Place) -> None:
    box = await place.here.create("a")
    await place.here.append(box.id, several(3))
    await place.here.delete("a")
    assert await gone(place.there) == [("a", uid, Departure.EXPUNGED) for uid in (1, 2, 3)]
    anew = await place.here.create("a")
    assert list((await place.here.undelete(box.id, range(1, 4), anew.id)).destination_uids) == [1, 2, 3]
    with pytest.raises(MailboxMissing):
        await place.here.undelete(box.id, [1], MailboxId(99))


async def test_what_replace_takes_away_is_remembered(place: Place) -> None:
    await place.here.append(place.inbox.id, [new("draft")])
    await place.here.replace(place.inbox.id, 1, place.inbox.id, new("final"))
    assert await gone(place.there) == [("INBOX", 1, Departure.EXPUNGED)]
    assert await bytes_of(place.there, place.inbox.id, 1) == [letter("draft")]


async def test_moved_mail_is_told_of_but_not_brought_back(place: Place) -> None:
    box = await place.here.create("a")
    await place.here.append(place.inbox.id, several(2))
    await place.here.move(place.inbox.id, [1], box.id)
    await place.here.rename("INBOX", "old")
    assert await gone(place.there) == [("INBOX", 1, Departure.MOVED), ("INBOX", 2, Departure.MOVED)]
    assert await bytes_of(place.there, place.inbox.id, 1) == [letter("number 1")]
    assert list((await place.here.undelete(place.inbox.id, [1, 2], box.id)).destination_uids) == []
    await place.here.store_flags(box.id, [1], FlagAction.ADD, frozenset({DELETED}))
    await place.here.expunge(box.id)
    assert await bytes_of(place.there, place.inbox.id, 1) == [letter("number 1")]


async def test_a_copy_of_what_is_remembered_lives_on(place: Place) -> None:
    await place.here.append(place.inbox.id, [new("a", DELETED, size_bytes=6_000)])
    box = await place.here.create("a")
    await place.here.copy(place.inbox.id, [1], box.id)
    await place.here.expunge(place.inbox.id)
    assert await place.here.purge_departed(int(place.clock.now_seconds()) + 1) == 1
    (content,) = await place.here.contents(box.id, [1])
    assert content is not None
    assert bytes(content.whole()) == letter("a", 6_000)


async def test_what_is_purged_is_gone_for_good(place: Place) -> None:
    await place.here.append(place.inbox.id, [new("a", DELETED, size_bytes=6_000), new("b", DELETED)])
    await place.here.expunge(place.inbox.id, [1])
    place.clock.advance(10)
    await place.here.expunge(place.inbox.id, [2])
    now = int(place.clock.now_seconds())
    assert await place.here.purge_departed(now) == 1
    assert [each.uid for each in await place.there.departed()] == [2]
    assert await bytes_of(place.there, place.inbox.id, 1, 2) == [None, letter("b")]
    assert await place.here.purge_departed(now) == 0


async def test_what_comes_back_counts_in_the_quota(place: Place) -> None:
    await place.here.append(place.inbox.id, several(2, DELETED))
    await place.here.expunge(place.inbox.id)
    await place.here.set_properties(None, {"quota/MESSAGE": b"1"})
    with pytest.raises(OverQuota):
        await place.here.undelete(place.inbox.id, [1, 2], place.inbox.id)
    assert len(await place.there.departed()) == 2
    assert list((await place.here.undelete(place.inbox.id, [2], place.inbox.id)).destination_uids) == [3]


async def test_a_thousand_come_back_in_part(place: Place) -> None:
    await place.here.append(place.inbox.id, several(1_200, DELETED))
    await place.here.expunge(place.inbox.id)
    await place.here.undelete(place.inbox.id, range(1, 1_200, 2), place.inbox.id)
    assert [each.uid for each in await place.there.departed()] == list(range(2, 1_201, 2))
    assert (await place.there.status(place.inbox.id)).messages == 600


async def test_removing_an_account_forgets_all(place: Place) -> None:
    other = await place.store.open(AccountId("bob"))
    inbox = await other.find("INBOX")
    await other.append(inbox.id, several(2, DELETED))
    await other.expunge(inbox.id)
    await other.close()
    await place.store.remove(AccountId("bob"))
    again = await place.store.open(AccountId("bob"))
    assert await again.departed() == []
    await again.close()
