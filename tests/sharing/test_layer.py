"""The layer is the account's store to its owner, and keeps all that is asked of a store."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from pillarbox.clock import HeldClock
from pillarbox.mail.dates import InternalDate
from pillarbox.mail.errors import LimitReached, MailboxMissing, MailError, MessageMissing, NoPermission, NotAllowed
from pillarbox.mail.flags import FlagAction
from pillarbox.mail.rights import Rights, read_rights, told_text
from pillarbox.sharing.acl import AclChange, effective
from pillarbox.sharing.administration import forget, shared_mailboxes, wake
from pillarbox.sharing.namespaces import Namespaces, Spot
from pillarbox.sharing.neighbours import SHARED_ACCOUNT, Owner
from pillarbox.sharing.person import PersonalMail, is_own
from pillarbox.sharing.settings import SharingSettings
from pillarbox.store.contract import AccountId, AccountStore, Appended, MailboxId, NewMessage, StoreLimits
from pillarbox.store.memory import MemoryStore
from pillarbox.store.memory.store import MemoryAccount
from tests.sharing.neighbours import MemoryNeighbours

DATE = InternalDate(837_596_665, -420)
LIMITS = StoreLimits(max_message_bytes=3_000_000)


@dataclass
class House:
    """Fred, who shares Box, and bob."""

    store: MemoryStore
    neighbours: MemoryNeighbours
    fred: PersonalMail
    bob: PersonalMail
    box: MailboxId
    shown: MailboxId
    """Box as bob has it."""

    async def grant(self, rights: str, identifier: str = "bob", change: AclChange = AclChange.REPLACE) -> None:
        await self.fred.grant(self.box, identifier, change, read_rights(rights))


async def person(store: MemoryStore, neighbours: MemoryNeighbours, name: str) -> PersonalMail:
    return PersonalMail(await store.open(AccountId(name)), name, store, neighbours, SharingSettings())


async def make_house(rights: str = "lrswipkxtea", settings: SharingSettings | None = None) -> House:
    store, neighbours = MemoryStore(LIMITS, HeldClock()), MemoryNeighbours()
    fred = await person(store, neighbours, "fred")
    bob = PersonalMail(await store.open(AccountId("bob")), "bob", store, neighbours, settings or SharingSettings())
    box = (await fred.create("Box")).id
    await fred.grant(box, "bob", AclChange.REPLACE, read_rights(rights))
    return House(store, neighbours, fred, bob, box, (await bob.find("Other Users/fred/Box")).id)


def letters(*texts: str, flags: frozenset[str] = frozenset()) -> list[NewMessage]:
    return [NewMessage(f"Subject: {text}\r\n\r\n".encode(), DATE, flags) for text in texts]


def test_the_layer_has_all_that_the_contract_has() -> None:
    for name, promised in inspect.getmembers(AccountStore, inspect.isfunction):
        if name.startswith("_"):
            continue
        assert name in vars(PersonalMail), f"sharing/person.py must hand on {name}"
        wanted = [(each.name, each.default) for each in inspect.signature(promised).parameters.values()]
        had = [(each.name, each.default) for each in inspect.signature(vars(PersonalMail)[name]).parameters.values()]
        assert had == wanted, name


async def result_of(mail: AccountStore, seed: int) -> list[object]:
    """What some random work on an account gives."""
    chance = random.Random(seed)
    heard: list[object] = []
    names = ["INBOX", "a", "a/b", "a/b/c", "d"]
    for _ in range(60):
        name, other = chance.choice(names), chance.choice(names)
        uids = sorted(chance.sample(range(1, 8), 3))
        flags = frozenset(chance.sample(["\\Seen", "\\Deleted", "\\Flagged", "x"], 2))
        work = chance.randrange(11)
        try:
            if work < 3:
                heard.append(await mail.create(name))
            elif work == 3:
                await mail.rename(name, other)
            elif work == 4:
                await mail.delete(name)
            else:
                box, there = (await mail.find(name)).id, (await mail.find(other)).id
                image = await mail.image(box)
                heard.append((image.mailbox, list(image.uids), list(image.flags), image.highest_modseq))
                heard.append(await mail.status(box))
                if work < 7:
                    heard.append(await mail.append(box, letters(name, flags=flags)))
                elif work == 7:
                    heard.append(await mail.copy(box, uids, there))
                elif work == 8:
                    heard.append(await mail.move(box, uids, there))
                elif work == 9:
                    heard.append(await mail.store_flags(box, uids, chance.choice(list(FlagAction)), flags))
                else:
                    heard.append(await mail.expunge(box))
        except MailError as error:
            heard.append((type(error), str(error)))
    heard.append(await mail.mailboxes())
    return heard


@pytest.mark.parametrize("seed", range(8))
async def test_to_the_owner_the_layer_is_the_account(seed: int) -> None:
    fred = await person(MemoryStore(LIMITS, HeldClock()), MemoryNeighbours(), "fred")
    plain = await MemoryStore(LIMITS, HeldClock()).open(AccountId("fred"))
    assert await result_of(fred, seed) == await result_of(plain, seed)


async def test_what_is_copied_to_another_account_keeps_dates_and_allowed_flags() -> None:
    house = await make_house("lri")
    inbox = (await house.bob.find("INBOX")).id
    big = NewMessage(b"Subject: big\r\n\r\n" + b"x" * 2_500_000, DATE, frozenset({"\\Seen", "\\Deleted", "word"}))
    await house.bob.append(inbox, [*letters("one"), big])
    copied = await house.bob.copy(inbox, [1, 2, 7], house.shown)
    assert (list(copied.source_uids), list(copied.destination_uids)) == ([1, 2], [1, 2])
    assert copied.uidvalidity == (await house.fred.find("Box")).uidvalidity
    image = await house.fred.image(house.box)
    assert [flags.names for flags in image.flags] == [frozenset(), frozenset()]
    assert (image.date_seconds[1], image.date_zones[1], image.sizes[1]) == (837_596_665, -420, 2_500_016)
    nothing = await house.bob.copy(inbox, [9], house.shown)
    assert (nothing.uidvalidity, list(nothing.source_uids)) == (copied.uidvalidity, [])


async def test_a_copy_that_fails_half_way_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pillarbox.sharing.carry._BATCH_MESSAGES", 2)
    house = await make_house("lriwst")
    inbox = (await house.bob.find("INBOX")).id
    await house.bob.append(inbox, letters("one", "two", "three", flags=frozenset({"\\Flagged"})))
    append = MemoryAccount.append

    async def full_after_two(self: MemoryAccount, mailbox: MailboxId, messages: Sequence[NewMessage]) -> Appended:
        if (await self.status(mailbox)).messages >= 2:
            raise LimitReached("full")
        return await append(self, mailbox, messages)

    monkeypatch.setattr(MemoryAccount, "append", full_after_two)
    with pytest.raises(LimitReached):
        await house.bob.copy(inbox, [1, 2, 3], house.shown)
    status = await house.fred.status(house.box)
    assert (status.messages, status.uidnext) == (0, 3)
    assert (await house.bob.status(inbox)).messages == 3


async def test_move_and_replace_into_another_account_leave_the_source() -> None:
    house = await make_house()
    await house.fred.append(house.box, letters("one", "two", "three"))
    inbox = (await house.bob.find("INBOX")).id
    moved = await house.bob.move(house.shown, [1, 3], inbox)
    assert (list(moved.source_uids), list(moved.destination_uids)) == ([1, 3], [1, 2])
    assert list((await house.fred.image(house.box)).uids) == [2]
    (replacement,) = letters("new")
    await house.bob.replace(house.shown, 2, inbox, replacement)
    assert (await house.fred.status(house.box)).messages == 0
    with pytest.raises(MessageMissing):
        await house.bob.replace(house.shown, 2, inbox, replacement)
    assert (await house.bob.status(inbox)).messages == 3


async def test_rights_that_are_lost_end_what_is_open_for_good() -> None:
    house = await make_house("lr")
    await house.fred.append(house.box, letters("one"))
    told: list[str] = []
    house.bob.watch(house.shown, lambda: told.append("change"))
    image = await house.bob.image(house.shown)
    assert not image.deleted
    await house.grant("l")
    assert told
    assert await house.bob.image(house.shown) is image
    assert image.deleted
    with pytest.raises(NoPermission):
        await house.bob.contents(house.shown, [1])
    await house.grant("lr")
    assert image.deleted
    again = (await house.bob.find("Other Users/fred/Box")).id
    assert again != house.shown
    assert house.bob.origin(again) == house.bob.origin(house.shown) == (AccountId("fred"), house.box)
    assert not (await house.bob.image(again)).deleted


async def test_a_mailbox_that_its_owner_deletes_is_gone_for_others() -> None:
    house = await make_house("lr")
    house.bob.watch(house.shown, lambda: None)
    image = await house.bob.image(house.shown)
    await house.fred.delete("Box")
    assert (await house.bob.image(house.shown)).deleted
    assert image.deleted
    for work in (house.bob.status(house.shown), house.bob.rights(house.shown)):
        with pytest.raises(MailboxMissing):
            await work


async def test_what_is_worked_out_with_fewer_rights_is_not_the_owner_s() -> None:
    house = await make_house("lr")
    theirs, owners = await house.bob.image(house.shown), await house.fred.image(house.box)
    assert theirs.companions is not owners.companions


async def test_groups_and_anyone_count_and_minus_wins() -> None:
    house = await make_house("l")
    house.neighbours.groups = {"family": {"bob", "fred"}}
    await house.grant("rw", "group:family")
    await house.grant("s", "anyone")
    assert told_text(await house.bob.rights(house.shown)) == "lrsw"
    await house.grant("ws", "-group:family")
    assert told_text(await house.bob.rights(house.shown)) == "lr"
    house.neighbours.groups = {}
    assert told_text(await house.bob.rights(house.shown)) == "ls"
    assert effective({"-bob": Rights.ALL, "bob": Rights.ALL}, {"bob"}) is Rights.NONE


async def test_the_owner_can_not_be_locked_out() -> None:
    house = await make_house("lra")
    for mail, mailbox in ((house.fred, house.box), (house.bob, house.shown)):
        for identifier in ("fred", "-fred"):
            with pytest.raises(NotAllowed):
                await mail.grant(mailbox, identifier, AclChange.REPLACE, Rights.LOOKUP)
    assert await house.fred.rights(house.box) is Rights.ALL


async def test_a_mailbox_is_shared_with_so_many_at_most() -> None:
    house = await make_house()
    settings = SharingSettings(max_identifiers=2)
    fred = PersonalMail(await house.store.open(AccountId("fred")), "fred", house.store, house.neighbours, settings)
    await fred.grant(house.box, "eve", AclChange.ADD, Rights.READ)
    with pytest.raises(LimitReached):
        await fred.grant(house.box, "dan", AclChange.ADD, Rights.READ)
    await fred.grant(house.box, "eve", AclChange.REMOVE, Rights.READ)
    await fred.grant(house.box, "dan", AclChange.ADD, Rights.READ)


async def test_properties_of_others_are_seen_with_rights_and_never_the_rights_themselves() -> None:
    house = await make_house("lr")
    note = {"metadata/shared/comment": b"1"}
    await house.fred.set_properties(house.box, {"urlauth/internal": b"key"})
    await house.bob.set_properties(house.shown, note)
    assert await house.fred.properties(house.box, "metadata/") == note
    assert await house.bob.properties(house.shown) == note
    assert (await house.bob.all_properties(""))[house.shown] == note
    for name in ("acl/bob", "urlauth/internal", "sieve/x"):
        with pytest.raises(NoPermission):
            await house.bob.set_properties(house.shown, {name: b"a"})
    await house.grant("lx")
    with pytest.raises(NoPermission):
        await house.bob.properties(house.shown)
    assert await house.bob.all_properties("metadata/") == {}


async def test_annotations_of_others_leave_the_owner_room() -> None:
    settings = SharingSettings(max_annotations=5, max_annotations_bytes=200)
    house = await make_house("lr", settings)
    await house.fred.set_properties(house.box, {"metadata/private/comment": b"fred's"})
    mine = {f"metadata/of/bob/{number}": b"" for number in range(4)}
    await house.bob.set_properties(house.shown, mine)
    with pytest.raises(LimitReached):
        await house.bob.set_properties(house.shown, {"metadata/of/bob/4": b""})
    with pytest.raises(LimitReached):
        await house.bob.set_properties(house.shown, {"metadata/of/bob/0": bytes(200)})
    await house.bob.set_properties(house.shown, {"metadata/of/bob/0": None, "metadata/of/bob/4": b"in its place"})
    await house.fred.set_properties(house.box, {f"metadata/shared/{number}": bytes(90) for number in range(9)})
    with pytest.raises(LimitReached):
        await house.bob.set_properties(house.shown, {"metadata/of/bob/4": b"in its place, longer"})
    await house.bob.set_properties(house.shown, {"metadata/of/bob/4": b"shorter", "metadata/of/bob/1": None})
    await house.grant("lr", "eve")


@pytest.mark.parametrize("rights", ["lr", "lrte"])
async def test_rights_that_go_while_many_messages_are_carried_stop_that_and_leave_nothing_behind(rights: str) -> None:
    house = await make_house(rights)
    uids = (await house.fred.append(house.box, letters(*map(str, range(700))))).uids
    inbox = (await house.bob.find("INBOX")).id
    carrying = asyncio.create_task((house.bob.copy if rights == "lr" else house.bob.move)(house.shown, uids, inbox))
    while not (await house.bob.status(inbox)).messages:
        await asyncio.sleep(0)
    await house.grant("")
    with pytest.raises(MailboxMissing):
        await carrying
    assert (await house.bob.status(inbox)).messages == 0
    assert (await house.fred.status(house.box)).messages == 700


async def test_shared_folders_belong_to_nobody() -> None:
    house = await make_house()
    nobody = PersonalMail(await house.store.open(SHARED_ACCOUNT), "", house.store, house.neighbours, SharingSettings())
    news = await nobody.create("News")
    await nobody.grant(news.id, "anyone", AclChange.REPLACE, read_rights("lrk"))
    shown = await house.bob.find("Shared Folders/News")
    assert (house.bob.owner_name(shown.id), is_own(shown.id)) == ("", False)
    await house.bob.create("Shared Folders/News/Old")
    names = [mailbox.name for mailbox in await house.bob.mailboxes()]
    assert names == ["INBOX", "Other Users/fred/Box", "Shared Folders/News", "Shared Folders/News/Old"]


async def test_a_group_s_users_are_woken_and_a_removed_name_is_forgotten() -> None:
    house = await make_house("lr")
    told: list[str] = []
    house.bob.watch(house.shown, lambda: told.append("change"))
    theirs = await house.store.open(AccountId("fred"))
    await wake(theirs, "group:family", "1")
    assert told == []
    await wake(theirs, "bob", "1")
    assert told
    await house.grant("w", "-bob")
    await forget(theirs, "bob")
    assert await shared_mailboxes(theirs) == {}


def test_names_lead_to_their_owners() -> None:
    names = Namespaces(SharingSettings())
    assert names.locate("Other Users/bob@example.org/inbox/x") == Spot("bob@example.org", "INBOX/x")
    assert names.locate("Shared Folders/News/x") == Spot("", "News/x")
    for name in ("INBOX", "Other Users", "Other Users/bob", "Other Users/bob/", "Other Usersx/bob/x"):
        assert names.locate(name) is None
    assert names.name_of(Owner(AccountId("1"), "bob"), "a/b") == "Other Users/bob/a/b"
    off = Namespaces(SharingSettings(other_users="", shared_folders="Public"))
    assert off.locate("Other Users/bob/x") is None
    assert not off.holds("Other Users/bob/x")
    assert off.locate("Public/x") == Spot("", "x")
    assert off.name_of(Owner(AccountId("1"), "bob"), "x") == ""


@pytest.mark.parametrize("wrong", [{"other_users": "a//b"}, {"other_users": "inbox/x"}, {"other_users": "*"},
                                   {"other_users": "Same", "shared_folders": "Same"}])  # fmt: skip
def test_names_that_can_not_be_are_no_settings(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        SharingSettings(**wrong)  # type: ignore[arg-type]  # strings all
