"""Several sessions on the same mailboxes, each doing what it likes: every client's own view stays true.

A client knows only what it was told (simulated_client.py). After everything, a NOOP must leave it with exactly what
the store holds.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillarbox.mail.flags import FLAGGED, SEEN
from pillarbox.store.contract import AccountId
from tests.properties.simulated_client import SimulatedClient
from tests.transcripts.memory import MemoryStage

MAILBOXES = ("INBOX", "Other")
FLAG_SETS: tuple[frozenset[str], ...] = (
    frozenset(),
    frozenset({SEEN}),
    frozenset({"\\Deleted"}),
    frozenset({FLAGGED, "$Work"}),
)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that one client does. `first` and `last` choose messages, `choice` what is done to them."""

    client: int
    verb: str
    first: int
    last: int
    choice: int


MOST_CHOICES = 23
"""12 to 23 are .SILENT."""
VERBS = (
    *("SELECT", "EXAMINE", "APPEND", "APPEND", "STORE", "STORE", "STORE", "UID STORE", "EXPUNGE", "EXPUNGE"),
    *("UID EXPUNGE", "COPY", "MOVE", "UID MOVE", "FETCH", "BODY", "SEARCH", "UID SEARCH", "NOOP", "NOOP", "IDLE"),
    *("CHECK", "STATUS", "CLOSE", "RENAME"),
)
STEPS = st.lists(
    st.builds(
        Step,
        st.integers(0, 2),
        st.sampled_from(VERBS),
        st.integers(0, 7),
        st.integers(0, 7),
        st.integers(0, MOST_CHOICES),
    ),
    min_size=4,
    max_size=40,
)
FEATURES = st.lists(st.sampled_from(["", "CONDSTORE", "QRESYNC", "IMAP4rev2"]), min_size=3, max_size=3)


