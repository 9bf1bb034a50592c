"""Several people on one server in memory, each with a session."""

from __future__ import annotations

from tests.transcripts.memory import PASSWORD, MemoryConnection, MemoryStage


class Person:
    """One session; says commands and gives back what the server says, with `tag` in the place of the tag."""

    def __init__(self, connection: MemoryConnection) -> None:
        self._connection = connection
        self._count = 0

    @classmethod
    async def enter(cls, stage: MemoryStage, name: str) -> Person:
        person = cls(await stage.connect())
        await person._connection.response()
        await person.done(f"LOGIN {stage.person(name)} {PASSWORD}")
        return person

    async def say(self, command: str) -> list[str]:
        """All that is said up to the tagged response."""
        self._count += 1
        tag = f"t{self._count}"
        await self._connection.send(f"{tag} {command}\r\n".encode())
        heard: list[str] = []
        while True:
            raw = await self._connection.response()
            assert raw is not None, heard
            line = raw.decode()
            if line.startswith(tag + " "):
                return [*heard, "tag" + line.removeprefix(tag).rstrip()]
            heard.append(line.rstrip())

    async def done(self, command: str) -> list[str]:
        """The same for what must be OK."""
        heard = await self.say(command)
        assert heard[-1].startswith("tag OK"), (command, heard)
        return heard

    async def close(self) -> None:
        await self._connection.close()
