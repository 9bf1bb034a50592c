"""The layer that holds a limited login to its bounds knows every call, and asks for the rights that each takes."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import pytest

from pillarbox.auth.scope import Access, Scope
from pillarbox.mail.errors import MailboxMissing, MailError, NoPermission, StoreUnavailable
from pillarbox.mail.flags import SEEN, FlagAction
from pillarbox.mail.rights import Rights, told_text
from pillarbox.sharing.acl import AclChange
from pillarbox.sharing.confined import ConfinedMail
from pillarbox.sharing.person import PersonalMail
from pillarbox.store.contract import DigestField, Mailbox
from tests.sharing.test_layer import House, letters, make_house

READ_ONLY, APPEND_ONLY = Scope(Access.READ_ONLY), Scope(Access.APPEND_ONLY)


def test_it_has_every_call_of_the_mail_in_front_of_which_it_stands() -> None:
    """A call that is added there and not here would not be there: never one that passes unasked."""
    for name, passed_on in inspect.getmembers(PersonalMail, inspect.isfunction):
        if name.startswith("_"):
            continue
        assert name in vars(ConfinedMail), f"sharing/confined.py must say who may call {name}"
        wanted = [(each.name, each.default) for each in inspect.signature(passed_on).parameters.values()]
        had = [(each.name, each.default) for each in inspect.signature(vars(ConfinedMail)[name]).parameters.values()]
        assert had == wanted, name
    assert not hasattr(ConfinedMail, "__getattr__")


async def confined(scope: Scope) -> tuple[House, ConfinedMail]:
    house = await make_house()
    await house.fred.append(house.box, letters("one"))
    return house, ConfinedMail(house.fred, scope)


async def test_each_call_takes_the_rights_that_it_takes_from_others() -> None:
    """What the owner's list of rights would let somebody else do, and nothing more."""
    calls = {
        "acl": ("a", lambda mail, box: mail.acl(box)),
        "grant": ("a", lambda mail, box: mail.grant(box, "bob", AclChange.REPLACE, Rights.READ)),
        "status": ("r", lambda mail, box: mail.status(box)),
        "image": ("r", lambda mail, box: mail.image(box)),
        "properties": ("r", lambda mail, box: mail.properties(box)),
        "set_properties": ("w", lambda mail, box: mail.set_properties(box, {"metadata/x": b"1"})),
        "append": ("i", lambda mail, box: mail.append(box, letters("two"))),
        "copy": ("ri", lambda mail, box: mail.copy(box, [1], box)),
        "move": ("rite", lambda mail, box: mail.move(box, [9], box)),
        "replace": ("rite", lambda mail, box: mail.replace(box, 1, box, letters("two")[0])),
        "store_flags": ("rswt", lambda mail, box: mail.store_flags(box, [1], FlagAction.ADD, frozenset({SEEN}))),
        "expunge": ("e", lambda mail, box: mail.expunge(box)),
        "claim_recent": ("r", lambda mail, box: mail.claim_recent(box)),
        "digests": ("r", lambda mail, box: mail.digests(box, [1], (DigestField.HEADER,))),
        "contents": ("r", lambda mail, box: mail.contents(box, [1])),
        "vanished_since": ("r", lambda mail, box: mail.vanished_since(box, 1)),
        "create": ("k", lambda mail, box: mail.create("New")),
        "rename": ("xk", lambda mail, box: mail.rename("Box", "Crate")),
        "delete": ("x", lambda mail, box: mail.delete("Box")),
        "subscribe": ("w", lambda mail, box: mail.subscribe("Box")),
        "unsubscribe": ("w", lambda mail, box: mail.unsubscribe("Box")),
        "set_special_use": ("xk", lambda mail, box: mail.set_special_use("Box", frozenset())),
        "restore": ("a", lambda mail, box: mail.restore(box, 1, [])),
        "departed": ("a", lambda mail, box: mail.departed()),
        "departed_contents": ("a", lambda mail, box: mail.departed_contents(box, [1])),
        "undelete": ("a", lambda mail, box: mail.undelete(box, [1], box)),
        "purge_departed": ("a", lambda mail, box: mail.purge_departed(0)),
        "text_index_state": ("a", lambda mail, box: mail.text_index_state()),
    }
    for scope in (READ_ONLY, APPEND_ONLY, Scope(mailboxes=("Box", "New", "Crate"))):
        allowed = told_text(scope.rights)
        for name, (needed, call) in calls.items():
            house, mail = await confined(scope)
            try:
                await call(mail, house.box)
                answer = "done"
            except MailError as error:
                answer = type(error).__name__
            wanted = "done" if set(needed) <= set(allowed) else "NoPermission"
            assert (scope.access, name, answer) == (scope.access, name, wanted)


