"""Plays a transcript on a stage (memory.py or tls.py) and says where the server left the script.

Every response is also read by the strict grammar of tests/grammar.
"""

from __future__ import annotations

import asyncio
import base64
import re
import time
from typing import Protocol
from urllib.parse import quote

from tests.grammar import Dialect, parse_response
from tests.grammar.tree import Enabled, Response, Status
from tests.transcripts.pattern import Matcher, Mismatch, Values
from tests.transcripts.script import Answer, Expect, Given, Script, Send, Text, literal_octets, octets

ASIDE = b"* OK [URLMECH "
"""In the answer to every SELECT; passed over where the transcript doesn't name it."""
PATIENCE_SECONDS = 10.0
"""How long to wait for a line that is due. Never waited for when all is well."""


class Departure(AssertionError):
    """The server left the script; carries the talk so far."""


class Connection(Protocol):
    """One client's connection."""

    async def send(self, data: bytes) -> None: ...

    async def response(self) -> bytes | None:
        """The next whole response, or None when the server has closed."""
        ...

    async def close(self) -> None: ...


class Stage(Protocol):
    """Where transcripts are played: a server with one account for this play."""

    user: str
    password: str

    async def connect(self) -> Connection: ...

    def person(self, name: str) -> str:
        """The login name of somebody else who has an account, with the same password."""
        ...

    def now_seconds(self) -> float: ...


class Player:
    """One play."""

    def __init__(self, script: Script, stage: Stage) -> None:
        self._script = script
        self._stage = stage
        self._talkers: dict[str, Talker] = {}
        self._log: list[str] = []
        self._values: Values = {
            "user": stage.user,
            "password": stage.password,
            "other": stage.password + "x",
            "plain": _base64(f"\0{stage.user}\0{stage.password}"),
            "base64 user": _base64(stage.user),
            "base64 password": _base64(stage.password),
            "url user": quote(stage.user, safe=""),
        }

    async def play(self) -> None:
        """Raises Departure at the first line that is not as written."""
        try:
            await self._prepare()
            for step in self._script.steps:
                if isinstance(step, Send):
                    talker = await self._talker(step.session)
                    await talker.send(self._octets(step.texts))
                else:
                    await self._expect(step)
            for talker in self._talkers.values():
                await self._leave(talker)
        except (AssertionError, Mismatch) as error:
            talk = "\n".join(self._log)
            raise Departure(f"{self._script.path.name}: {error}\n--- the talk\n{talk}") from None
        finally:
            for talker in self._talkers.values():
                await talker.connection.close()

    # --- before the talk -------------------------------------------------------------------------

    async def _prepare(self) -> None:
        maker: Talker | None = None
        for given in self._script.givens:
            if given.words.startswith("person "):
                name = given.words.removeprefix("person ")
                self._values[name] = self._stage.person(name)
                self._values[f"url {name}"] = quote(self._values[name], safe="")
                continue
            found = re.match(r"(?:(\w+) )?(logged in|selected|examined|enabled)(?: (.*))?$", given.words)
            if found:
                await self._ready(found[1] or "", found[2], found[3] or "")
                continue
            if maker is None:
                maker = await self._connect("(setting)", greeting_due=True)
                await maker.order(f"LOGIN {self._stage.user} {self._stage.password}".encode())
            await maker.order(*self._making(given))
        if maker is not None:
            await maker.order(b"LOGOUT")

    async def _ready(self, name: str, what: str, rest: str) -> None:
        talker = self._talkers.get(name)
        if talker is None:
            talker = self._talkers[name] = await self._connect(name, greeting_due=True)
            user = self._values[rest.removeprefix("as ")] if rest.startswith("as ") else self._stage.user
            await talker.order(f"LOGIN {user} {self._stage.password}".encode())
        verbs = {"selected": "SELECT", "examined": "EXAMINE", "enabled": "ENABLE"}
        if what in verbs:
            await talker.order(f"{verbs[what]} {rest}".encode())

    def _making(self, given: Given) -> tuple[bytes, ...]:
        kind, _, rest = given.words.partition(" ")
        rest = self._filled(rest)
        if kind == "mailbox":
            name, _, use = rest.partition(" \\")
            return (f"CREATE {name} (USE (\\{use}))".encode() if use else f"CREATE {name}".encode(),)
        if kind == "subscription":
            return (f"SUBSCRIBE {rest}".encode(),)
        if kind == "message":
            lines = given.literal or ["From: fred@example.com", "Subject: a message", "", "Its text."]
            content = "".join(line + "\r\n" for line in lines).encode()
            return (f"APPEND {rest} {{{len(content)}}}".encode(), content)
        raise AssertionError(f"Given {given.words}: nobody knows how")

    # --- the talk --------------------------------------------------------------------------------

    async def _talker(self, name: str) -> Talker:
        talker = self._talkers.get(name)
        if talker is None:
            talker = self._talkers[name] = await self._connect(name, greeting_due=True)
        return talker

    async def _connect(self, name: str, *, greeting_due: bool) -> Talker:
        talker = Talker(name, await self._stage.connect(), self._log)
        if greeting_due:
            await talker.greeting()
        return talker

    async def _expect(self, step: Expect) -> None:
        talker = self._talkers.get(step.session)
        if talker is None:  # the transcript looks at the greeting itself
            talker = self._talkers[step.session] = await self._connect(step.session, greeting_due=False)
        waiting = list(step.answers)
        while waiting:
            if waiting[0].texts[0].line == "(closed)":
                await talker.closed()
                waiting.pop(0)
                continue
            candidates = _candidates(waiting)
            raw = await talker.response(due=" / ".join(map(str, candidates)))
            if raw.startswith(ASIDE) and not any(ASIDE.decode() in str(answer) for answer in step.answers):
                continue
            matched = self._matching(candidates, raw)
            waiting = _after(waiting, matched)

    def _matching(self, candidates: list[Answer], raw: bytes) -> Answer:
        reasons = []
        for answer in candidates:
            try:
                Matcher(answer.texts, self._values).check(raw)
            except Mismatch as error:
                reasons.append(f"line {answer.line_number}: {answer}\n    {error}")
            else:
                return answer
        raise AssertionError(f"got {raw!r}\nwhere this was due:\n" + "\n".join(reasons))

    async def _leave(self, talker: Talker) -> None:
        """Nothing may be left unsaid: the next things heard are those of LOGOUT."""
        if talker.is_closed:
            return
        await talker.send(b"zz9 LOGOUT\r\n")
        for due in ("* BYE …", "zz9 OK …"):
            Matcher([Text(due)], {}).check(await talker.response(due=due))
        await talker.closed()

    # --- words -----------------------------------------------------------------------------------

    def _filled(self, line: str) -> str:
        def value(found: re.Match[str]) -> str:
            name = found[1]
            ago = re.fullmatch(r"ago (\d+) seconds", name)
            if ago:
                moment = time.gmtime(self._stage.now_seconds() - int(ago[1]))
                return time.strftime("%d-%b-%Y %H:%M:%S +0000", moment)
            if name not in self._values:
                raise AssertionError(f"${{{name}}} has no value yet")
            return self._values[name]

        return re.sub(r"\$\{([^}]*)\}", value, line)

    def _octets(self, texts: list[Text]) -> bytes:
        data = b""
        for text in texts:
            line = self._filled(text.line)
            if text.literal is None:
                data += octets(line.removesuffix("\\-")) + (b"" if line.endswith("\\-") else b"\r\n")
                continue
            content = literal_octets([self._filled(row) for row in text.literal])
            if line:
                data += octets(re.sub(r"\{(\+?)\}$", rf"{{{len(content)}\1}}", line)) + b"\r\n"
            else:
                data += content
        return data


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _blocks(waiting: list[Answer]) -> list[list[Answer]]:
    """Neighbours of any order together, each other line alone."""
    blocks: list[list[Answer]] = []
    for answer in waiting:
        if blocks and answer.any_order and blocks[-1][0].any_order:
            blocks[-1].append(answer)
        else:
            blocks.append([answer])
    return blocks


