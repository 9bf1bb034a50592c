"""A delivery room in memory, and a client that talks to it without a socket."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pillarbox.auth.directory import AccountDirectory
from pillarbox.clock import HeldClock
from pillarbox.conversation import Peer
from pillarbox.delivery.addresses import AddressBook
from pillarbox.delivery.deliverer import Deliverer
from pillarbox.delivery.filter import Filter, KeepAll
from pillarbox.delivery.outbox import NoOutbox, Outbox
from pillarbox.delivery.retries import NoRetries, Retries
from pillarbox.delivery.settings import DeliverySettings
from pillarbox.events import NoEvents
from pillarbox.lmtp.conversation import LmtpConversation, LmtpServices
from pillarbox.lmtp.limits import LmtpLimits
from pillarbox.store.contract import Store, StoreLimits
from pillarbox.store.memory import MemoryStore


class Paper:
    """conversation.Outlet that keeps what is written."""

    def __init__(self) -> None:
        self.peer = Peer("local", 0)
        self.said = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said += data

    async def drain(self) -> None:
        await asyncio.sleep(0)


@dataclass
class House:
    """Accounts alice and bob of example.org."""

    directory: AccountDirectory
    store: Store
    clock: HeldClock = field(default_factory=HeldClock)
    settings: DeliverySettings = field(default_factory=DeliverySettings)
    limits: LmtpLimits = field(default_factory=LmtpLimits)
    sieve: Filter = field(default_factory=KeepAll)
    outbox: Outbox = field(default_factory=NoOutbox)
    retries: Retries = field(default_factory=NoRetries)

    @classmethod
    def build(cls, folder: Path, max_message_bytes: int = 1024 * 1024) -> House:
        clock = HeldClock()
        directory = AccountDirectory.open(folder / "accounts.db", clock)
        for name in ("alice", "bob"):
            directory.add(name, "hash")
        return cls(directory, MemoryStore(StoreLimits(max_message_bytes=max_message_bytes), clock), clock)

    def with_settings(self, settings: DeliverySettings) -> House:
        return replace(self, settings=settings)

    def deliverer(self) -> Deliverer:
        book = AddressBook(self.directory, self.settings)
        parts = (self.store, book, self.sieve, self.outbox, self.retries, self.settings, self.clock, NoEvents())
        return Deliverer(*parts)

    async def talk(self, sent: bytes, cuts: Sequence[int] = ()) -> bytes:
        """All that the server says to a client that sends this, cut at these places, and is gone then."""
        services = LmtpServices(self.deliverer(), NoEvents(), self.limits, "mail.example.org")
        conversation, paper = LmtpConversation(services), Paper()
        running = asyncio.create_task(conversation.run(paper))
        edges = [0, *sorted(cuts), len(sent)]
        for start, end in itertools.pairwise(edges):
            conversation.receive(memoryview(sent)[start:end])
            await asyncio.sleep(0)
        conversation.receive_eof()
        await running
        return bytes(paper.said)

    async def mail(self, name: str, mailbox: str = "INBOX") -> list[bytes]:
        """The messages of a mailbox, whole."""
        account = self.directory.find(name)
        assert account is not None
        opened = await self.store.open(account.id)
        box = await opened.find(mailbox)
        image = await opened.image(box.id)
        contents = await opened.contents(box.id, list(image.uids))
        await opened.close()
        return [bytes(content.whole()) for content in contents if content is not None]


def codes(said: bytes) -> list[str]:
    """The reply codes, with the enhanced ones where there are; one for each reply."""
    lines = [line.decode() for line in said.split(b"\r\n")[:-1] if line[3:4] == b" "]
    return [" ".join(line.split()[: 2 if line.split()[1][:1].isdigit() and "." in line.split()[1] else 1])
            for line in lines]  # fmt: skip


def body(message: bytes) -> bytes:
    """What was sent, without the trace fields."""
    *_, rest = message.partition(b"\r\n\t")
    return rest.partition(b"\r\n")[2]
