"""What is hidden is answered as what is absent, and costs the same: the same questions to the store in the same order
(security.md, attack 9, by time: counted, for a clock would decide nothing)."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pillarbox.store.memory import store
from tests.sharing.test_every_right import BOX, COMMANDS, IN_OWN, leave, shared_box

BELOW = [f'CREATE {BOX[:-1]}/New/Newer"', f'RENAME "Other Users/fred/Top" {BOX[:-1]}/New"']


def listened_to(name: str, call: Callable[..., Awaitable[Any]], heard: list[str]) -> Callable[..., Awaitable[Any]]:
    """A call of the store that is told of."""

    @functools.wraps(call)
    async def telling(*arguments: Any, **named: Any) -> Any:
        heard.append(name)
        return await call(*arguments, **named)

    return telling


async def test_a_hidden_mailbox_costs_what_an_absent_one_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    for name in ("find", "mailboxes", "properties", "all_properties", "status", "image", "create", "rename", "delete"):
        call = getattr(store.MemoryAccount, name)
        monkeypatch.setattr(store.MemoryAccount, name, listened_to(name, call, heard))
    fred, bob = await shared_box("")
    for command in (*COMMANDS, *BELOW, f"MYRIGHTS {BOX}", f'LIST "" {BOX}', *IN_OWN):
        work = []
        for asked in (command, command, command.replace("fred/Box", "fred/Nowhere")):
            await bob.done("SELECT INBOX")
            heard.clear()
            await bob.say(asked)
            work.append(list(heard))
        assert work[1] == work[2], command  # the first one opened what was not open yet
    await leave(fred, bob)
