"""What a device does next: dice decide, and what it knows.

Must never: use anything but the dice and the device's own view, so that a seed decides the actions.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from tests.grammar.tree import Code
from tests.simulation.device import Answer, Device
from tests.simulation.view import Message

STEADY = ("INBOX", "Archive")
"""Mailboxes that stay, though what is in INBOX may go when it is renamed."""
FLEETING = ("Box1", "Box2", "Box3")
"""Mailboxes that are made, renamed and deleted all the time, under the same few names."""
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "\\Draft", "$Work", "urgent")
MANY = 40
"""More messages than that in a mailbox, and a device clears it up."""


class Person:
    """The one who holds the device."""

    def __init__(self, device: Device, seed: str) -> None:
        self.device = device
        self.away = 0
        """Turns until it is back."""
        self._dice = random.Random(f"{seed} {device.kind.name}")
        self._deeds: list[tuple[int, Callable[[], Awaitable[object]]]] = [
            (16, self._append),
            (26, self._store),
            (8, self._mark_deleted),
            (10, self._expunge),
            (8, self._copy_or_move),
            (8, self._copy_or_move),
            (3, self._replace),
            (5, self._search),
            (5, self._read),
            (4, self._noop),
            (8, self._idle),
            (8, self._open),
            (2, self._close),
            (2, self._status),
            (3, self._create),
            (2, self._delete),
            (2, self._rename),
        ]

    async def act(self) -> None:
        """One turn."""
        device = self.device
        if not device.is_online:
            self.away -= 1
            if self.away <= 0:
                await device.connect()
                await self._open()
            return
        if "roams" in device.kind.habits and self._dice.random() < 0.12:
            await self._go_away()
            return
        await device.end_idle()
        if device.view is None:
            await self._open()
            return
        await device.learn()
        if len(device.view.messages) > MANY:
            await self._clear_up()
            return
        weights = [weight for weight, _ in self._deeds]
        (deed,) = self._dice.choices([deed for _, deed in self._deeds], weights)
        await deed()

    # --- choosing --------------------------------------------------------------------------------

    def _mailbox(self) -> str:
        return self._dice.choice(STEADY if self._dice.random() < 0.7 else FLEETING)

    def _flags(self, most: int = 3) -> frozenset[str]:
        return frozenset(self._dice.sample(FLAGS, self._dice.randint(0, most)))

    def _some(self) -> list[Message]:
        """Some messages that are known: one, a few, or a run."""
        assert self.device.view is not None
        known = self.device.view.known()
        if not known:
            return []
        roll = self._dice.random()
        if roll < 0.5:
            return [self._dice.choice(known)]
        if roll < 0.75:
            return sorted(self._dice.sample(known, self._dice.randint(1, min(4, len(known)))), key=lambda m: m.uid or 0)
        first = self._dice.randrange(len(known))
        return known[first : first + self._dice.randint(2, 8)]

    def _written(self, messages: list[Message], verb: str) -> str:
        """The command's beginning, with the messages named by number or by UID."""
        view = self.device.view
        assert view is not None
        if view.kind.by_uid_only or self._dice.random() < 0.5:
            return f"UID {verb} " + ",".join(str(one.uid) for one in messages)
        return f"{verb} " + ",".join(str(view.number_of(one)) for one in messages)

    def _letter(self) -> bytes:
        return b"Subject: %d\r\n\r\n%s" % (self._dice.randrange(10**6), b"text\r\n" * self._dice.randint(1, 300))

    # --- messages --------------------------------------------------------------------------------

    async def _append(self) -> None:
        name, flags = self._mailbox(), " ".join(sorted(self._flags(2)))
        answer = await self.device.command(f"APPEND {name} ({flags})", self._letter())
        assert answer.condition == "OK" or name in FLEETING

    async def _store(self) -> None:
        messages = self._some()
        if messages:
            await self._change(messages, self._dice.choice(("FLAGS", "+FLAGS", "-FLAGS")), self._flags())

    async def _mark_deleted(self) -> None:
        messages = self._some()
        if messages:
            await self._change(messages, "+FLAGS", frozenset({"\\Deleted"}))

    async def _change(self, messages: list[Message], action: str, flags: frozenset[str]) -> None:
        device, view = self.device, self.device.view
        assert view is not None
        silent = self._dice.random() < 0.5
        unless = ""
        if device.kind.knows_modseqs and view.highest_modseq and self._dice.random() < 0.25:
            unless = f" (UNCHANGEDSINCE {view.highest_modseq})"
        command = self._written(messages, "STORE")
        numbers = {view.number_of(one): one for one in messages}
        answer = await device.command(
            f"{command}{unless} {action}{'.SILENT' if silent else ''} ({' '.join(sorted(flags))})"
        )
        if silent and answer.condition == "OK":
            spared = self._spared(answer, {one.uid or 0: one for one in messages} if "UID" in command else numbers)
            view.did([one for one in messages if not any(one is other for other in spared)], action, flags)
        elif silent and not view.read_only:
            await self._ask_again(messages)

    @staticmethod
    def _spared(answer: Answer, named: dict[int, Message]) -> list[Message]:
        """What MODIFIED says was left alone."""
        match answer.code:
            case Code("MODIFIED", (tuple(pairs),)):
                return [one for at, one in named.items() if any(low <= at <= high for low, high in pairs)]
            case _:
                return []

    async def _ask_again(self, messages: list[Message]) -> None:
        """After a NO nobody knows what was done."""
        uids = ",".join(str(one.uid) for one in messages)
        await self.device.command(f"UID FETCH {uids} ({'FLAGS MODSEQ' if self.device.kind.knows_modseqs else 'FLAGS'})")

    async def _expunge(self) -> None:
        messages = self._some()
        if messages and self._dice.random() < 0.5:
            await self.device.command("UID EXPUNGE " + ",".join(str(one.uid) for one in messages))
        else:
            await self.device.command("EXPUNGE")

    async def _clear_up(self) -> None:
        assert self.device.view is not None
        uids = ",".join(str(one.uid) for one in self.device.view.known()[::2])
        await self.device.command(f"UID STORE {uids} +FLAGS (\\Deleted)")
        await self.device.command("EXPUNGE")
        if self.device.view.read_only:
            await self._open()

    async def _copy_or_move(self) -> None:
        messages = self._some()
        if messages:
            command = self._written(messages, self._dice.choice(("COPY", "MOVE")))
            await self.device.command(f"{command} {self._mailbox()}")

    async def _replace(self) -> None:
        messages = self._some()
        if messages:
            await self.device.command(f"{self._written(messages[:1], 'REPLACE')} {self._mailbox()} ()", self._letter())

    # --- looking ---------------------------------------------------------------------------------

    async def _search(self) -> None:
        device = self.device
        assert device.view is not None
        key = self._dice.choice(("ALL", "DELETED", "UNSEEN", "NOT KEYWORD $Work", "OR FLAGGED ANSWERED"))
        if device.kind.by_uid_only or self._dice.random() < 0.5:
            found = device.numbers(await device.command(f"UID SEARCH {key}"))
            assert found == sorted(set(found))
            return
        found = device.numbers(await device.command(f"SEARCH {key}"))
        assert all(0 < number <= len(device.view.messages) for number in found), "SEARCH found a number too high"

    async def _read(self) -> None:
        messages = self._some()
        if messages:
            await self.device.command(f"{self._written(messages[:3], 'FETCH')} (BODY[TEXT]<0.20> RFC822.SIZE)")

    async def _noop(self) -> None:
        await self.device.command(self._dice.choice(("NOOP", "CHECK")))

    async def _idle(self) -> None:
        await self.device.begin_idle()

    async def _status(self) -> None:
        await self.device.command(f"STATUS {self._mailbox()} (MESSAGES UIDNEXT UNSEEN HIGHESTMODSEQ)")

    # --- mailboxes -------------------------------------------------------------------------------

    async def _open(self) -> None:
        name = self._mailbox()
        opened = await self.device.open(name, "EXAMINE" if self._dice.random() < 0.1 else "SELECT")
        assert opened or name in FLEETING, f"{name} is gone"

    async def _close(self) -> None:
        await self.device.close(self._dice.choice(("CLOSE", "UNSELECT")))

    async def _create(self) -> None:
        await self.device.command(f"CREATE {self._dice.choice(FLEETING)}")

    async def _delete(self) -> None:
        await self.device.command(f"DELETE {self._dice.choice(FLEETING)}")

    async def _rename(self) -> None:
        old = "INBOX" if self._dice.random() < 0.2 else self._dice.choice(FLEETING)
        await self.device.command(f"RENAME {old} {self._dice.choice(FLEETING)}")

    async def _go_away(self) -> None:
        self.away = self._dice.randint(1, 6)
        if self._dice.random() < 0.5:
            await self.device.leave()
            return
        messages = [] if self.device.view is None or self.device.idling else self._some()
        words = ("STORE +FLAGS (\\Flagged)", "STORE -FLAGS.SILENT (\\Seen)", "MOVE Archive", "COPY INBOX")
        verb, _, rest = self._dice.choice(words).partition(" ")
        await self.device.vanish(f"{self._written(messages, verb)} {rest}" if messages else "")