async def test_rights_are_what_the_bounds_leave() -> None:
    house, mail = await confined(READ_ONLY)
    assert told_text(await mail.rights(house.box)) == told_text(mail.last_rights(house.box)) == "lr"
    on_bobs_side = ConfinedMail(house.bob, APPEND_ONLY)
    await house.grant("lr")
    assert told_text(await on_bobs_side.rights(house.shown)) == "l"


async def test_flags_that_may_not_be_set_are_left_out_of_what_is_appended() -> None:
    house, mail = await confined(APPEND_ONLY)
    await mail.append(house.box, letters("two", flags=frozenset({"\\Seen", "\\Flagged", "x"})))
    assert (await house.fred.image(house.box)).flags[1].names == frozenset()


async def test_out_of_bounds_is_as_if_it_were_not_there() -> None:
    house, mail = await confined(Scope(mailboxes=("Work",)))
    await house.fred.create("Work/Deep")
    await house.fred.set_properties(house.box, {"metadata/x": b"1"})
    await house.fred.set_properties(None, {"metadata/y": b"1"})
    await house.fred.subscribe("Box")
    assert [mailbox.name for mailbox in await mail.mailboxes()] == ["Work/Deep"]
    assert (await mail.subscriptions(), await mail.all_properties(""), await mail.properties(None)) == (
        frozenset(),
        {},
        {},
    )
    with pytest.raises(MailboxMissing):
        await mail.find("Box")
    for call in (mail.status(house.box), mail.image(house.box), mail.rights(house.box), mail.delete("Box")):
        with pytest.raises(MailboxMissing):
            await call
    for refused in (mail.create("Box"), mail.create("Other"), mail.subscribe("Box"), mail.rename("Work/Deep", "Out")):
        with pytest.raises(NoPermission):
            await refused


async def test_a_mailbox_that_is_renamed_out_of_bounds_is_gone_and_one_renamed_into_them_is_there() -> None:
    house, mail = await confined(Scope(mailboxes=("Work",)))
    deep = await house.fred.create("Work/Deep")
    assert (await mail.find("Work/Deep")).id == deep.id
    await mail.status(deep.id)
    await house.fred.rename("Work/Deep", "Home")
    with pytest.raises(MailboxMissing):
        await mail.status(deep.id)
    await house.fred.rename("Box", "Work/Box")
    assert (await mail.status(house.box)).messages == 1


async def test_names_that_could_not_be_looked_at_are_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what was renamed out of bounds meanwhile would stay open to this login."""
    house, mail = await confined(Scope(mailboxes=("Work",)))
    deep = await house.fred.create("Work/Deep")
    await mail.status(deep.id)
    await house.fred.rename("Work/Deep", "Home")

    async def unavailable(_: PersonalMail) -> Sequence[Mailbox]:
        raise StoreUnavailable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(PersonalMail, "mailboxes", unavailable)
        with pytest.raises(StoreUnavailable):
            await mail.status(deep.id)
    with pytest.raises(MailboxMissing):
        await mail.status(deep.id)


async def test_who_may_not_know_how_much_there_is_is_told_no_quota() -> None:
    for scope, told in ((READ_ONLY, True), (APPEND_ONLY, False), (Scope(mailboxes=("Box",)), False)):
        house, mail = await confined(scope)
        await house.fred.set_properties(None, {"quota/STORAGE": b"1000"})
        assert bool((await mail.quota()).limits) is told
