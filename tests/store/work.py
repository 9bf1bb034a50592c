"""Work for a process that is going to be killed, and for the model that says what it must have left behind.

As a program: `python -m tests.store.work FOLDER first FIRST` or `... many FIRST` works until it is killed. `first`
does one change after another, drawn from seeds FIRST, FIRST + 1, ... and says `try N` before and `done N` after
each. `many` appends and moves with many tasks at once and says `done TOKEN` after each.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.mail.errors import MailError
from pillarbox.mail.flags import DELETED, FLAGGED, SEEN, FlagAction
from pillarbox.store.contract import AccountId, AccountStore, MailboxId, StoreLimits
from pillarbox.store.sqlite import SqliteSettings, open_store
from tests.contracts.letters import new

ANNA = AccountId("anna")
SETTINGS = SqliteSettings(inline_bytes=4_000)
START_SECONDS = 1_780_000_000


def change_of(seed: int) -> Callable[[AccountStore], Awaitable[object]]:
    """The change that a seed stands for: always the same."""
    dice = random.Random(seed)
    box, target = (MailboxId(dice.choice([1, 1, 1, 2, 2, 3])) for _ in range(2))
    low = dice.randrange(400)
    uids = range(low, low + dice.choice([1, 10, 100, 300]))
    flags = frozenset(dice.sample([SEEN, DELETED, FLAGGED, "work"], dice.randrange(3)))
    match dice.choice(["append"] * 5 + ["copy", "move", "move", "flag", "flag", "expunge", "create", "rename"]):
        case "append":
            count, size = dice.choice([(1, 0), (1, 0), (1, 9_000), (30, 0)])
            messages = [new(f"seed {seed} number {number}", *flags, size_bytes=size) for number in range(count)]
            return lambda account: account.append(box, messages)
        case "copy":
            return lambda account: account.copy(box, uids[:40], target)
        case "move":
            return lambda account: account.move(box, uids, target)
        case "flag":
            action = dice.choice(list(FlagAction))
            return lambda account: account.store_flags(box, uids, action, flags)
        case "expunge":
            return lambda account: account.expunge(box, uids)
        case "create":
            name = dice.choice("ab")
            return lambda account: account.create(name)
        case _:
            old, fresh = dice.sample("abc", 2)
            return lambda account: account.rename(old, fresh)


async def perform(account: AccountStore, clock: HeldClock, seed: int) -> None:
    """Do what the seed says, or be refused, at a time of its own."""
    clock.seconds = START_SECONDS + seed
    with contextlib.suppress(MailError):
        await change_of(seed)(account)


async def work_in_order(account: AccountStore, clock: HeldClock, seed: int) -> None:
    while True:
        print(f"try {seed}", flush=True)
        await perform(account, clock, seed)
        print(f"done {seed}", flush=True)
        seed += 1


async def work_at_once(account: AccountStore, first: int) -> None:
    inbox = await account.find("INBOX")
    target = await account.find("target")

    async def worker(number: int) -> None:
        step = 0
        while True:
            token = f"{first}-{number}-{step}"
            size = 9_000 if step % 5 == 0 else 0
            appended = await account.append(inbox.id, [new(f"token {token}", size_bytes=size)])
            print(f"done {token} {appended.uids[0]}", flush=True)
            if step % 3 == 0:
                await account.store_flags(inbox.id, appended.uids, FlagAction.ADD, frozenset({SEEN}))
                print(f"seen {token}", flush=True)
            if step % 2 == 0:
                await account.move(inbox.id, appended.uids, target.id)
                print(f"moved {token}", flush=True)
            step += 1

    await asyncio.gather(*(worker(number) for number in range(12)))


async def main(folder: Path, kind: str, first: int) -> None:
    clock = HeldClock()
    store = await open_store(folder, StoreLimits(), clock, NoEvents(), SETTINGS)
    account = await store.open(ANNA)
    if kind == "first":
        await work_in_order(account, clock, first)
    else:
        await work_at_once(account, first)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
