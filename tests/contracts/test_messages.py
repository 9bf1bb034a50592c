"""Changes to messages: append, copy, move, flags, expunge, recent; what vanished; their bytes and digests."""

from __future__ import annotations

import asyncio
import re

import pytest

from pillarbox.mail.dates import InternalDate
from pillarbox.mail.errors import LimitReached, MailboxMissing, MessageMissing, MessageTooBig, NameInvalid
from pillarbox.mail.flags import DELETED, FLAGGED, SEEN, FlagAction
from pillarbox.mail.uids import UidSet
from pillarbox.mime.digest import digest
from pillarbox.store.contract import AccountStore, DigestField, MailboxId, NewMessage
from tests.contracts.conftest import LIMITS, Place
from tests.contracts.letters import DATE, flags_of, letter, new, several

NOWHERE = MailboxId(99)


async def bytes_of(account: AccountStore, mailbox: MailboxId, *uids: int) -> list[bytes | None]:
    found = await account.contents(mailbox, uids)
    return [None if content is None else bytes(content.whole()) for content in found]


async def test_appended_messages_get_ascending_uids_and_one_modseq(place: Place) -> None:
    first = await place.here.append(place.inbox.id, several(2))
    second = await place.there.append(place.inbox.id, several(3))
    assert (list(first.uids), list(second.uids)) == ([1, 2], [3, 4, 5])
    assert first.uidvalidity == place.inbox.uidvalidity
    image = await place.here.image(place.inbox.id)
    assert list(image.modseqs) == [first.modseq] * 2 + [second.modseq] * 3
    assert second.modseq > first.modseq > 1


async def test_appended_messages_keep_bytes_flags_and_date(place: Place) -> None:
    data = b"any \x00 bytes\n\xff\r without a header"
    await place.here.append(place.inbox.id, [NewMessage(data, InternalDate(-5, -570), frozenset({SEEN, "work"}))])
    image = await place.there.image(place.inbox.id)
    assert (image.date_seconds[0], image.date_zones[0], image.sizes[0]) == (-5, -570, len(data))
    assert image.save_seconds[0] == int(place.clock.now_seconds())
    assert image.flags[0].names == {SEEN, "work"}
    assert await bytes_of(place.there, place.inbox.id, 1) == [data]


async def test_an_empty_message_is_kept(place: Place) -> None:
    await place.here.append(place.inbox.id, [NewMessage(b"", DATE)])
    assert await bytes_of(place.there, place.inbox.id, 1) == [b""]


async def test_appending_nothing_changes_nothing(place: Place) -> None:
    appended = await place.here.append(place.inbox.id, [])
    assert (list(appended.uids), appended.modseq) == ([], 1)


async def test_an_append_is_all_or_nothing(place: Place) -> None:
    with pytest.raises(MessageTooBig):
        await place.here.append(place.inbox.id, [new("a"), new("b", size_bytes=LIMITS.max_message_bytes + 1)])
    with pytest.raises(NameInvalid):
        await place.here.append(place.inbox.id, [new("a"), new("b", "not an atom")])
    with pytest.raises(MailboxMissing):
        await place.here.append(NOWHERE, several(1))
    assert (await place.there.status(place.inbox.id)).uidnext == 1


async def test_replace_puts_one_message_in_the_place_of_another_in_one_change(place: Place) -> None:
    await place.here.append(place.inbox.id, several(3, FLAGGED, "work"))
    unwatch = place.there.watch(place.inbox.id, lambda: None)
    replaced = await place.here.replace(place.inbox.id, 2, place.inbox.id, new("new", SEEN))
    assert (list(replaced.uids), replaced.uidvalidity) == ([4], place.inbox.uidvalidity)
    image = await place.there.image(place.inbox.id)
    assert flags_of(image) == {1: {FLAGGED, "work"}, 3: {FLAGGED, "work"}, 4: {SEEN}}
    assert image.modseqs[2] == image.highest_modseq == replaced.modseq
    assert await place.there.vanished_since(place.inbox.id, replaced.modseq - 1) == UidSet(((2, 2),))
    assert await bytes_of(place.there, place.inbox.id, 2, 4) == [None, letter("new")]
    unwatch()


