"""The shared image and those who watch it."""

from __future__ import annotations

import asyncio

import pytest

from pillarbox.mail.errors import MailboxMissing
from pillarbox.mail.flags import DELETED, FLAGGED, SEEN, FlagAction
from tests.contracts.conftest import Place
from tests.contracts.letters import flags_of, several, uids_at


class Bell:
    """A watcher that can be waited for."""

    def __init__(self) -> None:
        self.rung = asyncio.Event()
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        self.rung.set()


async def test_an_image_is_one_object_for_all_while_watched(place: Place) -> None:
    unwatch = place.here.watch(place.inbox.id, lambda: None)
    image = await place.here.image(place.inbox.id)
    for number in range(10):
        box = await place.here.create(f"x{number % 5}/{number}") if number < 5 else place.inbox
        await place.here.image(box.id)
    again = await place.store.open(place.here.account)
    assert await again.image(place.inbox.id) is image
    await again.close()
    unwatch()


async def test_flag_changes_are_made_in_place(place: Place) -> None:
    appended = await place.here.append(place.inbox.id, several(3))
    unwatch = place.here.watch(place.inbox.id, lambda: None)
    image = await place.here.image(place.inbox.id)
    columns = (image.uids, image.flags, image.modseqs)
    flagged = await place.there.store_flags(place.inbox.id, [2], FlagAction.ADD, frozenset({SEEN}))
    assert await place.here.image(place.inbox.id) is image
    assert all(now is before for now, before in zip((image.uids, image.flags, image.modseqs), columns, strict=True))
    assert flags_of(image) == {1: set(), 2: {SEEN}, 3: set()}
    assert list(image.modseqs) == [appended.modseq, flagged.modseq, appended.modseq]
    assert image.highest_modseq == flagged.modseq
    unwatch()


async def test_arrivals_extend_in_place(place: Place) -> None:
    await place.here.append(place.inbox.id, several(2))
    unwatch = place.here.watch(place.inbox.id, lambda: None)
    image = await place.here.image(place.inbox.id)
    uids = image.uids
    await place.there.append(place.inbox.id, several(2, FLAGGED))
    assert await place.here.image(place.inbox.id) is image
    assert image.uids is uids
    assert list(uids) == [1, 2, 3, 4]
    assert image.uidnext == 5
    assert flags_of(image)[4] == {FLAGGED}
    unwatch()


async def test_vanishing_replaces_all_columns(place: Place) -> None:
    await place.here.append(place.inbox.id, several(4, DELETED))
    unwatch = place.here.watch(place.inbox.id, lambda: None)
    image = await place.here.image(place.inbox.id)
    names = ("uids", "flags", "modseqs", "sizes", "date_seconds", "date_zones", "save_seconds")
    before = [getattr(image, name) for name in names]
    await place.there.expunge(place.inbox.id, [2, 3])
    await place.there.append(place.inbox.id, several(1))
    assert await place.here.image(place.inbox.id) is image
    assert list(image.uids) == [1, 4, 5]
    assert [len(getattr(image, name)) for name in names] == [3] * 7
    assert not any(getattr(image, name) is old for name, old in zip(names, before, strict=True))
    assert list(before[0]) == [1, 2, 3, 4]
    assert [image.row_of(uid) for uid in (1, 2, 4, 5, 6)] == [0, -1, 1, 2, -1]
    unwatch()


