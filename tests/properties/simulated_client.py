r"""A client that knows only what the server told it, as RFC 9051 section 5.2 and 7.5.1 mean it.

It keeps a list of messages by number; EXISTS, EXPUNGE and FETCH are all that change it, and its own STORE .SILENT.
Whatever can't be true of a correct server is an AssertionError.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.grammar import Dialect, parse_response
from tests.grammar.status import count
from tests.grammar.tree import Code, Enabled, ESearch, Exists, Expunge, Fetch, Recent, Search, Status, Vanished
from tests.transcripts.memory import MemoryConnection


@dataclass(slots=True)
class Message:
    """What the client knows of one message."""

    uid: int | None = None
    flags: frozenset[str] | None = None


@dataclass(slots=True)
class Answered:
    """How a command ended, and what SEARCH said on the way."""

    condition: str
    code: Code | None
    numbers: list[int] = field(default_factory=list)


NO_EXPUNGE_DURING = ("FETCH", "STORE", "SEARCH")


class SimulatedClient:
    """One session."""

    def __init__(self, name: str, connection: MemoryConnection) -> None:
        self.name = name
        self.connection = connection
        self.messages: list[Message] = []
        self.mailbox: str | None = None
        self.read_only = False
        self.has_qresync = False
        self.idling: str | None = None
        self._dialect = Dialect.ASCII
        self._running: str | None = None
        self._count = 0
        self.log: list[str] = []

    # --- talking ---------------------------------------------------------------------------------

    async def command(self, text: str, literal: bytes | None = None) -> Answered:
        """Send one command and take in everything up to its tagged answer."""
        self._count += 1
        tag = f"{self.name}{self._count}"
        self._running = text
        data = f"{tag} {text}".encode()
        if literal is not None:
            data += b" {%d+}\r\n%b" % (len(literal), literal)
        self.log.append(f"C: {data!r}")
        await self.connection.send(data + b"\r\n")
        answered = await self._until(tag)
        self._running = None
        return answered

    async def _until(self, tag: str) -> Answered:
        found = Answered("", None)
        while not found.condition:
            response = await self._hear()
            if isinstance(response, Status) and response.tag == tag:
                found.condition, found.code = response.condition, response.code
            elif isinstance(response, Search):
                found.numbers = list(response.numbers)
            elif isinstance(response, ESearch):
                pairs = response.values.get("ALL", ())
                assert not isinstance(pairs, int)
                found.numbers = [number for low, high in pairs for number in range(low, high + 1)]
                assert count(pairs) == len(set(found.numbers))
        return found

    async def start_idle(self) -> None:
        """IDLE, up to the go-ahead."""
        self._count += 1
        self.idling = f"{self.name}{self._count}"
        self._running = "IDLE"
        await self.connection.send(f"{self.idling} IDLE\r\n".encode())
        while not (await self._raw()).startswith(b"+ "):
            pass

    async def end_idle(self) -> None:
        """DONE."""
        assert self.idling is not None
        await self.connection.send(b"DONE\r\n")
        answered = await self._until(self.idling)
        assert answered.condition == "OK"
        self.idling = self._running = None

    async def _raw(self) -> bytes:
        raw = await self.connection.response()
        assert raw is not None, "the server closed the connection"
        self.log.append(f"S: {raw!r}")
        if not raw.startswith(b"+ "):
            self._take(raw)
        return raw

    async def _hear(self) -> object:
        return parse_response(await self._raw(), self._dialect)

    # --- what responses mean ---------------------------------------------------------------------

    def _take(self, raw: bytes) -> None:
        response = parse_response(raw, self._dialect)
        if isinstance(response, Exists):
            self._exists(response.count)
        elif isinstance(response, Expunge):
            self._expunge(response.number)
        elif isinstance(response, Fetch):
            self._fetch(response)
        elif isinstance(response, Recent):
            assert response.count <= len(self.messages), "more \\Recent messages than messages"
        elif isinstance(response, Vanished):
            self._vanished(response)
        elif isinstance(response, Enabled):
            self._enabled({name.upper() for name in response.names})
        elif isinstance(response, Status) and response.condition == "BYE":
            raise AssertionError(f"BYE: {response.text}")
        elif isinstance(response, Status) and response.code is not None and response.code.name == "SERVERBUG":
            raise AssertionError("the server calls it a bug of its own")

    def _enabled(self, names: set[str]) -> None:
        if "IMAP4REV2" in names:
            self._dialect = Dialect.UTF8
        self.has_qresync = self.has_qresync or "QRESYNC" in names

    def _exists(self, number: int) -> None:
        assert self.mailbox is not None or self._is_selecting(), "EXISTS without a mailbox"
        assert number >= len(self.messages), "EXISTS went down without EXPUNGE"
        self.messages += [Message() for _ in range(number - len(self.messages))]

    def _is_selecting(self) -> bool:
        return (self._running or "").startswith(("SELECT", "EXAMINE"))

    def _expunge(self, number: int) -> None:
        assert self._running is not None, "EXPUNGE while no command is in progress"
        assert not self._running.startswith(NO_EXPUNGE_DURING), f"EXPUNGE during {self._running}"
        assert not self.has_qresync, "EXPUNGE though QRESYNC is enabled"
        assert number <= len(self.messages), "EXPUNGE of a number that isn't there"
        del self.messages[number - 1]

    def _vanished(self, response: Vanished) -> None:
        """RFC 7162 section 3.2.10: in place of EXPUNGE for a client that enabled QRESYNC, under the same rules."""
        assert self.has_qresync, "VANISHED without QRESYNC"
        assert not response.earlier, "VANISHED (EARLIER) that nobody asked for"
        assert self._running is not None, "VANISHED while no command is in progress"
        assert not self._running.startswith(NO_EXPUNGE_DURING), f"VANISHED during {self._running}"
        for low, high in response.uids:
            for uid in range(low, high + 1):
                gone = next((one for one in self.messages if one.uid == uid), None)
                gone = gone or next((one for one in self.messages if one.uid is None), None)
                assert gone is not None, f"VANISHED {uid}, which the client never had"
                self.messages = [one for one in self.messages if one is not gone]

    def _fetch(self, response: Fetch) -> None:
        assert response.number <= len(self.messages), "FETCH of a number that isn't there"
        message = self.messages[response.number - 1]
        uid, flags = response.items.get("UID"), response.items.get("FLAGS")
        if isinstance(uid, int):
            assert message.uid in (None, uid), f"number {response.number} was UID {message.uid}, now {uid}"
            message.uid = uid
        if isinstance(flags, frozenset):
            message.flags = flags - {"\\Recent"}
        known = [one.uid for one in self.messages if one.uid is not None]
        assert known == sorted(set(known)), "UIDs must ascend with the numbers"

    # --- what clients do -------------------------------------------------------------------------

    async def open(self, verb: str, mailbox: str) -> None:
        """SELECT or EXAMINE, then learn everything."""
        self.messages, self.mailbox = [], None
        answered = await self.command(f"{verb} {mailbox}")
        if answered.condition == "OK":
            self.mailbox = mailbox
            self.read_only = verb == "EXAMINE"
            await self.learn()

    async def learn(self) -> None:
        """Ask, by number, for what is not known of messages: arrivals."""
        first = next((n for n, one in enumerate(self.messages, 1) if one.uid is None or one.flags is None), None)
        if first is not None:
            answered = await self.command(f"FETCH {first}:{len(self.messages)} (UID FLAGS)")
            assert answered.condition in ("OK", "NO")

    def silently(self, numbers: list[int], action: str, flags: frozenset[str]) -> None:
        """Our own STORE .SILENT succeeded: nobody will tell us."""
        for number in numbers:
            message = self.messages[number - 1]
            if message.flags is None:
                continue
            if action == "+FLAGS":
                message.flags |= flags
            elif action == "-FLAGS":
                message.flags -= flags
            else:
                message.flags = flags