async def test_replace_reaches_into_another_mailbox(place: Place) -> None:
    sent = await place.here.create("Sent")
    await place.here.append(place.inbox.id, several(1))
    replaced = await place.here.replace(place.inbox.id, 1, sent.id, new("sent", size_bytes=5_000))
    assert list((await place.there.image(place.inbox.id)).uids) == []
    assert list((await place.there.image(sent.id)).uids) == list(replaced.uids) == [1]
    assert (await place.there.image(place.inbox.id)).highest_modseq == replaced.modseq


async def test_replace_by_the_same_bytes_keeps_them(place: Place) -> None:
    await place.here.append(place.inbox.id, [new("same", size_bytes=5_000)])
    await place.here.replace(place.inbox.id, 1, place.inbox.id, new("same", size_bytes=5_000))
    assert await bytes_of(place.there, place.inbox.id, 2) == [letter("same", 5_000)]


@pytest.mark.parametrize("size_bytes", [0, 5_000])
async def test_replace_is_all_or_nothing(place: Place, size_bytes: int) -> None:
    await place.here.append(place.inbox.id, several(1))
    before = (await place.here.image(place.inbox.id)).highest_modseq
    message = new("new", size_bytes=size_bytes)
    with pytest.raises(MessageMissing):
        await place.here.replace(place.inbox.id, 2, place.inbox.id, message)
    with pytest.raises(MailboxMissing):
        await place.here.replace(place.inbox.id, 1, NOWHERE, message)
    with pytest.raises(MailboxMissing):
        await place.here.replace(NOWHERE, 1, place.inbox.id, message)
    with pytest.raises(MessageTooBig):
        await place.here.replace(place.inbox.id, 1, place.inbox.id, new("b", size_bytes=LIMITS.max_message_bytes + 1))
    with pytest.raises(NameInvalid):
        await place.here.replace(place.inbox.id, 1, place.inbox.id, new("b", "not an atom", size_bytes=size_bytes))
    image = await place.there.image(place.inbox.id)
    assert (list(image.uids), image.uidnext, image.highest_modseq) == ([1], 2, before)


@pytest.mark.parametrize("size_bytes", [10, 3_000, 19_999])
async def test_a_staged_message_is_stored_in_as_many_places_as_wanted(place: Place, size_bytes: int) -> None:
    data = letter("staged", size_bytes)
    staged = place.store.stage()
    for at in range(0, len(data), 700):
        staged.write(memoryview(data)[at : at + 700])
    assert staged.size_bytes == len(data)
    assert b"".join(staged.pieces(999)) == data
    await place.here.append(place.inbox.id, [NewMessage(staged, DATE)])
    await place.here.append(place.inbox.id, [NewMessage(staged, DATE), NewMessage(staged, DATE)])
    staged.discard()
    staged.discard()
    assert await bytes_of(place.there, place.inbox.id, 1, 2, 3) == [data] * 3


async def test_staging_stops_at_the_limit(place: Place) -> None:
    staged = place.store.stage()
    staged.write(b"x" * LIMITS.max_message_bytes)
    with pytest.raises(MessageTooBig):
        staged.write(b"x")
    staged.discard()


async def test_copies_keep_flags_and_dates_and_get_new_uids(place: Place) -> None:
    target = await place.here.create("target")
    await place.here.append(place.inbox.id, [new("a", SEEN), new("b", "work"), new("c")])
    await place.here.append(target.id, several(1))
    place.clock.advance(60)
    copied = await place.there.copy(place.inbox.id, [3, 1, 7, 1], target.id)
    assert (list(copied.source_uids), list(copied.destination_uids)) == ([1, 3], [2, 3])
    assert copied.uidvalidity == target.uidvalidity
    image = await place.here.image(target.id)
    assert flags_of(image) == {1: set(), 2: {SEEN}, 3: set()}
    assert list(image.modseqs)[1:] == [copied.modseq] * 2
    assert (image.date_seconds[1], image.date_zones[1]) == DATE
    assert image.save_seconds[1] == image.save_seconds[0] + 60
    assert await bytes_of(place.here, target.id, 2, 3) == [letter("a"), letter("c")]
    assert (await place.here.status(place.inbox.id)).messages == 3


