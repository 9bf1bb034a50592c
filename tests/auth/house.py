"""A real server with two workers, people in it, and app passwords made for them."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pillarbox.app.folder import DataFolder
from pillarbox.app.sessions import Row, Which, list_sessions
from pillarbox.auth.app_passwords import AppPassword, AppPasswords, Terms
from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.scope import Access, Scope
from pillarbox.clock import SystemClock
from tests.cli.commands import CHEAP_HASHES
from tests.servers.pillarbox_server import PillarboxServer
from tests.sharing.people import Person
from tests.transcripts.memory import PASSWORD
from tests.transcripts.tls import TlsConnection

PATIENCE_SECONDS = 180.0
PEOPLE = ("fred", "bob", "eve")
READ_ONLY, APPEND_ONLY = Terms(Scope(Access.READ_ONLY)), Terms(Scope(Access.APPEND_ONLY))


class AppHouse:
    """The server, and ways in."""

    def __init__(self, server: PillarboxServer, sieve_port: int, web_port: int) -> None:
        self.server = server
        self.sieve_port = sieve_port
        self.web_port = web_port
        self.folder = DataFolder(server.data)
        self._names = 0

    def app_password(self, person: str, terms: Terms | None = None) -> tuple[AppPassword, str]:
        """A new one, and its secret."""
        self._names += 1
        directory = AccountDirectory.open(self.folder.accounts_path, SystemClock())
        try:
            account = directory.find(person)
            assert account is not None
            made, secret = AppPasswords(directory, SystemClock()).add(
                account.id, f"device {self._names}", terms or Terms()
            )
        finally:
            directory.close()
        return made, secret.reveal()

    def kept(self, person: str, name_or_id: str) -> AppPassword:
        """As it is in the account database now."""
        directory = AccountDirectory.open(self.folder.accounts_path, SystemClock())
        try:
            account = directory.find(person)
            assert account is not None
            return AppPasswords(directory, SystemClock()).named(account.id, name_or_id)
        finally:
            directory.close()

    async def command(self, *words: str, stdin: str = "") -> str:
        return await asyncio.to_thread(lambda: self.server.command(*words, stdin=stdin))

    async def open(self, address: str) -> TlsConnection:
        """A connection from an address of this machine."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            self.server.port,
            ssl=self.server.client_context(),
            server_hostname=self.server.host,
            local_addr=(address, 0),
        )
        return TlsConnection(reader, writer)

    async def greeted(self, address: str = "127.0.0.1") -> Person:
        person = Person(await self.open(address))
        await person.line()
        return person

    async def enter(self, name: str, password: str = PASSWORD, address: str = "127.0.0.1") -> Person:
        """Logged in."""
        person = await self.greeted(address)
        await person.done(f'LOGIN {name} "{password}"')
        return person

    async def sieve(self, name: str, password: str, address: str = "127.0.0.1") -> Sieve:
        """A ManageSieve client that has tried to log in."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            self.sieve_port,
            ssl=self.server.client_context(),
            server_hostname=self.server.host,
            local_addr=(address, 0),
        )
        client = Sieve(reader, writer)
        await client.answer()
        await client.log_in(name, password)
        return client

    async def sessions(self, which: Which) -> list[Row]:
        rows, silent = await asyncio.to_thread(list_sessions, self.folder, which)
        assert silent == 0
        return list(rows)

    async def in_both_workers(self, name: str, password: str) -> list[Person]:
        """Sessions, with at least one in each worker."""
        people: list[Person] = []
        while True:
            people.append(await self.enter(name, password))
            if len({row.worker for row in await self.sessions(Which(login_name=name, door="imap"))}) == 2:
                return people
            assert len(people) < 25, "all connections come to one worker"


class Sieve:
    """One ManageSieve client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.said = ""

    async def log_in(self, name: str, password: str) -> None:
        token = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
        await self.say(f'AUTHENTICATE "PLAIN" "{token}"')

    async def say(self, command: str) -> str:
        self._writer.write(command.encode() + b"\r\n")
        return await self.answer()

    async def answer(self) -> str:
        """Up to OK, NO or BYE; empty when the server has closed."""
        while line := (await self._reader.readline()).decode():
            self.said = line.rstrip()
            if line.startswith(("OK", "NO", "BYE")):
                return self.said
        return ""

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except (ConnectionError, ssl.SSLError):
            return


async def farewell(person: Person) -> list[str]:
    """What the server says until it has closed."""
    heard: list[str] = []
    connection = person._connection
    while (raw := await connection.response()) is not None:
        heard.append(raw.decode().rstrip())
    return heard


def told(server: PillarboxServer, event: str) -> Any:  # whatever the event has
    """An event of the log, which is there before the server says that it is ready."""
    lines = [json.loads(line) for line in server.stderr().splitlines() if line.startswith("{")]
    return next(line for line in lines if line["event"] == event)


@contextmanager
def app_house(folder: Path, more: str = "") -> Iterator[AppHouse]:
    """Two workers; ManageSieve and event streams too."""
    config = folder / "pillarbox.toml"
    config.write_text(
        f'{CHEAP_HASHES}{more}[managesieve]\nlisten_tls = ["127.0.0.1:0"]\n'
        f'[web]\nlisten = ["127.0.0.1:0"]\n[events]\nstream = true\n'
    )
    people = folder / "people.csv"
    people.write_text("".join(f"{name},{PASSWORD}\n" for name in PEOPLE))
    with PillarboxServer(folder / "data", config=config, workers=2) as server:
        server.command("user", "import", str(people))
        sieve = told(server, "managesieve.ready")["where"].rpartition(":")[2]
        yield AppHouse(server, int(sieve), told(server, "web.ready")["port"])
