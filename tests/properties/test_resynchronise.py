"""A QRESYNC device that hangs up at any moment, and comes back with what it was told, ends up knowing everything.

It follows RFC 7162 section 6 to the letter: HIGHESTMODSEQ from the response code when there was one, else the greatest
MODSEQ of the FETCH responses before the tagged answer. If the server lets it rely on too much, changes are lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillarbox.mail.dates import InternalDate
from pillarbox.mail.flags import DELETED, FlagAction
from pillarbox.store.contract import AccountId, AccountStore, MailboxId, NewMessage
from tests.grammar import Dialect, parse_response
from tests.grammar.tree import Exists, Expunge, Fetch, Response, Status, Vanished
from tests.transcripts.memory import PASSWORD, USER, MemoryConnection, MemoryStage

PATIENCE_SECONDS = 20.0


class Device:
    """What it knows of INBOX, and its connection."""

    def __init__(self, stage: MemoryStage) -> None:
        self.messages: dict[int, frozenset[str]] = {}
        self.uidvalidity = self.modseq = 0
        self._stage = stage
        self._connection: MemoryConnection
        self._count = 0
        self._heard_of_new = False

    async def connect(self) -> None:
        """Log in and catch up."""
        self._connection = await self._stage.connect()
        await self._connection.response()
        await self._order(f"LOGIN {USER} {PASSWORD}")
        await self._order("ENABLE QRESYNC")
        known = f" (QRESYNC ({self.uidvalidity} {self.modseq}))" if self.modseq else ""
        await self._order(f"SELECT INBOX{known}")
        await self._look_for_new()

    async def hang_up(self) -> None:
        await self._connection.close()

    async def order(self, text: str) -> None:
        await self._order(text)
        if self._heard_of_new:
            await self._look_for_new()

    async def _look_for_new(self) -> None:
        self._heard_of_new = False
        first = max(self.messages, default=0) + 1
        await self._order(f"UID FETCH {first}:* (FLAGS MODSEQ)")

    async def _order(self, text: str) -> None:
        self._count += 1
        tag = f"d{self._count}"
        await self._connection.send(f"{tag} {text}\r\n".encode())
        told, greatest = 0, self.modseq
        while True:
            response = await self._response()
            if isinstance(response, Status) and response.code is not None:
                told = self._note_code(response, told)
            greatest = max(greatest, self._note_data(response))
            if isinstance(response, Status) and response.tag == tag:
                break
        self.modseq = told or greatest

    async def _response(self) -> Response:
        async with asyncio.timeout(PATIENCE_SECONDS):
            raw = await self._connection.response()
        assert raw is not None
        return parse_response(raw, Dialect.ASCII)

    def _note_code(self, response: Status, told: int) -> int:
        assert response.code is not None
        if response.code.name == "UIDVALIDITY":
            self.uidvalidity = int(str(response.code.arguments[0]))
        if response.code.name == "HIGHESTMODSEQ":
            return int(str(response.code.arguments[0]))
        return told

    def _note_data(self, response: Response) -> int:
        """Take in what it says; the mod-sequence that came with it."""
        assert not isinstance(response, Expunge)
        if isinstance(response, Exists):
            self._heard_of_new = True
        if isinstance(response, Vanished):
            for low, high in response.uids:
                for uid in range(low, high + 1):
                    self.messages.pop(uid, None)
        if not isinstance(response, Fetch):
            return 0
        if "FLAGS" in response.items:
            self.messages[response.items["UID"]] = frozenset(response.items["FLAGS"]) - {"\\Recent"}
        return int(response.items.get("MODSEQ", 0))


Elsewhere = Callable[[AccountStore, MailboxId], Awaitable[object]]


def arrival(count: int) -> Elsewhere:
    message = NewMessage(b"Subject: new\r\n\r\n", InternalDate(0, 0))
    return lambda account, inbox: account.append(inbox, [message] * count)


def marking(uids: list[int], flag: str) -> Elsewhere:
    return lambda account, inbox: account.store_flags(inbox, uids, FlagAction.ADD, frozenset({flag}))


def clearing(uids: list[int], flag: str) -> Elsewhere:
    return lambda account, inbox: account.store_flags(inbox, uids, FlagAction.REMOVE, frozenset({flag}))


def expunging(uids: list[int]) -> Elsewhere:
    async def both(account: AccountStore, inbox: MailboxId) -> None:
        await account.store_flags(inbox, uids, FlagAction.ADD, frozenset({DELETED}))
        await account.expunge(inbox, uids)

    return both


some_uids = st.lists(st.integers(1, 14), min_size=1, max_size=4)
flags = st.sampled_from(["\\Seen", "\\Flagged", "work"])
elsewhere = st.one_of(
    st.integers(1, 2).map(arrival),
    st.builds(marking, some_uids, flags),
    st.builds(clearing, some_uids, flags),
    some_uids.map(expunging),
)
orders = st.sampled_from(
    [
        "NOOP",
        "FETCH 1:* (MODSEQ)",
        "FETCH 1:* (FLAGS UID MODSEQ)",
        "STORE 1:* +FLAGS (\\Answered)",
        "STORE 1:* -FLAGS (\\Answered)",
        "UID STORE 1:5 +FLAGS (\\Draft)",
        "UID SEARCH ALL",
        "EXPUNGE",
    ]
)
HANG_UP = "hang up"


async def play(steps: list[Elsewhere | str]) -> None:
    stage = MemoryStage()
    account = await stage.store.open(AccountId(USER))
    inbox = (await account.find("INBOX")).id
    await arrival(6)(account, inbox)
    device = Device(stage)
    await device.connect()
    for step in steps:
        if not isinstance(step, str):
            await step(account, inbox)
        elif step == HANG_UP:
            await device.hang_up()
            await device.connect()
        else:
            await device.order(step)
    await device.hang_up()
    await device.connect()
    await device.hang_up()
    image = await account.image(inbox)
    assert device.messages == {uid: flags.names for uid, flags in zip(image.uids, image.flags, strict=True)}
    assert stage.events.bugs == []


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(elsewhere, elsewhere, orders, st.just(HANG_UP)), min_size=3, max_size=20))
def test_a_device_that_hangs_up_at_any_moment_knows_everything_when_it_is_back(steps: list[Elsewhere | str]) -> None:
    asyncio.run(play(steps))


def test_a_device_that_hangs_up_while_vanished_is_held_back_hears_of_it_later() -> None:
    asyncio.run(play([expunging([3]), marking([1], "\\Seen"), "FETCH 1 (MODSEQ)", HANG_UP, "NOOP"]))