async def test_copying_into_the_same_mailbox_doubles(place: Place) -> None:
    await place.here.append(place.inbox.id, several(2))
    copied = await place.here.copy(place.inbox.id, [1, 2], place.inbox.id)
    assert list(copied.destination_uids) == [3, 4]
    assert await bytes_of(place.here, place.inbox.id, 3, 4) == [letter("number 1"), letter("number 2")]


async def test_copies_outlive_what_they_were_copied_from(place: Place) -> None:
    await place.here.append(place.inbox.id, [new("small", DELETED), new("large", DELETED, size_bytes=9_000)])
    target = await place.here.create("target")
    await place.here.copy(place.inbox.id, [1, 2], target.id)
    await place.here.copy(place.inbox.id, [1, 2], target.id)
    await place.here.expunge(place.inbox.id)
    await place.here.expunge(target.id, [1, 2])
    assert await bytes_of(place.there, target.id, 1, 2, 3, 4) == [
        None, None, letter("small"), letter("large", 9_000),
    ]  # fmt: skip


async def test_copying_nothing_changes_nothing(place: Place) -> None:
    appended = await place.here.append(place.inbox.id, several(1))
    target = await place.here.create("target")
    copied = await place.here.copy(place.inbox.id, [5], target.id)
    moved = await place.here.move(place.inbox.id, [5], target.id)
    assert (list(copied.destination_uids), list(moved.destination_uids)) == ([], [])
    assert copied.modseq == moved.modseq == appended.modseq


async def test_copy_and_move_need_both_mailboxes(place: Place) -> None:
    await place.here.append(place.inbox.id, several(1))
    for source, target in ((place.inbox.id, NOWHERE), (NOWHERE, place.inbox.id)):
        with pytest.raises(MailboxMissing):
            await place.here.copy(source, [1], target)
        with pytest.raises(MailboxMissing):
            await place.here.move(source, [1], target)
    assert (await place.there.status(place.inbox.id)).messages == 1


async def test_move_is_copy_and_expunge_in_one(place: Place) -> None:
    target = await place.here.create("target")
    await place.here.append(place.inbox.id, [new("a"), new("b", SEEN), new("c", FLAGGED)])
    before = await place.here.status(place.inbox.id)
    moved = await place.there.move(place.inbox.id, [2, 3, 9], target.id)
    assert (list(moved.source_uids), list(moved.destination_uids)) == ([2, 3], [1, 2])
    assert list((await place.here.image(place.inbox.id)).uids) == [1]
    assert flags_of(await place.here.image(target.id)) == {1: {SEEN}, 2: {FLAGGED}}
    assert await place.here.vanished_since(place.inbox.id, before.highest_modseq) == UidSet(((2, 3),))
    status = await place.here.status(place.inbox.id)
    assert (status.messages, status.uidnext, status.highest_modseq) == (1, 4, moved.modseq)
    assert await bytes_of(place.here, target.id, 1, 2) == [letter("b"), letter("c")]


async def test_moving_into_the_same_mailbox_gives_new_uids(place: Place) -> None:
    await place.here.append(place.inbox.id, several(3))
    moved = await place.here.move(place.inbox.id, [1, 3], place.inbox.id)
    assert list(moved.destination_uids) == [4, 5]
    assert list((await place.there.image(place.inbox.id)).uids) == [2, 4, 5]
    assert await bytes_of(place.there, place.inbox.id, 1, 4, 5) == [None, letter("number 1"), letter("number 3")]