def _candidates(waiting: list[Answer]) -> list[Answer]:
    """Those that may come next: the first block, and what follows blocks of which nothing must come."""
    found: list[Answer] = []
    for block in _blocks(waiting):
        found += block
        if not all(answer.optional for answer in block):
            break
    return [answer for answer in found if answer.texts[0].line != "(closed)"]


def _after(waiting: list[Answer], matched: Answer) -> list[Answer]:
    """What is still due once `matched` came."""
    blocks = _blocks(waiting)
    at = next(at for at, block in enumerate(blocks) if any(answer is matched for answer in block))
    left = [answer for answer in blocks[at] if answer is not matched]
    return left + [answer for block in blocks[at + 1 :] for answer in block]


class Talker:
    """One session of a play: a connection and how its server's words are to be read."""

    def __init__(self, name: str, connection: Connection, log: list[str]) -> None:
        self.name = name
        self.connection = connection
        self.is_closed = False
        self._log = log
        self._dialect = Dialect.ASCII
        self._orders = 0

    async def send(self, data: bytes) -> None:
        self._log.append(f"{self.name} C: {data.decode('utf-8', 'backslashreplace')}".rstrip())
        await self.connection.send(data)

    async def response(self, due: str) -> bytes:
        """The next response, after the grammar has seen it."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                raw = await self.connection.response()
        except TimeoutError:
            raise AssertionError(f"the server was silent where this was due: {due}") from None
        if raw is None:
            self.is_closed = True
            raise AssertionError(f"the server closed the connection where this was due: {due}")
        self._log.append(f"{self.name} S: {raw.decode('utf-8', 'backslashreplace')}".rstrip())
        self._read(raw)
        return raw

    def _read(self, raw: bytes) -> Response:
        found = parse_response(raw, self._dialect)
        if isinstance(found, Enabled) and {"IMAP4REV2", "UTF8=ACCEPT"} & {name.upper() for name in found.names}:
            self._dialect = Dialect.UTF8
        return found

    async def greeting(self) -> None:
        raw = await self.response(due="the greeting")
        if not raw.startswith(b"* OK "):
            raise AssertionError(f"a greeting was due, not {raw!r}")

    async def closed(self) -> None:
        """Raises AssertionError unless the server closes now."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            raw = await self.connection.response()
        if raw is not None:
            raise AssertionError(f"the server was to close, and said {raw!r}")
        self.is_closed = True

    async def order(self, command: bytes, literal: bytes | None = None) -> None:
        """Have a command done that is not the transcript's subject; its answers are only read, and must be OK."""
        self._orders += 1
        tag = f"given{self._orders}"
        await self.send(tag.encode() + b" " + command + b"\r\n")
        if literal is not None:
            raw = await self.response(due="+ …")
            if not raw.startswith(b"+ "):
                raise AssertionError(f"{command!r} was answered {raw!r}")
            await self.send(literal + b"\r\n")
        while True:
            found = self._read(await self.response(due=f"{tag} OK …"))
            if isinstance(found, Status) and found.tag == tag:
                if found.condition != "OK":
                    raise AssertionError(f"{command!r} was answered {found}")
                return
