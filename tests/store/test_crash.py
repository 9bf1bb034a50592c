"""kill -9 at any moment loses nothing acknowledged and leaves nothing half done."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path

from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.mail.flags import SEEN
from pillarbox.store.contract import AccountStore, StoreLimits
from pillarbox.store.memory import MemoryStore
from pillarbox.store.sqlite import SqliteStore, open_store
from tests.contracts.test_model import everything
from tests.store.work import ANNA, SETTINGS, START_SECONDS, perform

ROUNDS = 10
"""Of each kind."""


def killed_after(lines: int, folder: Path, kind: str, first: int) -> list[list[str]]:
    """What a working process said until it was killed, some time after that many lines."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.work", str(folder), kind, str(first)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        said += process.stdout.readlines()
    assert process.returncode == -9, "it ended by itself"
    return [line.split() for line in said if line.endswith("\n")]


async def reopened(folder: Path) -> SqliteStore:
    return await open_store(folder, StoreLimits(), HeldClock(), NoEvents(), SETTINGS)


async def test_changes_one_after_another_survive_a_kill(tmp_path: Path) -> None:
    folder, dice = tmp_path / "mail", random.Random(20)
    clock = HeldClock(START_SECONDS)
    model = MemoryStore(StoreLimits(), clock)
    expected = await model.open(ANNA)
    first = await open_store(folder, StoreLimits(), HeldClock(START_SECONDS), NoEvents(), SETTINGS)
    await first.open(ANNA)
    await first.close()
    seed = undecided = 0
    for _ in range(ROUNDS):
        said = await asyncio.to_thread(killed_after, dice.randrange(2, 120), folder, "first", seed)
        done = [int(number) for word, number in said if word == "done"]
        for number in done:
            await perform(expected, clock, number)
        tried = int(said[-1][1])
        store = await reopened(folder)
        actual = await everything(await store.open(ANNA))
        assert await store.check(ANNA) == []
        await store.close()
        if said[-1][0] == "try" and actual != await everything(expected):
            await perform(expected, clock, tried)
            undecided += 1
        assert actual == await everything(expected), f"after seed {tried}"
        seed = tried + 1
    assert seed > ROUNDS


async def subjects(account: AccountStore, name: str) -> dict[str, list[tuple[int, bool]]]:
    """Token -> (UID, seen) of the messages with it."""
    mailbox = await account.find(name)
    image = await account.image(mailbox.id)
    found: dict[str, list[tuple[int, bool]]] = {}
    contents = await account.contents(mailbox.id, image.uids)
    for uid, flags, content in zip(image.uids, image.flags, contents, strict=True):
        assert content is not None
        token = bytes(content.whole()).split(b"Subject: token ")[1].split(b"\r\n")[0].decode()
        found.setdefault(token, []).append((uid, SEEN in flags))
    return found


async def test_changes_at_once_survive_a_kill(tmp_path: Path) -> None:
    folder, dice = tmp_path / "mail", random.Random(21)
    store = await reopened(folder)
    await (await store.open(ANNA)).create("target")
    await store.close()
    acknowledged: dict[str, int] = {}
    seen: set[str] = set()
    moved: set[str] = set()
    highest = 0
    for number in range(ROUNDS):
        said = await asyncio.to_thread(killed_after, dice.randrange(1, 400), folder, "many", number)
        fresh = {token: int(uid) for word, token, *rest in said if word == "done" for uid in rest}
        assert min(fresh.values(), default=highest + 1) > highest, "a UID went back"
        highest = max([highest, *fresh.values()])
        acknowledged |= fresh
        seen |= {token for word, token, *_ in said if word == "seen"}
        moved |= {token for word, token, *_ in said if word == "moved"}
        store = await reopened(folder)
        assert await store.check(ANNA) == []
        account = await store.open(ANNA)
        inbox, target = await subjects(account, "INBOX"), await subjects(account, "target")
        status = await account.status((await account.find("INBOX")).id)
        await store.close()
        assert not set(inbox) & set(target), "a message is in both"
        assert all(len(copies) == 1 for copies in [*inbox.values(), *target.values()]), "a message came twice"
        assert set(acknowledged) <= set(inbox) | set(target), "an acknowledged message is lost"
        assert moved <= set(target)
        assert all(inbox[token][0][0] == uid for token, uid in acknowledged.items() if token in inbox)
        assert {token for token in seen if not (inbox.get(token) or target[token])[0][1]} == set()
        highest = max(highest, status.uidnext - 1)
