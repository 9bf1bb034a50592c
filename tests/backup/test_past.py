"""A mailbox as it was at a moment, and what comes back from there."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pillarbox.backup.past import Member, expunged, members_at, put_back, restore_members
from pillarbox.clock import HeldClock
from pillarbox.mail.errors import MailboxExists, MailboxMissing
from pillarbox.mail.flags import DELETED, SEEN, FlagAction
from pillarbox.store.contract import AccountId, AccountStore, Departure, StoreLimits
from pillarbox.store.memory import MemoryStore
from tests.contracts.letters import flags_of, letter, new, several


@dataclass
class Past:
    mail: AccountStore
    clock: HeldClock

    async def tick(self) -> int:
        """A minute passes; the moment before."""
        before = int(self.clock.now_seconds())
        self.clock.advance(60)
        return before


@pytest.fixture
async def past() -> Past:
    clock = HeldClock()
    return Past(await MemoryStore(StoreLimits(), clock).open(AccountId("anna")), clock)


def told(members: list[Member]) -> list[tuple[int, str]]:
    return [(member.uid, "" if member.gone is None else member.gone.how.value) for member in members]


async def test_a_mailbox_is_shown_with_what_came_before_and_left_after(past: Past) -> None:
    mail = past.mail
    inbox, box = await mail.find("INBOX"), await mail.create("a")
    empty = await past.tick()
    await mail.append(inbox.id, several(3, SEEN))
    full = await past.tick()
    await mail.move(inbox.id, [2], box.id)
    await mail.store_flags(inbox.id, [3], FlagAction.ADD, frozenset({DELETED}))
    await mail.expunge(inbox.id)
    await mail.append(inbox.id, [new("later")])
    after = await past.tick()
    assert told(await members_at(mail, "INBOX", empty)) == []
    assert told(await members_at(mail, "INBOX", full)) == [(1, ""), (2, "moved"), (3, "expunged")]
    assert told(await members_at(mail, "INBOX", after)) == [(1, ""), (4, "")]
    assert [member.flags for member in await members_at(mail, "INBOX", full)] == [{SEEN}] * 3
    with pytest.raises(MailboxMissing):
        await members_at(mail, "nowhere", full)


async def test_a_moment_is_copied_into_a_new_mailbox_and_nothing_else_changes(past: Past) -> None:
    mail = past.mail
    inbox, box = await mail.find("INBOX"), await mail.create("a")
    await mail.append(inbox.id, several(250, DELETED))
    full = await past.tick()
    await mail.move(inbox.id, [2], box.id)
    await mail.expunge(inbox.id, range(3, 240))
    returned, missing = await restore_members(mail, await members_at(mail, "INBOX", full), "then")
    assert (len(returned.uids), missing) == (250, 0)
    then = await mail.find("then")
    contents = await mail.contents(then.id, returned.uids)
    assert {bytes(content.whole()) for content in contents if content} == {
        letter(f"number {number}") for number in range(1, 251)
    }
    assert (await mail.status(inbox.id)).messages == 12
    assert len(await expunged(mail, 0, None)) == 237
    with pytest.raises(MailboxExists):
        await restore_members(mail, [], "then")


async def test_what_was_in_several_mailboxes_goes_back_where_it_was(past: Past) -> None:
    mail = past.mail
    inbox, gone, renamed = await mail.find("INBOX"), await mail.create("gone"), await mail.create("old name")
    for mailbox in (inbox, gone, renamed):
        await mail.append(mailbox.id, [new(mailbox.name, DELETED, SEEN)])
    await mail.expunge(inbox.id)
    await mail.expunge(renamed.id)
    await mail.delete("gone")
    await mail.rename("old name", "new name")
    assert [each.mailbox_name for each in await expunged(mail, 0, "new name")] == ["old name"]
    returned = await put_back(mail, await expunged(mail, 0, None), None)
    assert [(each.mailbox, each.made, list(each.uids)) for each in returned] == [
        ("INBOX", False, [2]),
        ("gone", True, [1]),
        ("new name", False, [2]),
    ]
    assert flags_of(await mail.image(inbox.id)) == {2: {SEEN}}
    assert [each.how for each in await mail.departed()] == []


async def test_all_may_go_into_one_mailbox(past: Past) -> None:
    mail = past.mail
    inbox, box = await mail.find("INBOX"), await mail.create("a")
    for mailbox in (inbox, box):
        await mail.append(mailbox.id, several(2, DELETED))
        await mail.expunge(mailbox.id)
    returned = await put_back(mail, await expunged(mail, 0, None), "Recovered")
    assert [(each.mailbox, each.made, list(each.uids)) for each in returned] == [
        ("Recovered", True, [1, 2]),
        ("Recovered", False, [3, 4]),
    ]
    assert await mail.departed() == []
    assert Departure.EXPUNGED.value == "expunged"
