"""The stage without sockets: ImapConversation with an in-memory store, in the test's own event loop."""

from __future__ import annotations

import asyncio
import enum
import random

from pillarbox.auth.claims import Claim, PasswordClaim
from pillarbox.auth.contract import Attempt, Denied, Granted, RefusalReason
from pillarbox.clock import HeldClock
from pillarbox.conversation import Peer
from pillarbox.events import Field, NoEvents
from pillarbox.imap.conversation import ImapConversation
from pillarbox.imap.limits import ImapLimits
from pillarbox.imap.services import Services
from pillarbox.store.contract import AccountId, StoreLimits
from pillarbox.store.memory import MemoryStore
from tests.grammar import ResponseSplitter
from tests.sharing.neighbours import MemoryNeighbours

USER, PASSWORD = "fred", "blurdybloop"


class Splitting(enum.Enum):
    """How a client's octets reach the server."""

    WHOLE = "whole"
    SINGLE = "one by one"
    RANDOM = "in random pieces"


class OneUser:
    """Lets fred in, who has one account; and those whom a transcript names besides."""

    def __init__(self) -> None:
        self.people = {USER}

    async def decide(self, claim: Claim, attempt: Attempt) -> Granted | Denied:
        name = claim.login_name
        if name in self.people and isinstance(claim, PasswordClaim) and claim.password.reveal() == PASSWORD:
            return Granted(AccountId(name), name)
        return Denied(RefusalReason.WRONG_CREDENTIALS)

    def client_named(self, decision: int, client: str) -> None:
        pass

    async def account_of(self, login_name: str) -> AccountId | None:
        return AccountId(login_name) if login_name in self.people else None


class NoBugs(NoEvents):
    """Keeps what the server called bugs of its own."""

    def __init__(self) -> None:
        self.bugs: list[BaseException] = []

    def bug(self, event: str, error: BaseException, **fields: Field) -> None:
        self.bugs.append(error)


class MemoryConnection:
    """One conversation: the server's Outlet on one side, the client on the other."""

    def __init__(self, services: Services, splitting: Splitting, seed: int) -> None:
        self.peer = Peer("192.0.2.7", 40_000, "TLSv1.3")
        self.conversation = ImapConversation(services)
        self.received_bytes = 0
        self._splitter = ResponseSplitter()
        self._responses: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._splitting = splitting
        self._random = random.Random(seed)
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            await self.conversation.run(self)
            if self._splitter.rest:
                raise AssertionError(f"the server ended within a response: {self._splitter.rest!r}")
        finally:
            self._responses.put_nowait(None)

    # --- the server's side -----------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.received_bytes += len(data)
        for response in self._splitter.feed(data):
            self._responses.put_nowait(response)

    async def drain(self) -> None:
        await asyncio.sleep(0)

    # --- the client's side -----------------------------------------------------------------------

    async def send(self, data: bytes) -> None:
        """Hand the octets over; the buffer is wiped afterwards, as a connection's shared one would be."""
        at = 0
        while at < len(data):
            size = self._piece_size(len(data) - at)
            buffer = bytearray(data[at : at + size])
            at += size
            while not self.conversation.wants_input:
                await asyncio.sleep(0)
            self.conversation.receive(memoryview(buffer))
            buffer[:] = b"\xff" * len(buffer)
            if self._splitting is not Splitting.WHOLE:
                await asyncio.sleep(0)

    def _piece_size(self, left: int) -> int:
        if self._splitting is Splitting.SINGLE:
            return 1
        return left if self._splitting is Splitting.WHOLE else self._random.randint(1, min(left, 40))

    async def response(self) -> bytes | None:
        response = await self._responses.get()
        if response is None:
            await self._task
        return response

    async def end_of_input(self) -> None:
        """The client will send no more."""
        self.conversation.receive_eof()

    async def close(self) -> None:
        """The client hangs up. Raises what the conversation raised."""
        self.conversation.receive_eof()
        await self._task


class MemoryStage:
    """A server with one empty account, or some."""

    user = USER
    password = PASSWORD

    def __init__(
        self,
        splitting: Splitting = Splitting.WHOLE,
        seed: int = 0,
        limits: ImapLimits | None = None,
    ) -> None:
        self.events = NoBugs()
        self.clock = HeldClock()
        self.store = MemoryStore(StoreLimits(), self.clock)
        self.users = OneUser()
        self.neighbours = MemoryNeighbours()
        self.services = Services(
            self.store,
            self.users,
            self.clock,
            self.events,
            limits or ImapLimits(),
            self.neighbours,
            accounts=self.users,
        )
        self._splitting = splitting
        self._seed = seed

    async def connect(self) -> MemoryConnection:
        self._seed += 1
        return MemoryConnection(self.services, self._splitting, self._seed)

    def person(self, name: str) -> str:
        self.users.people.add(name)
        return name

    def now_seconds(self) -> float:
        return self.clock.now_seconds()
