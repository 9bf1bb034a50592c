"""Who is next when passwords wait to be checked."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from pillarbox.auth.contract import Standing
from pillarbox.auth.turns import Overcrowded, Turns

KNOWN, STRANGER = Standing.KNOWN, Standing.STRANGER


class Crowd:
    """Everybody waits behind somebody who holds the only place."""

    def __init__(self, max_waiting: int) -> None:
        self.turns = Turns(1, max_waiting)
        self.served: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, who: str, standing: Standing, origin: str) -> None:
        self.tasks[who] = asyncio.create_task(self._wait(who, standing, origin))
        await asyncio.sleep(0)

    async def _wait(self, who: str, standing: Standing, origin: str) -> None:
        async with self.turns.turn(standing, origin):
            self.served.append(who)

    async def turned_away(self) -> set[str]:
        results = await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        return {who for who, result in zip(self.tasks, results, strict=True) if isinstance(result, Overcrowded)}


async def test_who_is_known_comes_before_all_strangers() -> None:
    crowd = Crowd(10)
    async with crowd.turns.turn(STRANGER, "x"):
        for number in range(5):
            await crowd.come(f"s{number}", STRANGER, "192.0.2.1")
        await crowd.come("known", KNOWN, "alice")
    assert await crowd.turned_away() == set()
    assert crowd.served[0] == "known"


async def test_strangers_take_turns_by_where_they_come_from() -> None:
    crowd = Crowd(10)
    async with crowd.turns.turn(STRANGER, "x"):
        for number in range(4):
            await crowd.come(f"many{number}", STRANGER, "192.0.2.1")
        await crowd.come("one", STRANGER, "198.51.100.1")
    await crowd.turned_away()
    assert crowd.served == ["many0", "one", "many1", "many2", "many3"]


async def test_a_full_line_makes_room_for_a_place_that_has_nobody_in_it() -> None:
    crowd = Crowd(3)
    async with crowd.turns.turn(STRANGER, "x"):
        for number in range(4):
            await crowd.come(f"many{number}", STRANGER, "192.0.2.1")
        await crowd.come("one", STRANGER, "198.51.100.1")
        await crowd.come("two", STRANGER, "198.51.100.2")
        await crowd.come("three", STRANGER, "198.51.100.3")
    assert await crowd.turned_away() == {"many3", "many2", "many1", "three"}
    assert set(crowd.served) == {"many0", "one", "two"}


async def test_strangers_that_fill_their_line_leave_that_of_the_known_free() -> None:
    crowd = Crowd(1)
    async with crowd.turns.turn(STRANGER, "x"):
        await crowd.come("stranger", STRANGER, "192.0.2.1")
        await crowd.come("known", KNOWN, "alice")
    assert await crowd.turned_away() == set()


async def test_who_leaves_the_line_takes_nobodys_turn() -> None:
    crowd = Crowd(10)
    async with crowd.turns.turn(STRANGER, "x"):
        for who in ("first", "leaver", "last"):
            await crowd.come(who, STRANGER, "192.0.2.1")
        crowd.tasks.pop("leaver").cancel()
    await crowd.turned_away()
    assert crowd.served == ["first", "last"]


@pytest.mark.parametrize("leaves", [0, 1, 2])
async def test_who_leaves_when_called_passes_the_turn_on(leaves: int) -> None:
    crowd = Crowd(10)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(crowd.turns.turn(STRANGER, "x"))
        for number in range(3):
            await crowd.come(str(number), STRANGER, f"192.0.2.{number}")
    crowd.tasks.pop(str(leaves)).cancel()  # the first was called just now
    await crowd.turned_away()
    assert crowd.served == [str(number) for number in range(3) if number != leaves]
    async with crowd.turns.turn(STRANGER, "x"):
        pass  # the place is free again