async def test_flags_are_added_removed_and_replaced(place: Place) -> None:
    await place.here.append(place.inbox.id, [new("a", SEEN), new("b"), new("c")])
    added = await place.here.store_flags(place.inbox.id, [1, 2, 8], FlagAction.ADD, frozenset({SEEN, "work"}))
    removed = await place.there.store_flags(place.inbox.id, [2, 3], FlagAction.REMOVE, frozenset({SEEN}))
    replaced = await place.here.store_flags(place.inbox.id, [3], FlagAction.REPLACE, frozenset({DELETED}))
    assert (list(added.changed), list(removed.changed), list(replaced.changed)) == ([1, 2], [2], [3])
    image = await place.there.image(place.inbox.id)
    assert flags_of(image) == {1: {SEEN, "work"}, 2: {"work"}, 3: {DELETED}}
    assert list(image.modseqs) == [added.modseq, removed.modseq, replaced.modseq]
    status = await place.there.status(place.inbox.id)
    assert (status.unseen, status.deleted, status.highest_modseq) == (2, 1, replaced.modseq)


async def test_setting_what_is_set_changes_nothing(place: Place) -> None:
    appended = await place.here.append(place.inbox.id, [new("a", SEEN)])
    flagged = await place.here.store_flags(place.inbox.id, [1], FlagAction.ADD, frozenset({"\\seen"}))
    assert (list(flagged.changed), flagged.modseq) == ([], appended.modseq)
    assert list((await place.here.image(place.inbox.id)).modseqs) == [appended.modseq]


async def test_unchanged_since_refuses_what_changed_later(place: Place) -> None:
    appended = await place.here.append(place.inbox.id, several(3))
    later = await place.there.store_flags(place.inbox.id, [2], FlagAction.ADD, frozenset({FLAGGED}))
    flagged = await place.here.store_flags(
        place.inbox.id, [1, 2, 3], FlagAction.ADD, frozenset({SEEN}), appended.modseq
    )
    assert (list(flagged.changed), list(flagged.refused)) == ([1, 3], [2])
    refused = await place.here.store_flags(place.inbox.id, [1, 2], FlagAction.ADD, frozenset({SEEN}), 0)
    assert (list(refused.changed), list(refused.refused)) == ([], [1, 2])
    assert flags_of(await place.here.image(place.inbox.id)) == {1: {SEEN}, 2: {FLAGGED}, 3: {SEEN}}
    assert flagged.modseq > later.modseq


async def test_keywords_take_the_spelling_that_is_known(place: Place) -> None:
    await place.here.append(place.inbox.id, [new("a", "Work"), new("b", "wORK", "$forwarded")])
    await place.there.store_flags(place.inbox.id, [1], FlagAction.ADD, frozenset({"$FORWARDED", "WORK", "zebra"}))
    await place.there.store_flags(place.inbox.id, [2], FlagAction.REMOVE, frozenset({"work", "unknown"}))
    image = await place.here.image(place.inbox.id)
    assert flags_of(image) == {1: {"Work", "$Forwarded", "zebra"}, 2: {"$Forwarded"}}
    assert list(image.keywords) == ["Work", "$Forwarded", "zebra"]


async def test_keywords_are_checked_and_limited(place: Place) -> None:
    await place.here.append(place.inbox.id, several(1))

    async def add(*names: str) -> None:
        await place.here.store_flags(place.inbox.id, [1], FlagAction.ADD, frozenset(names))

    for bad in ("two words", "par(en", "\\Recent", "\\Other", "star*", "", "brace]", "ümlaut"):
        with pytest.raises(NameInvalid):
            await add(bad)
        with pytest.raises(NameInvalid):
            await place.here.store_flags(place.inbox.id, [1], FlagAction.REMOVE, frozenset({bad}))
    with pytest.raises(LimitReached):
        await add("x" * (LIMITS.max_keyword_bytes + 1))
    with pytest.raises(LimitReached):
        await add(*(f"k{number}" for number in range(LIMITS.max_keywords + 1)))
    await add(*(f"k{number}" for number in range(LIMITS.max_keywords)))
    with pytest.raises(LimitReached):
        await place.there.append(place.inbox.id, [new("b", "one-more")])
    assert len((await place.there.image(place.inbox.id)).keywords) == LIMITS.max_keywords


