"""The play: devices take turns, several at the same time; now and then all catch up and are compared with the store.

Rounds and who acts in them come from the seed; what devices that act at once do to each other is up to the server.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Final

from tests.grammar.tree import Fetch, Listed
from tests.simulation.deeds import FLEETING, STEADY, Person
from tests.simulation.device import Device
from tests.simulation.link import Address, Server, Tape
from tests.simulation.view import Kind, Message, View

KINDS: Final = (
    Kind("phone", frozenset({"QRESYNC"}), frozenset({"roams"})),
    Kind("tablet", frozenset({"QRESYNC"}), frozenset({"roams", "compress"})),
    Kind("watch", frozenset({"QRESYNC", "UIDONLY"}), frozenset({"roams"})),
    Kind("laptop", frozenset({"CONDSTORE"}), frozenset({"roams"})),
    Kind("desktop", frozenset({"CONDSTORE"})),
    Kind("webmail", frozenset({"IMAP4REV2"})),
    Kind("old"),
    Kind("older", habits=frozenset({"roams"})),
)
ROUNDS_BETWEEN_COMPARISONS = 20
SHOWN_LINES = 80

Held = dict[int, tuple[frozenset[str], int]]
"""UID -> flags and mod-sequence."""


class Untrue(AssertionError):
    """A device knows something that is not so."""


class Play:
    """All devices on one account. `commands` and `comparisons` count what was done."""

    def __init__(self, server: Server, login: tuple[str, str], seed: str) -> None:
        self.seed = seed
        self.comparisons = 0
        self.rounds = 0
        self._server, self._login = Address(server), login
        self._tape = Tape()
        self._dice = random.Random(seed)
        self._people = [Person(Device(kind, self._server, login, self._tape), seed) for kind in KINDS]

    @property
    def commands(self) -> int:
        return sum(person.device.commands for person in self._people)

    async def run(self, goes_on: Callable[[int], bool]) -> None:
        """Rounds while `goes_on(rounds so far)`, then a last comparison of every mailbox that a device ever opened."""
        try:
            await self._prepare()
            while goes_on(self.rounds):
                await self._round()
                if self.rounds % ROUNDS_BETWEEN_COMPARISONS == 0:
                    await self._compare()
            await self._compare()
            await self._compare_what_is_remembered()
            for person in self._people:
                await person.device.leave()
        except BaseException as error:
            error.add_note(f"seed {self.seed}, round {self.rounds}, {self.commands} commands")
            error.add_note(f"--- the wire\n{self._tape.last(SHOWN_LINES)}")
            raise

    async def _prepare(self) -> None:
        first = self._people[0].device
        await first.connect()
        for name in (*STEADY[1:], *FLEETING[:2]):
            await first.command(f"CREATE {name}")
        await asyncio.gather(*(person.device.connect() for person in self._people[1:]))

    async def _round(self) -> None:
        """One to four devices act at the same time."""
        self.rounds += 1
        acting = self._dice.sample(self._people, self._dice.choice((1, 1, 2, 3, 4)))
        turns = [asyncio.create_task(self._turn(person)) for person in acting]
        try:
            for turn in turns:
                await turn
        finally:
            for turn in turns:
                turn.cancel()
            await asyncio.gather(*turns, return_exceptions=True)

    @staticmethod
    async def _turn(person: Person) -> None:
        try:
            await person.act()
        except Exception as error:
            error.add_note(f"the device: {person.device.kind.name}")
            raise

    # --- the truth -------------------------------------------------------------------------------

    async def _compare(self) -> None:
        """When all have caught up, every open mailbox is as the store has it."""
        self.comparisons += 1
        for person in self._people:
            await person.device.catch_up()
        truth = await self._truth()
        for person in self._people:
            if person.device.view is not None:
                self.check(person.device.view, truth)

    async def _compare_what_is_remembered(self) -> None:
        """Every device opens again what it remembers, and so knows what happened since."""
        for person in self._people:
            device = person.device
            for name in (*STEADY, *FLEETING):
                if await device.open(name) and device.view is not None:
                    await device.catch_up()
                    self.check(device.view, await self._truth())

    @staticmethod
    def check(view: View, truth: dict[str, Held]) -> None:
        """Raises Untrue unless the view is what the store has; `truth` by MAILBOXID. What is deleted is empty."""
        unknown = [number for number, one in enumerate(view.messages, 1) if not one.is_known(view.kind)]
        if unknown:
            raise Untrue(f"{view.kind.name} could not find out about messages {unknown} of {view.name}")
        with_modseqs = view.kind.knows_modseqs
        held = truth.get(view.mailbox_id, {})
        expected = [(uid, sorted(flags), modseq * with_modseqs) for uid, (flags, modseq) in held.items()]
        known = [_as_told(one, with_modseqs) for one in view.messages]
        if expected != known:
            wrong = [one for one in known if one not in expected]
            missed = [one for one in expected if one not in known]
            raise Untrue(f"{view.kind.name} on {view.name}: it has {wrong}, the store has {missed}")

    async def _truth(self) -> dict[str, Held]:
        """By MAILBOXID, as a connection is told that is made for this and knows nothing."""
        reader = Device(Kind("reader", frozenset({"CONDSTORE"})), self._server, self._login, self._tape)
        await reader.connect()
        listed = await reader.command('LIST "" *')
        truth: dict[str, Held] = {}
        for mailbox in listed.said:
            if isinstance(mailbox, Listed) and await reader.open(mailbox.name, "EXAMINE"):
                answer = await reader.command("UID FETCH 1:* (FLAGS MODSEQ)")
                assert reader.view is not None
                held = [each.items for each in answer.said if isinstance(each, Fetch)]
                truth[reader.view.mailbox_id] = {_number(one["UID"]): _state(one) for one in held}
        await reader.leave()
        return truth


def _as_told(message: Message, with_modseqs: bool) -> tuple[int | None, list[str], int]:
    return message.uid, sorted(message.flags or ()), message.modseq * with_modseqs


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value


def _state(items: Mapping[str, object]) -> tuple[frozenset[str], int]:
    flags = items["FLAGS"]
    assert isinstance(flags, frozenset)
    return flags - {"\\Recent"}, _number(items["MODSEQ"])