class Play:
    """Three clients on one account."""

    def __init__(self, stage: MemoryStage, clients: list[SimulatedClient]) -> None:
        self.stage = stage
        self.clients = clients

    async def take(self, step: Step) -> None:
        client = self.clients[step.client]
        if client.idling:
            await client.end_idle()
        if client.mailbox is None and step.verb not in ("SELECT", "EXAMINE", "APPEND", "STATUS", "IDLE", "RENAME"):
            await client.open("SELECT", MAILBOXES[step.choice % 2])
        await client.learn()
        await getattr(self, "_" + step.verb.lower().replace(" ", "_"))(client, step)

    # --- choosing --------------------------------------------------------------------------------

    def _numbers(self, client: SimulatedClient, step: Step) -> list[int]:
        known = len(client.messages)
        if not known:
            return []
        low, high = sorted((step.first % known, step.last % known))
        return list(range(low + 1, high + 2))

    def _uids(self, client: SimulatedClient, step: Step) -> str:
        uids = [client.messages[number - 1].uid for number in self._numbers(client, step)]
        return ",".join(str(uid) for uid in uids if uid is not None)

    # --- doing -----------------------------------------------------------------------------------

    async def _select(self, client: SimulatedClient, step: Step) -> None:
        await client.open("SELECT", MAILBOXES[step.choice % 2])

    async def _examine(self, client: SimulatedClient, step: Step) -> None:
        await client.open("EXAMINE", MAILBOXES[step.choice % 2])

    async def _append(self, client: SimulatedClient, step: Step) -> None:
        flags = " ".join(sorted(FLAG_SETS[step.first % 4]))
        answered = await client.command(f"APPEND {MAILBOXES[step.choice % 2]} ({flags})", b"Subject: x\r\n\r\ny\r\n")
        assert answered.condition == "OK"

    async def _store(self, client: SimulatedClient, step: Step) -> None:
        numbers = self._numbers(client, step)
        if not numbers:
            return
        await self._change(client, step, "STORE", f"{numbers[0]}:{numbers[-1]}", numbers)

    async def _uid_store(self, client: SimulatedClient, step: Step) -> None:
        uids = self._uids(client, step)
        if uids:
            wanted = {int(uid) for uid in uids.split(",")}
            await self._change(client, step, "UID STORE", uids, wanted)

    async def _change(
        self, client: SimulatedClient, step: Step, verb: str, written: str, targets: list[int] | set[int]
    ) -> None:
        """Any kind of STORE. When it is silent, the client does to its own view what the server did."""
        flags, action = FLAG_SETS[step.choice % 4], ("FLAGS", "+FLAGS", "-FLAGS")[step.choice // 4 % 3]
        silent = ".SILENT" if step.choice >= 12 else ""
        before = list(client.messages)
        answered = await client.command(f"{verb} {written} {action}{silent} ({' '.join(sorted(flags))})")
        if client.read_only:
            assert answered.condition == "NO"
        elif answered.condition == "OK" and silent:
            chosen = (
                [before[number - 1] for number in targets]
                if isinstance(targets, list)
                else [one for one in before if one.uid in targets]
            )
            still = [n for n, one in enumerate(client.messages, 1) if any(one is other for other in chosen)]
            client.silently(still, action, flags)

    async def _expunge(self, client: SimulatedClient, step: Step) -> None:
        await client.command("EXPUNGE")

    async def _uid_expunge(self, client: SimulatedClient, step: Step) -> None:
        uids = self._uids(client, step)
        if uids:
            await client.command(f"UID EXPUNGE {uids}")

    async def _copy(self, client: SimulatedClient, step: Step) -> None:
        numbers = self._numbers(client, step)
        if numbers:
            await client.command(f"COPY {numbers[0]}:{numbers[-1]} {MAILBOXES[step.choice % 2]}")

    async def _move(self, client: SimulatedClient, step: Step) -> None:
        numbers = self._numbers(client, step)
        if numbers:
            await client.command(f"MOVE {numbers[0]}:{numbers[-1]} {MAILBOXES[step.choice % 2]}")

    async def _uid_move(self, client: SimulatedClient, step: Step) -> None:
        uids = self._uids(client, step)
        if uids:
            await client.command(f"UID MOVE {uids} {MAILBOXES[step.choice % 2]}")

    async def _fetch(self, client: SimulatedClient, step: Step) -> None:
        numbers = self._numbers(client, step)
        if numbers:
            answered = await client.command(f"FETCH {numbers[0]}:{numbers[-1]} (UID FLAGS RFC822.SIZE)")
            assert answered.condition != "BAD"

    async def _body(self, client: SimulatedClient, step: Step) -> None:
        numbers = self._numbers(client, step)
        if numbers:
            answered = await client.command(f"FETCH {numbers[0]} BODY[TEXT]")
            assert answered.condition != "BAD"

    async def _search(self, client: SimulatedClient, step: Step) -> None:
        known = len(client.messages)
        answered = await client.command("SEARCH " + ("ALL", "DELETED", "UNSEEN", "NOT KEYWORD $Work")[step.choice % 4])
        assert answered.condition == "OK"
        assert all(number <= max(known, len(client.messages)) for number in answered.numbers)

    async def _uid_search(self, client: SimulatedClient, step: Step) -> None:
        answered = await client.command("UID SEARCH ALL")
        assert answered.condition == "OK"
        assert answered.numbers == sorted(set(answered.numbers))

    async def _noop(self, client: SimulatedClient, step: Step) -> None:
        await client.command("NOOP")

    async def _check(self, client: SimulatedClient, step: Step) -> None:
        await client.command("CHECK")

    async def _status(self, client: SimulatedClient, step: Step) -> None:
        await client.command(f"STATUS {MAILBOXES[step.choice % 2]} (MESSAGES UIDNEXT UNSEEN)")

    async def _idle(self, client: SimulatedClient, step: Step) -> None:
        await client.start_idle()

    async def _close(self, client: SimulatedClient, step: Step) -> None:
        answered = await client.command("CLOSE")
        assert answered.condition == "OK"
        client.messages, client.mailbox = [], None

    async def _rename(self, client: SimulatedClient, step: Step) -> None:
        """RENAME of INBOX moves its messages away from under everybody."""
        if step.choice % 4 == 0:
            await client.command(f"RENAME INBOX old{step.first}{step.last}{step.choice}")

    # --- at the end ------------------------------------------------------------------------------

    async def compare(self) -> None:
        """Every client's view equals the store's."""
        store = await self.stage.store.open(AccountId("fred"))
        for client in self.clients:
            if client.idling:
                await client.end_idle()
            if client.mailbox is None:
                continue
            await client.command("NOOP")
            await client.learn()
            image = await store.image((await store.find(client.mailbox)).id)
            truth = [(uid, frozenset(flags.names)) for uid, flags in zip(image.uids, image.flags, strict=True)]
            told = [(message.uid, message.flags) for message in client.messages]
            assert truth == told, f"client {client.name}"
        await store.close()


async def play(steps: list[Step], features: list[str]) -> None:
    stage = MemoryStage()
    clients = [SimulatedClient(name, await stage.connect()) for name in "abc"]
    for client, feature in zip(clients, features, strict=True):
        await client.connection.response()
        await client.command("LOGIN fred blurdybloop")
        if feature:
            await client.command(f"ENABLE {feature}")
    await clients[0].command("CREATE Other")
    for number in range(4):
        flags = FLAGGED if number % 2 else SEEN
        await clients[0].command(f"APPEND INBOX ({flags})", b"Subject: %d\r\n\r\n" % number)
    for client in clients:
        await client.open("SELECT", "INBOX")
    running = Play(stage, clients)
    try:
        async with asyncio.timeout(30):
            for step in steps:
                await running.take(step)
            await running.compare()
    except BaseException as error:
        for client in clients:
            error.add_note(f"--- {client.name}\n" + "\n".join(client.log))
        raise
    finally:
        for client in clients:
            await client.connection.close()
    assert stage.events.bugs == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, FEATURES)
async def test_every_clients_view_stays_true(steps: list[Step], features: list[str]) -> None:
    await play(steps, features)


async def test_a_silent_store_hides_nothing_that_another_session_did() -> None:
    """RFC 9051 section 6.4.6: .SILENT or not, a change "from an external source" is told, before or after."""
    await play(
        [
            Step(client=0, verb="STORE", first=0, last=0, choice=2),  # FLAGS (\Deleted)
            Step(client=1, verb="STORE", first=0, last=0, choice=0),  # FLAGS (), which client 0 was not told of
            Step(client=0, verb="STORE", first=0, last=0, choice=17),  # +FLAGS.SILENT (\Seen)
        ],
        ["", "", ""],
    )
