"""Several people on one server, each with a session."""

from __future__ import annotations

from tests.transcripts.memory import PASSWORD
from tests.transcripts.play import Connection, Stage


class Person:
    """One session; says commands and gives back what the server says, with `tag` in the place of the tag."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._count = 0

    @classmethod
    async def enter(cls, stage: Stage, name: str) -> Person:
        person = cls(await stage.connect())
        await person.line()
        await person.done(f"LOGIN {stage.person(name)} {PASSWORD}")
        return person

    async def line(self) -> str:
        """What the server says next."""
        raw = await self._connection.response()
        assert raw is not None
        return raw.decode().rstrip()

    async def start(self, command: str) -> None:
        """A command that waits for more, up to the go-ahead."""
        self._count += 1
        await self._connection.send(f"t{self._count} {command}\r\n".encode())
        assert (await self.line()).startswith("+")

    async def finish(self, line: str) -> None:
        """The line that ends it, up to the tagged OK."""
        await self._connection.send(f"{line}\r\n".encode())
        while not (said := await self.line()).startswith(f"t{self._count} "):
            pass
        assert said.startswith(f"t{self._count} OK"), said

    async def say(self, command: str) -> list[str]:
        """All that is said up to the tagged response."""
        self._count += 1
        tag = f"t{self._count}"
        await self._connection.send(f"{tag} {command}\r\n".encode())
        heard: list[str] = []
        while True:
            line = await self.line()
            if line.startswith(tag + " "):
                return [*heard, "tag" + line.removeprefix(tag)]
            heard.append(line)

    async def done(self, command: str) -> list[str]:
        """The same for what must be OK."""
        heard = await self.say(command)
        assert heard[-1].startswith("tag OK"), (command, heard)
        return heard

    async def close(self) -> None:
        await self._connection.close()