async def test_changed_since_tells_rows_whose_modseq_is_above(place: Place) -> None:
    first = await place.here.append(place.inbox.id, several(6))
    unwatch = place.here.watch(place.inbox.id, lambda: None)
    image = await place.here.image(place.inbox.id)
    assert list(image.changed_since(0)) == [0, 1, 2, 3, 4, 5]
    assert list(image.changed_since(first.modseq)) == []
    second = await place.there.store_flags(place.inbox.id, [5, 2], FlagAction.ADD, frozenset({SEEN}))
    await place.here.image(place.inbox.id)
    third = await place.there.store_flags(place.inbox.id, [2, 6], FlagAction.ADD, frozenset({DELETED}))
    await place.there.append(place.inbox.id, several(1))
    await place.there.expunge(place.inbox.id, [6])
    await place.here.image(place.inbox.id)
    assert uids_at(image, image.changed_since(first.modseq)) == [2, 5, 7]
    assert uids_at(image, image.changed_since(second.modseq)) == [2, 7]
    assert uids_at(image, image.changed_since(third.modseq)) == [7]
    assert list(image.changed_since(image.highest_modseq)) == []
    unwatch()


async def test_a_renamed_mailbox_shows_its_new_name(place: Place) -> None:
    box = await place.here.create("a")
    unwatch = place.here.watch(box.id, lambda: None)
    image = await place.here.image(box.id)
    await place.there.rename("a", "b")
    await place.here.image(box.id)
    assert image.mailbox.name == "b"
    unwatch()


async def test_a_deleted_mailbox_that_is_watched_keeps_its_last_columns(place: Place) -> None:
    box = await place.here.create("a")
    await place.here.append(box.id, several(2))
    unwatch = place.here.watch(box.id, lambda: None)
    image = await place.here.image(box.id)
    await place.there.delete("a")
    assert (await place.here.image(box.id)).deleted
    assert list(image.uids) == [1, 2]
    unwatch()
    with pytest.raises(MailboxMissing):
        await place.here.image(box.id)


async def test_watchers_are_called_for_changes_of_any_process(place: Place) -> None:
    bell, list_bell, other = Bell(), Bell(), Bell()
    box = await place.here.create("a")
    unwatch = [
        place.here.watch(place.inbox.id, bell),
        place.here.watch_mailboxes(list_bell),
        place.here.watch(box.id, other),
    ]
    for account in (place.here, place.there):
        bell.rung.clear()
        list_bell.rung.clear()
        await account.append(place.inbox.id, several(1))
        await asyncio.wait_for(asyncio.gather(bell.rung.wait(), list_bell.rung.wait()), 10)
    assert other.count == 0
    for call in unwatch:
        call()
        call()
    counts = (bell.count, list_bell.count)
    await place.here.append(place.inbox.id, several(1))
    assert (bell.count, list_bell.count) == counts


async def test_list_watchers_hear_of_mailboxes_and_subscriptions(place: Place) -> None:
    bell = Bell()
    unwatch = place.here.watch_mailboxes(bell)
    for change in (
        place.there.create("a"),
        place.there.rename("a", "b"),
        place.there.subscribe("b"),
        place.there.set_special_use("b", frozenset({"\\Junk"})),
        place.there.unsubscribe("b"),
        place.there.delete("b"),
    ):
        bell.rung.clear()
        await change
        await asyncio.wait_for(bell.rung.wait(), 10)
    unwatch()


async def test_a_watcher_that_looks_sees_the_change(place: Place) -> None:
    seen: asyncio.Queue[int] = asyncio.Queue()
    unwatch = place.here.watch(place.inbox.id, lambda: seen.put_nowait(1))
    await place.there.append(place.inbox.id, several(1))
    await asyncio.wait_for(seen.get(), 10)
    assert len((await place.here.image(place.inbox.id)).uids) == 1
    unwatch()


async def test_the_same_watcher_can_watch_twice(place: Place) -> None:
    bell = Bell()
    first, second = place.here.watch(place.inbox.id, bell), place.here.watch(place.inbox.id, bell)
    first()
    await place.here.append(place.inbox.id, several(1))
    assert bell.count >= 1
    second()


async def test_closing_an_account_twice_or_among_others_is_harmless(place: Place) -> None:
    bell = Bell()
    again = await place.store.open(place.here.account)
    again.watch(place.inbox.id, bell)
    await again.close()
    await again.close()
    await place.here.append(place.inbox.id, several(1))
    assert bell.count == 0
