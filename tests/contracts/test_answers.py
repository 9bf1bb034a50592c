"""What was worked out from a mailbox's messages and is kept: no part of the mail, and gone with the mailbox."""

from __future__ import annotations

import asyncio

from pillarbox.store.contract import MAX_ANSWERS, MailboxId
from tests.contracts.conftest import Place


async def recalled(place: Place, mailbox: MailboxId, name: str, expected: bytes) -> None:
    """Returns when the other process has it."""
    while await place.there.recall_answer(mailbox, name) != expected:
        await asyncio.sleep(0.001)


async def test_what_one_process_keeps_another_recalls_whichever_came_last(place: Place) -> None:
    inbox = place.inbox.id
    before = await place.here.status(inbox)
    assert await place.there.recall_answer(inbox, "SORT") is None
    place.here.keep_answer(inbox, "SORT", b"\1\0")
    place.here.keep_answer(inbox, "THREAD", bytes(100_000))
    await recalled(place, inbox, "SORT", b"\1\0")
    await recalled(place, inbox, "THREAD", bytes(100_000))
    place.here.keep_answer(inbox, "SORT", b"\2")
    await recalled(place, inbox, "SORT", b"\2")
    assert await place.here.status(inbox) == before
    assert await place.here.properties(inbox) == {}


async def test_of_each_mailbox_so_many_stay_those_kept_last(place: Place) -> None:
    inbox, other = place.inbox.id, (await place.here.create("Other")).id
    place.here.keep_answer(other, "one", b"x")
    for number in range(MAX_ANSWERS + 1):
        place.here.keep_answer(inbox, str(number), b"%d" % number)
    await recalled(place, inbox, str(MAX_ANSWERS), b"%d" % MAX_ANSWERS)
    assert await place.there.recall_answer(inbox, "0") is None
    assert await place.there.recall_answer(inbox, "1") == b"1"
    assert await place.there.recall_answer(other, "one") == b"x"


async def test_they_follow_a_mailbox_and_go_with_it(place: Place) -> None:
    made = await place.here.create("Work")
    place.here.keep_answer(made.id, "SORT", b"kept")
    await recalled(place, made.id, "SORT", b"kept")
    await place.there.rename("Work", "Play")
    assert await place.here.recall_answer(made.id, "SORT") == b"kept"
    await place.here.delete("Play")
    assert await place.there.recall_answer(made.id, "SORT") is None
    place.here.keep_answer(made.id, "SORT", b"too late")
    place.here.keep_answer(place.inbox.id, "SORT", b"later")
    await recalled(place, place.inbox.id, "SORT", b"later")
    assert await place.there.recall_answer(made.id, "SORT") is None