async def test_expunge_removes_only_what_is_deleted(place: Place) -> None:
    appended = await place.here.append(
        place.inbox.id, [new("a", DELETED), new("b"), new("c", DELETED, SEEN), new("d", DELETED)]
    )
    some = await place.there.expunge(place.inbox.id, [2, 3, 9])
    assert list(some.uids) == [3]
    rest = await place.here.expunge(place.inbox.id)
    assert list(rest.uids) == [1, 4]
    assert appended.modseq < some.modseq < rest.modseq
    nothing = await place.here.expunge(place.inbox.id)
    assert (list(nothing.uids), nothing.modseq) == ([], rest.modseq)
    status = await place.there.status(place.inbox.id)
    assert (status.messages, status.deleted, status.deleted_bytes, status.unseen) == (1, 0, 0, 1)
    assert status.size_bytes == len(letter("b"))


async def test_uids_are_never_given_twice(place: Place) -> None:
    await place.here.append(place.inbox.id, several(3, DELETED))
    await place.here.expunge(place.inbox.id)
    assert list((await place.there.append(place.inbox.id, several(1))).uids) == [4]


async def test_vanished_uids_are_remembered_by_modseq(place: Place) -> None:
    await place.here.append(place.inbox.id, several(6, DELETED))
    first = await place.here.expunge(place.inbox.id, [1, 2, 3])
    second = await place.there.expunge(place.inbox.id, [5])
    assert await place.here.vanished_since(place.inbox.id, 0) == UidSet(((1, 3), (5, 5)))
    assert await place.here.vanished_since(place.inbox.id, first.modseq) == UidSet(((5, 5),))
    assert await place.here.vanished_since(place.inbox.id, second.modseq) == UidSet(())


async def test_recent_is_claimed_once(place: Place) -> None:
    await place.here.append(place.inbox.id, several(2))
    assert await place.here.claim_recent(place.inbox.id) == 1
    assert await place.there.claim_recent(place.inbox.id) == 3
    await place.there.append(place.inbox.id, several(1))
    assert (await place.here.status(place.inbox.id)).recent == 1
    assert await place.here.claim_recent(place.inbox.id) == 3
    assert (await place.here.status(place.inbox.id)).recent == 0


async def test_recent_is_claimed_by_one_of_many_at_once(place: Place) -> None:
    await place.here.append(place.inbox.id, several(4))
    claims = await asyncio.gather(
        *(account.claim_recent(place.inbox.id) for account in (place.here, place.there) for _ in range(4))
    )
    assert sorted(claims) == [1] + [5] * 7


async def test_a_missing_mailbox_is_said(place: Place) -> None:
    for call in (
        place.here.image(NOWHERE),
        place.here.expunge(NOWHERE),
        place.here.store_flags(NOWHERE, [1], FlagAction.ADD, frozenset()),
        place.here.claim_recent(NOWHERE),
        place.here.digests(NOWHERE, [1], [DigestField.HEADER]),
        place.here.contents(NOWHERE, [1]),
        place.here.vanished_since(NOWHERE, 0),
    ):
        with pytest.raises(MailboxMissing):
            await call


