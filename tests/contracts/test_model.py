"""Random changes by two processes leave the SQLite store just where they leave the model in memory."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.mail.errors import MailError
from pillarbox.mail.flags import ANSWERED, DELETED, SEEN, FlagAction
from pillarbox.store.contract import AccountId, AccountStore, Departure, DigestField, MailboxId, MailboxImage
from pillarbox.store.memory import MemoryStore
from pillarbox.store.sqlite import open_store
from tests.contracts.conftest import LIMITS, SETTINGS
from tests.contracts.letters import new, several

Change = Callable[[AccountStore], Awaitable[object]]

names = st.sampled_from(["INBOX", "INBOX", "a", "a", "b", "b", "a/b", "c", "c", "a/b/c", "INBOX/x", "a//b", "x" * 41])
flags = st.frozensets(
    st.sampled_from([SEEN, DELETED, DELETED, ANSWERED, "work", "WORK", "k1", "k2", "b a d"]), max_size=3
)
mailbox_ids = st.sampled_from([1, 1, 1, 2, 2, 3, 4]).map(MailboxId)
uids = st.one_of(
    st.lists(st.integers(0, 80), max_size=6),
    st.tuples(st.integers(1, 60), st.integers(1, 700), st.integers(1, 3)).map(
        lambda span: list(range(span[0], span[0] + span[1], span[2]))
    ),
)
modseqs = st.one_of(st.none(), st.integers(0, 30))
counts = st.sampled_from([0, 1, 1, 1, 2, 5, 40, 300, 600])
sizes = st.sampled_from([0, 0, 0, 0, 5_000])


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, Change]:
    """One change, with words for it."""
    kind = draw(
        st.sampled_from(
            ["create", "delete", "rename", "use", "subscribe", "unsubscribe", "recent", "purge", "undelete", "undelete"]
            + 3 * ["append", "append", "replace", "copy", "move", "flag", "flag", "expunge"]
        )
    )
    name, other = draw(names), draw(names)
    box, target = draw(mailbox_ids), draw(mailbox_ids)
    some, marks = draw(uids), draw(flags)
    match kind:
        case "create":
            return f"create {name}", lambda a: a.create(name)
        case "delete":
            return f"delete {name}", lambda a: a.delete(name)
        case "rename":
            return f"rename {name} {other}", lambda a: a.rename(name, other)
        case "use":
            return f"use {name}", lambda a: a.set_special_use(name, frozenset({"\\Sent"}))
        case "subscribe":
            return f"subscribe {name}", lambda a: a.subscribe(name)
        case "unsubscribe":
            return f"unsubscribe {name}", lambda a: a.unsubscribe(name)
        case "recent":
            return f"recent {box}", lambda a: a.claim_recent(box)
        case "undelete":
            return f"undelete {box} {some} {target}", lambda a: a.undelete(box, some, target)
        case "purge":
            before = int(HeldClock().now_seconds()) + draw(st.integers(0, 40))
            return f"purge {before}", lambda a: a.purge_departed(before)
        case "append":
            count, size = draw(counts), draw(sizes)
            messages = [new(f"{name} {number}", *marks, size_bytes=size) for number in range(count if not size else 1)]
            return f"append {box} {len(messages)} {size} {set(marks)}", lambda a: a.append(box, messages)
        case "replace":
            uid, size = draw(st.integers(0, 80)), draw(sizes)
            message = new(f"{name} for {uid}", *marks, size_bytes=size)
            return f"replace {box} {uid} {target}", lambda a: a.replace(box, uid, target, message)
        case "copy":
            return f"copy {box} {some} {target}", lambda a: a.copy(box, some, target)
        case "move":
            return f"move {box} {some} {target}", lambda a: a.move(box, some, target)
        case "flag":
            action, since = draw(st.sampled_from(FlagAction)), draw(modseqs)
            return f"flag {box} {some} {action} {set(marks)} {since}", lambda a: a.store_flags(
                box, some, action, marks, since
            )
        case _:
            chosen = draw(st.one_of(st.none(), st.just(some)))
            return f"expunge {box} {chosen}", lambda a: a.expunge(box, chosen)


async def outcome(change: Change, account: AccountStore) -> object:
    """What it returned or raised, comparable."""
    try:
        result = await change(account)
    except MailError as error:
        return type(error).__name__
    if isinstance(result, tuple):
        return tuple(list(part) if isinstance(part, Sequence) else part for part in result)
    return result


def shown(image: MailboxImage) -> object:
    """All of an image, comparable."""
    columns = (image.uids, image.modseqs, image.sizes, image.date_seconds, image.date_zones, image.save_seconds)
    return (
        image.mailbox,
        [list(column) for column in columns],
        [flags.names for flags in image.flags],
        image.uidnext,
        image.highest_modseq,
        list(image.keywords),
        {modseq: list(image.changed_since(modseq)) for modseq in range(image.highest_modseq + 1)},
    )


async def everything(account: AccountStore) -> object:
    """All that an account keeps, comparable."""
    boxes = await account.mailboxes()
    departed = list(await account.departed())
    result: list[object] = [list(boxes), await account.subscriptions(), departed]
    for gone in departed[::37]:
        (content,) = await account.departed_contents(gone.mailbox, [gone.uid])
        if gone.how is Departure.EXPUNGED:
            result.append(None if content is None else bytes(content.whole()))
    for box in boxes:
        image = await account.image(box.id)
        result += [shown(image), await account.status(box.id)]
        result += [await account.vanished_since(box.id, modseq) for modseq in range(0, image.highest_modseq + 1, 3)]
        chosen = image.uids[::37]
        result.append(await account.digests(box.id, chosen, list(DigestField)))
        contents = await account.contents(box.id, chosen)
        result.append([None if content is None else bytes(content.whole()) for content in contents])
    return result


async def compare(steps: list[tuple[int, tuple[str, Change]]], folder: Path) -> None:
    clock = HeldClock()
    model = await MemoryStore(LIMITS, clock).open(AccountId("anna"))
    stores = [await open_store(folder, LIMITS, clock, NoEvents(), SETTINGS) for _ in range(2)]
    accounts = [await store.open(AccountId("anna")) for store in stores]
    watched = [account.watch(MailboxId(box), lambda: None) for account in (*accounts, model) for box in (1, 2)]
    prelude: list[tuple[str, Change]] = [
        ("create a", lambda a: a.create("a")),
        ("fill", lambda a: a.append(MailboxId(1), several(560, "work"))),
        ("fill a", lambda a: a.append(MailboxId(2), several(20, SEEN))),
        ("delete some", lambda a: a.store_flags(MailboxId(1), range(3, 500, 4), FlagAction.ADD, frozenset({DELETED}))),
    ]
    for process, (words, change) in [*enumerate(prelude[:2]), *enumerate(prelude[2:]), *steps]:
        clock.advance(1)
        assert await outcome(change, accounts[process]) == await outcome(change, model), words
        for box in (1, 2):
            expected = await outcome(lambda a, box=box: a.image(MailboxId(box)), model)  # type: ignore[misc]
            actual = await outcome(lambda a, box=box: a.image(MailboxId(box)), accounts[1])  # type: ignore[misc]
            if not isinstance(expected, str) and not isinstance(actual, str):
                assert expected.deleted == actual.deleted  # type: ignore[attr-defined]
                if not expected.deleted:  # type: ignore[attr-defined]
                    assert shown(actual) == shown(expected), words  # type: ignore[arg-type]
    expected = await everything(model)
    assert await everything(accounts[0]) == expected
    assert await everything(accounts[1]) == expected
    fresh = await open_store(folder, LIMITS, clock, NoEvents(), SETTINGS)
    assert await everything(await fresh.open(AccountId("anna"))) == expected
    assert await fresh.check(AccountId("anna")) == []
    for unwatch in watched:
        unwatch()
    for store in (*stores, fresh):
        await store.close()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 1), changes()), min_size=5, max_size=25))
def test_random_changes_by_two_processes_end_where_the_model_ends(steps: list[tuple[int, tuple[str, Change]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(compare(steps, Path(folder) / "mail"))
