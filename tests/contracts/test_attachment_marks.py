"""The keywords that say whether a message has attachments, on every backend."""

from __future__ import annotations

from dataclasses import replace

from pillarbox.mail.flags import HAS_ATTACHMENT, HAS_NO_ATTACHMENT
from pillarbox.store.contract import NewMessage, Origin
from tests.contracts.conftest import Place
from tests.contracts.letters import DATE, flags_of, new

ATTACHED = b"Content-Type: application/pdf\r\n\r\nxx"


async def test_what_arrives_says_whether_it_has_attachments_and_its_copies_do(place: Place) -> None:
    arriving = [new("plain", "\\Seen"), NewMessage(ATTACHED, DATE), NewMessage(ATTACHED + bytes(6_000), DATE)]
    await place.here.append(place.inbox.id, [replace(each, origin=Origin.DELIVERED) for each in arriving])
    await place.here.copy(place.inbox.id, [2], place.inbox.id)
    assert flags_of(await place.there.image(place.inbox.id)) == {
        1: {"\\Seen", HAS_NO_ATTACHMENT},
        2: {HAS_ATTACHMENT},
        3: {HAS_ATTACHMENT},
        4: {HAS_ATTACHMENT},
    }


async def test_what_a_client_places_has_just_the_flags_it_gave(place: Place) -> None:
    await place.here.append(place.inbox.id, [NewMessage(ATTACHED, DATE, frozenset({"\\Draft"}))])
    assert flags_of(await place.there.image(place.inbox.id)) == {1: {"\\Draft"}}


async def test_a_mark_that_is_there_stays_and_a_full_list_of_keywords_keeps_no_mail_out(place: Place) -> None:
    marked = NewMessage(ATTACHED, DATE, frozenset({"$hasNOattachment"}), Origin.DELIVERED)
    await place.here.append(place.inbox.id, [marked, new("a", "one", "two", "three", "four", "five")])
    await place.here.append(place.inbox.id, [NewMessage(ATTACHED, DATE, frozenset({"one"}), Origin.DELIVERED)])
    flags = flags_of(await place.there.image(place.inbox.id))
    assert (flags[1], flags[3]) == ({HAS_NO_ATTACHMENT}, {"one"})
