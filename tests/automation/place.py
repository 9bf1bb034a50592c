"""An account that is watched in a test: mail comes in, and the test waits for what is done with it."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pillarbox.automation import Job, Message, Metrics, Watcher, watch
from pillarbox.automation.plan import First, Patience

PATIENCE_SECONDS = 60.0
QUICK = Patience(attempts=3, pause_seconds=0.01, reconnect_seconds=0.01, most_reconnect_seconds=0.1)


@dataclass
class Handed:
    """A handler that notes what it got, and fails when told to."""

    fails: Callable[[Message], bool] = lambda message: False
    got: list[Message] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, message: Message) -> None:
        self.got.append(message)
        self.came.set()
        if self.fails(message):
            raise ValueError("not today")

    @property
    def subjects(self) -> list[str]:
        return [message.parsed()["Subject"] for message in self.got]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.got) < count:
                self.came.clear()
                await self.came.wait()


@dataclass
class Notes:
    """What the watcher tells, to wait for."""

    lines: list[str] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, text: str) -> None:
        self.lines.append(text)
        self.came.set()

    async def until(self, part: str, count: int = 1) -> str:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(found := [line for line in self.lines if part in line]) < count:
                self.came.clear()
                await self.came.wait()
        return found[-1]


@asynccontextmanager
async def watching(
    job: Job, checkpoint: Path, notes: Notes | None = None, metrics: Metrics | None = None
) -> AsyncIterator[Watcher]:
    """Watches meanwhile; then insists on an orderly end."""
    notes = notes or Notes()
    watcher = Watcher([job], checkpoint, note=notes, metrics=metrics)
    running = asyncio.create_task(watcher.run())
    try:
        await notes.until("watching")
        yield watcher
    except BaseException:
        running.cancel()
        with contextlib.suppress(BaseException):
            await running
        raise
    watcher.stop()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await running


class Account:
    """An account on a server, and a client of it."""

    def __init__(self, host: str, port: int, ca_file: Path, user: str, password: str) -> None:
        self.host, self.port, self.ca_file, self.user, self.password = host, port, ca_file, user, password

    def job(
        self,
        handler: Callable[[Message], object],
        *,
        port: int = 0,
        then: str = "keep",
        dead_letter: str = "",
        mailbox: str = "INBOX",
        first: First = First.LEAVE,
    ) -> Job:
        return watch(
            f"imaps://{self.user}@{self.host}:{port or self.port}",
            self.password,
            handler,
            mailboxes=[mailbox],
            then=then,
            dead_letter=dead_letter,
            ca_file=self.ca_file,
            first=first,
            patience=QUICK,
        )

    def client(self) -> imaplib.IMAP4_SSL:
        context = ssl.create_default_context(cafile=str(self.ca_file))
        client = imaplib.IMAP4_SSL(self.host, self.port, ssl_context=context, timeout=60)
        client.login(self.user, f'"{self.password}"' if " " not in self.password else self.password)
        return client

    def append(self, *subjects: str, mailbox: str = "INBOX") -> None:
        client = self.client()
        for subject in subjects:
            assert client.append(f'"{mailbox}"', "", "", letter(subject))[0] == "OK"
        client.logout()

    def subjects(self, mailbox: str) -> list[str]:
        client = self.client()
        found = []
        if client.select(f'"{mailbox}"', readonly=True)[0] == "OK":
            _, answers = client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            found = [each[1].decode().strip().removeprefix("Subject: ") for each in answers if isinstance(each, tuple)]
        client.logout()
        return found

    def commands(self, *lines: tuple[str, ...]) -> None:
        client = self.client()
        for word, *arguments in lines:
            assert getattr(client, word)(*arguments)[0] == "OK", word
        client.logout()


def letter(subject: str) -> bytes:
    return f"From: Bob <bob@example.org>\r\nSubject: {subject}\r\n\r\nHello\r\n".encode()


class Relay:
    """Between a client and a server: can break all connections."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            self.drop()

    def drop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._target)
        self._writers |= {writer, there_writer}
        await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
