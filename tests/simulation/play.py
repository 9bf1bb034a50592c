"""The play: devices take turns, several at the same time; now and then all catch up and are compared with the store.

Rounds and who acts in them come from the seed; what devices that act at once do to each other is up to the server.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tests.grammar.tree import Fetch, MailboxStatus
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
SHOWN_LINES = 60
MOST_LATE_COMMANDS = 20

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

    async def _turn(self, person: Person) -> None:
        with self._blaming(person.device):
            await person.act()

    @contextmanager
    def _blaming(self, device: Device) -> Iterator[None]:
        """Whatever goes wrong is shown with what this device said and heard."""
        try:
            yield
        except Exception as error:
            error.add_note(f"--- {device.kind.name}\n{self._tape.last(SHOWN_LINES, device.kind.name + ' ')}")
            raise

    # --- the truth -------------------------------------------------------------------------------

    async def _compare(self) -> None:
        """When all have caught up, every open mailbox is as the store has it."""
        self.comparisons += 1
        truth = await self._truth()
        for person in self._people:
            if person.device.view is not None:
                with self._blaming(person.device):
                    self.check(person.device.view, truth)

    async def _compare_what_is_remembered(self) -> None:
        """Every device opens again what it remembers, and so knows what happened since."""
        for person in self._people:
            device = person.device
            for name in (*STEADY, *FLEETING):
                with self._blaming(device):
                    if await device.open(name) and device.view is not None:
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
        known = sorted(_as_told(one, with_modseqs) for one in view.messages)
        if expected != known:
            wrong = [one for one in known if one not in expected]
            missed = [one for one in expected if one not in known]
            raise Untrue(f"{view.kind.name} on {view.name}: it has {wrong}, the store has {missed}")

    async def _truth(self) -> dict[str, Held]:
        """By MAILBOXID, as a connection is told that is made for this and knows nothing; all devices have caught up
        with it. Commands of devices that hung up may still be under way: then once more."""
        reader = Device(Kind("reader", frozenset({"CONDSTORE"})), self._server, self._login, self._tape)
        await reader.connect()
        for _ in range(MOST_LATE_COMMANDS):
            before = await self._states(reader)
            for person in self._people:
                with self._blaming(person.device):
                    await person.device.catch_up()
            truth = {state.mailbox_id: await self._held(reader, state.name) for state in before}
            if await self._states(reader) == before:
                await reader.leave()
                return truth
        raise Untrue("the store does not come to rest")

    @staticmethod
    async def _states(reader: Device) -> list[_State]:
        """In what state each mailbox is: when that is the same, so is all in it."""
        items = "MAILBOXID UIDVALIDITY UIDNEXT HIGHESTMODSEQ MESSAGES"
        answer = await reader.command(f'LIST "" * RETURN (STATUS ({items}))')
        return [_State(each.name, each.values) for each in answer.said if isinstance(each, MailboxStatus)]

    @staticmethod
    async def _held(reader: Device, name: str) -> Held:
        if not await reader.open(name, "EXAMINE"):
            return {}
        answer = await reader.command("UID FETCH 1:* (FLAGS MODSEQ)")
        held = [each.items for each in answer.said if isinstance(each, Fetch)]
        return {_number(one["UID"]): _flags_and_modseq(one) for one in held}


@dataclass(frozen=True, slots=True)
class _State:
    """What STATUS says of a mailbox."""

    name: str
    values: Mapping[str, int | str | None]

    @property
    def mailbox_id(self) -> str:
        return str(self.values["MAILBOXID"])


def _as_told(message: Message, with_modseqs: bool) -> tuple[int, list[str], int]:
    return message.uid or 0, sorted(message.flags or ()), message.modseq * with_modseqs


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value


def _flags_and_modseq(items: Mapping[str, object]) -> tuple[frozenset[str], int]:
    flags = items["FLAGS"]
    assert isinstance(flags, frozenset)
    return flags - {"\\Recent"}, _number(items["MODSEQ"])
