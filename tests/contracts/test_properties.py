"""Small values kept with mailboxes and with the account."""

from __future__ import annotations

import pytest

from pillarbox.mail.errors import LimitReached, MailboxMissing
from tests.contracts.conftest import LIMITS, Place


async def test_what_one_process_sets_another_reads(place: Place) -> None:
    await place.here.set_properties(place.inbox.id, {"acl/bob": b"lr", "acl/eve": b"l", "note": b"\0\xff"})
    await place.here.set_properties(None, {"acl/x": b""})
    assert await place.there.properties(place.inbox.id, "acl/") == {"acl/bob": b"lr", "acl/eve": b"l"}
    assert await place.there.properties(place.inbox.id) == {"acl/bob": b"lr", "acl/eve": b"l", "note": b"\0\xff"}
    assert await place.there.properties(None) == {"acl/x": b""}
    assert await place.there.all_properties("acl/") == {
        None: {"acl/x": b""},
        place.inbox.id: {"acl/bob": b"lr", "acl/eve": b"l"},
    }


async def test_a_prefix_is_no_pattern(place: Place) -> None:
    await place.here.set_properties(None, {"a%b": b"1", "aXb": b"2", "A%b": b"3", "a%": b"4"})
    assert list((await place.here.properties(None, "a%")).items()) == [("a%", b"4"), ("a%b", b"1")]


async def test_none_removes_and_all_of_a_change_is_done_or_nothing(place: Place) -> None:
    await place.here.set_properties(None, {"a": b"1", "b": b"2"})
    await place.there.set_properties(None, {"a": None, "b": b"3", "never there": None})
    assert await place.here.properties(None) == {"b": b"3"}
    with pytest.raises(LimitReached):
        await place.here.set_properties(None, {"b": None, "large": bytes(LIMITS.max_property_bytes + 1)})
    with pytest.raises(LimitReached):
        await place.here.set_properties(None, {str(number): b"" for number in range(LIMITS.max_properties)})
    assert await place.there.properties(None) == {"b": b"3"}


async def test_all_properties_together_with_their_names_have_a_size_at_most(place: Place) -> None:
    await place.here.set_properties(place.inbox.id, {str(number): bytes(99) for number in range(3)})
    await place.there.set_properties(None, {"ü" * 50: bytes(100)})
    with pytest.raises(LimitReached):
        await place.here.set_properties(None, {"a": b""})
    await place.here.set_properties(place.inbox.id, {"1": None})
    await place.here.set_properties(None, {"a": b""})


async def test_properties_follow_a_mailbox_and_go_with_it(place: Place) -> None:
    made = await place.here.create("Work/Old")
    await place.here.set_properties(made.id, {"note": b"kept"})
    await place.here.rename("Work", "Play")
    assert await place.there.properties((await place.there.find("Play/Old")).id) == {"note": b"kept"}
    await place.there.delete("Play/Old")
    with pytest.raises(MailboxMissing):
        await place.here.properties(made.id)
    with pytest.raises(MailboxMissing):
        await place.here.set_properties(made.id, {"note": b"again"})
    assert await place.here.all_properties("") == {}


async def test_a_renamed_inbox_takes_a_copy_of_its_annotations_along(place: Place) -> None:
    await place.here.set_properties(place.inbox.id, {"metadata/shared/comment": b"kept", "acl/bob": b"lr"})
    await place.here.rename("INBOX", "Before")
    made = await place.there.find("Before")
    assert await place.there.properties(made.id) == {"metadata/shared/comment": b"kept"}
    assert (await place.there.properties(place.inbox.id)).keys() == {"metadata/shared/comment", "acl/bob"}


async def test_watchers_are_told_of_a_change_and_of_nothing_else(place: Place) -> None:
    told: list[str] = []
    place.here.watch(place.inbox.id, lambda: told.append("inbox"))
    place.here.watch_mailboxes(lambda: told.append("list"))
    before = (await place.here.status(place.inbox.id)).highest_modseq
    await place.here.set_properties(place.inbox.id, {"note": b"1"})
    assert set(told) == {"inbox", "list"}
    told.clear()
    await place.here.set_properties(place.inbox.id, {"note": b"1", "other": None})
    assert told == []
    await place.here.set_properties(None, {"note": b"1"})
    assert set(told) == {"list"}
    assert (await place.here.status(place.inbox.id)).highest_modseq == before