async def test_digests_come_in_the_order_asked_for(place: Place) -> None:
    await place.here.append(place.inbox.id, [new("a"), new("b", size_bytes=9_000), new("c", DELETED)])
    await place.here.expunge(place.inbox.id)
    known = digest(letter("b", 9_000))
    fields = [DigestField.HEADER, DigestField.BODY, DigestField.ENVELOPE, DigestField.PARTS, DigestField.BODYSTRUCTURE]
    found = await place.there.digests(place.inbox.id, [2, 3, 1, 77], fields)
    assert found[0] == (
        letter("b")[: known.header_size], known.body, known.envelope, known.parts, known.bodystructure,
    )  # fmt: skip
    assert found[1] is None
    assert found[2] is not None
    assert found[2][2] == digest(letter("a")).envelope
    assert found[3] is None
    assert await place.here.digests(place.inbox.id, [1], [DigestField.ENVELOPE]) == [(digest(letter("a")).envelope,)]
    assert await place.here.digests(place.inbox.id, [], [DigestField.ENVELOPE]) == []
    assert await place.here.digests(place.inbox.id, [1, 3], []) == [(), None]
    fields = [DigestField.SORT_KEYS, DigestField.HEADER, DigestField.ENVELOPE]
    assert await place.there.digests(place.inbox.id, [2, 77], fields) == [
        (known.sort_keys, letter("b")[: known.header_size], known.envelope), None,
    ]  # fmt: skip
    assert await place.here.digests(place.inbox.id, [2], [DigestField.SORT_KEYS]) == [(known.sort_keys,)]


async def test_the_email_id_is_that_of_the_bytes(place: Place) -> None:
    await place.here.append(place.inbox.id, [new("a"), new("b"), new("a", SEEN)])
    found = await place.there.digests(place.inbox.id, [1, 2, 3], [DigestField.EMAIL_ID])
    ids = [fields[0] for fields in found if fields]
    assert ids[0] == ids[2] != ids[1]
    assert all(re.fullmatch(rb"[A-Za-z0-9_-]{1,64}", one) for one in ids)


@pytest.mark.parametrize("size_bytes", [100, 15_000])
async def test_content_is_read_in_pieces_also_after_it_was_expunged(place: Place, size_bytes: int) -> None:
    data = letter("a", size_bytes)
    await place.here.append(place.inbox.id, [NewMessage(data, DATE, frozenset({DELETED}))])
    (content,) = await place.here.contents(place.inbox.id, [1])
    await place.there.expunge(place.inbox.id)
    assert content is not None
    assert content.size_bytes == len(data)
    assert content.read(3, 20) == data[3:20]
    assert content.read(len(data) - 2, len(data) + 50) == data[-2:]
    assert bytes(content.whole()) == data
    assert await place.here.contents(place.inbox.id, [1]) == [None]


async def test_every_change_takes_a_greater_modseq(place: Place) -> None:
    target = await place.here.create("target")
    seen = [(await place.here.status(target.id)).highest_modseq]
    seen.append((await place.here.append(place.inbox.id, several(3, DELETED))).modseq)
    seen.append((await place.there.copy(place.inbox.id, [1], target.id)).modseq)
    seen.append((await place.here.store_flags(target.id, [1], FlagAction.ADD, frozenset({SEEN}))).modseq)
    seen.append((await place.there.move(place.inbox.id, [2], target.id)).modseq)
    seen.append((await place.here.expunge(place.inbox.id)).modseq)
    assert seen == sorted(set(seen))


async def test_changes_made_at_once_from_two_processes_are_all_kept(place: Place) -> None:
    await asyncio.gather(
        *(account.append(place.inbox.id, several(2)) for _ in range(20) for account in (place.here, place.there))
    )
    image = await place.here.image(place.inbox.id)
    assert list(image.uids) == list(range(1, 81))


async def test_a_change_whose_caller_was_cancelled_is_whole(place: Place) -> None:
    staged = place.store.stage()
    staged.write(letter("staged", 15_000))
    task = asyncio.ensure_future(place.here.append(place.inbox.id, [new("a"), NewMessage(staged, DATE)]))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    staged.discard()
    following = await place.here.append(place.inbox.id, [new("b")])
    before = following.uids[0] - 1
    assert await bytes_of(place.there, place.inbox.id, *range(1, before + 1)) == [
        letter("a"), letter("staged", 15_000),
    ][:before]  # fmt: skip
    assert before in (0, 2)
