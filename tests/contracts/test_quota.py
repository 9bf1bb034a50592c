"""How much an account may keep, on every backend, whichever process asks."""

from __future__ import annotations

import asyncio

import pytest

from pillarbox.mail.errors import OverQuota
from pillarbox.store.quota import MAILBOX, MESSAGE, STORAGE, Usage, properties_of
from tests.contracts.conftest import Place
from tests.contracts.letters import new, several


async def test_an_account_without_limits_tells_what_it_keeps(place: Place) -> None:
    await place.here.append(place.inbox.id, [new("one", size_bytes=700), new("two", size_bytes=500)])
    quota = await place.there.quota()
    assert quota.limits == {}
    assert quota.usage == Usage(1200, 2, 1)
    assert [quota.usage.of(resource) for resource in (STORAGE, MESSAGE, MAILBOX)] == [2, 2, 1]


async def test_what_one_process_limits_another_may_not_pass(place: Place) -> None:
    await place.here.set_properties(None, properties_of({MESSAGE: 3}))
    await place.there.append(place.inbox.id, several(2))
    with pytest.raises(OverQuota) as refused:
        await place.there.append(place.inbox.id, several(2))
    assert refused.value.resource == MESSAGE
    assert (await place.here.status(place.inbox.id)).messages == 2
    await place.here.append(place.inbox.id, several(1))
    assert (await place.there.quota()).usage.messages == 3


async def test_many_appends_at_once_through_two_processes_stop_at_the_limit(place: Place) -> None:
    await place.here.set_properties(None, properties_of({MESSAGE: 9}))
    attempts = [(place.here, place.there)[number % 2].append(place.inbox.id, several(2)) for number in range(12)]
    done = await asyncio.gather(*attempts, return_exceptions=True)
    assert sorted({type(each).__name__ for each in done}) == ["Appended", "OverQuota"]
    assert sum(isinstance(each, OverQuota) for each in done) == 8
    assert (await place.here.quota()).usage.messages == 8


async def test_storage_counts_bytes_exactly(place: Place) -> None:
    await place.here.set_properties(None, properties_of({STORAGE: 2}))
    await place.here.append(place.inbox.id, [new("one", size_bytes=2048)])
    for one_more in (place.here.append(place.inbox.id, [new("x", size_bytes=100)]),
                     place.here.copy(place.inbox.id, [1], place.inbox.id)):  # fmt: skip
        with pytest.raises(OverQuota):
            await one_more
    assert (await place.here.quota()).usage == Usage(2048, 1, 1)


async def test_a_copy_is_whole_or_not_at_all(place: Place) -> None:
    other = await place.here.create("Other")
    await place.here.append(place.inbox.id, several(3))
    await place.here.set_properties(None, properties_of({MESSAGE: 5}))
    with pytest.raises(OverQuota):
        await place.there.copy(place.inbox.id, [1, 2, 3], other.id)
    assert (await place.here.status(other.id)).messages == 0
    copied = await place.there.copy(place.inbox.id, [1, 2], other.id)
    assert list(copied.destination_uids) == [1, 2]


async def test_what_moves_within_a_full_account_is_not_refused(place: Place) -> None:
    other = await place.here.create("Other")
    await place.here.append(place.inbox.id, several(3))
    await place.here.set_properties(None, properties_of({MESSAGE: 1, STORAGE: 0}))
    await place.here.move(place.inbox.id, [1, 2], other.id)
    await place.here.replace(other.id, 1, place.inbox.id, new("number 1"))
    assert (await place.here.status(place.inbox.id)).messages == 2
    with pytest.raises(OverQuota):
        await place.here.replace(other.id, 2, place.inbox.id, new("number 1", size_bytes=500))
    assert (await place.here.status(other.id)).messages == 1


async def test_mailboxes_are_limited_and_deleting_makes_room(place: Place) -> None:
    await place.here.set_properties(None, properties_of({MAILBOX: 2}))
    await place.here.create("One")
    for too_many in (place.there.create("Two"), place.there.rename("INBOX", "Two")):
        with pytest.raises(OverQuota):
            await too_many
    assert [mailbox.name for mailbox in await place.here.mailboxes()] == ["INBOX", "One"]
    await place.here.rename("One", "Other")
    await place.here.delete("Other")
    await place.there.create("Two")


async def test_above_the_limit_flags_still_change_and_mail_still_goes(place: Place) -> None:
    await place.here.append(place.inbox.id, several(3, "\\Deleted"))
    await place.here.set_properties(None, properties_of({MESSAGE: 1, STORAGE: 0, MAILBOX: 0}))
    assert list((await place.here.expunge(place.inbox.id, [1])).uids) == [1]
    assert (await place.here.quota()).usage.messages == 2
    await place.here.subscribe("Anything")
