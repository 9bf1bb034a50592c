"""restore(): messages under the UIDs that they had elsewhere."""

from __future__ import annotations

import pytest

from pillarbox.mail.errors import LimitReached, MailboxMissing, MessageTooBig, NotAllowed
from pillarbox.mail.flags import SEEN, FlagAction
from pillarbox.mail.uids import UidSet
from pillarbox.store.contract import AccountStore, KeptMessage, MailboxId, NewMessage
from tests.contracts.conftest import LIMITS, Place
from tests.contracts.letters import flags_of, letter, new, several

OLD = 1_234_567_890


def kept(*uids: int, flags: tuple[str, ...] = ()) -> list[KeptMessage]:
    return [KeptMessage(uid, new(f"kept {uid}", *flags), 1_500_000_000 + uid) for uid in uids]


async def restored(account: AccountStore, mailbox: MailboxId, *uids: int) -> None:
    await account.restore(mailbox, OLD, kept(*uids))


async def test_restored_messages_keep_uids_uidvalidity_and_save_dates(place: Place) -> None:
    done = await place.here.restore(place.inbox.id, OLD, kept(3, 9, flags=(SEEN, "work")), uidnext=20)
    assert (done.uidvalidity, list(done.uids)) == (OLD, [3, 9])
    image = await place.there.image(place.inbox.id)
    assert (image.mailbox.uidvalidity, image.uidnext) == (OLD, 20)
    assert flags_of(image) == {3: {SEEN, "work"}, 9: {SEEN, "work"}}
    assert list(image.save_seconds) == [1_500_000_003, 1_500_000_009]
    assert list(image.modseqs) == [done.modseq] * 2
    status = await place.there.status(place.inbox.id)
    assert (status.messages, status.unseen, status.uidvalidity, status.uidnext, status.recent) == (2, 0, OLD, 20, 0)
    contents = await place.there.contents(place.inbox.id, [3, 9])
    assert [bytes(each.whole()) for each in contents if each] == [letter("kept 3"), letter("kept 9")]
    assert list((await place.there.append(place.inbox.id, several(1))).uids) == [20]


async def test_restoring_goes_on_with_later_uids(place: Place) -> None:
    unwatch = place.there.watch(place.inbox.id, lambda: None)
    await place.there.image(place.inbox.id)
    for uids in ((1, 2), (5,), tuple(range(100, 700))):
        await restored(place.here, place.inbox.id, *uids)
        assert list((await place.there.image(place.inbox.id)).uids)[-len(uids) :] == list(uids)
    assert (await place.there.status(place.inbox.id)).messages == 603
    unwatch()


async def test_uids_passed_over_count_as_vanished(place: Place) -> None:
    await place.here.restore(place.inbox.id, OLD, kept(3, 4, 9), uidnext=12, modseq=700)
    assert await place.there.vanished_since(place.inbox.id, 700) == UidSet(((1, 2), (5, 8), (10, 11)))


async def test_changes_after_it_are_above_what_anybody_was_told_before(place: Place) -> None:
    done = await place.here.restore(place.inbox.id, OLD, kept(1), modseq=5_000)
    assert done.modseq > 5_000
    changed = await place.there.store_flags(place.inbox.id, [1], FlagAction.ADD, frozenset({SEEN}))
    assert changed.modseq > done.modseq
    made = await place.there.create("later")
    assert made.uidvalidity > OLD


async def test_an_empty_mailbox_keeps_its_counters(place: Place) -> None:
    await place.here.restore(place.inbox.id, OLD, [], uidnext=77)
    status = await place.there.status(place.inbox.id)
    assert (status.messages, status.uidvalidity, status.uidnext) == (0, OLD, 77)


async def test_a_mailbox_made_later_has_a_greater_uidvalidity(place: Place) -> None:
    late = int(place.clock.now_seconds()) + 1_000
    box = await place.here.create("box")
    await place.here.restore(box.id, late, kept(1))
    await place.here.delete("box")
    assert (await place.there.create("box")).uidvalidity > late


async def test_a_mailbox_with_a_past_is_left_alone(place: Place) -> None:
    await place.here.append(place.inbox.id, several(1))
    before = await place.here.status(place.inbox.id)
    with pytest.raises(NotAllowed):
        await restored(place.here, place.inbox.id, 5)
    with pytest.raises(NotAllowed):  # its own UIDVALIDITY, but the UID was given
        await place.here.restore(place.inbox.id, before.uidvalidity, kept(1, 2))
    assert await place.there.status(place.inbox.id) == before
    await place.here.restore(place.inbox.id, before.uidvalidity, kept(2))


@pytest.mark.parametrize("uids", [(2, 2), (3, 2), (0, 1)])
async def test_uids_that_do_not_ascend_are_refused(place: Place, uids: tuple[int, ...]) -> None:
    with pytest.raises(NotAllowed):
        await restored(place.here, place.inbox.id, *uids)
    assert (await place.there.status(place.inbox.id)).uidnext == 1


async def test_numbers_that_leave_no_room_are_refused(place: Place) -> None:
    for uidvalidity, uids, uidnext, modseq in (
        (0, (1,), 1, 0), (2**32 - 1, (1,), 1, 0), (OLD, (2**32 - 1,), 1, 0), (OLD, (), 2**32, 0), (OLD, (), 1, 2**63),
    ):  # fmt: skip
        with pytest.raises(LimitReached):
            await place.here.restore(place.inbox.id, uidvalidity, kept(*uids), uidnext=uidnext, modseq=modseq)
    assert (await place.there.status(place.inbox.id)).uidnext == 1


async def test_a_restore_is_all_or_nothing(place: Place) -> None:
    big = KeptMessage(2, new("big", size_bytes=LIMITS.max_message_bytes + 1))
    with pytest.raises(MessageTooBig):
        await place.here.restore(place.inbox.id, OLD, [*kept(1), big])
    with pytest.raises(MailboxMissing):
        await place.here.restore(MailboxId(99), OLD, kept(1))
    staged = place.store.stage()
    staged.write(letter("staged", 5_000))
    await place.here.restore(place.inbox.id, OLD, [KeptMessage(7, NewMessage(staged, new("").internal_date))])
    assert list((await place.there.image(place.inbox.id)).sizes) == [5_000]
