"""A stage in memory whose fred administers the server, and a client that talks to it line by line."""

from __future__ import annotations

from dataclasses import replace

from pillarbox.store.contract import AccountId
from tests.transcripts.memory import MemoryConnection, MemoryStage


class Fred:
    """contract.Administration: fred, for as long as he may; bob has an account too."""

    def __init__(self) -> None:
        self.administers = True

    def is_admin(self, login_name: str) -> bool:
        return self.administers and login_name == "fred"

    def account_of(self, login_name: str) -> AccountId | None:
        return AccountId(login_name) if login_name in ("fred", "bob") else None


class AdminStage(MemoryStage):
    """MemoryStage with Fred."""

    def __init__(self) -> None:
        super().__init__()
        self.fred = Fred()
        self.services = replace(self.services, administration=self.fred)


class Talk:
    """One logged-in client."""

    def __init__(self, connection: MemoryConnection) -> None:
        self._connection = connection

    @classmethod
    async def begin(cls, stage: MemoryStage) -> Talk:
        talk = cls(await stage.connect())
        await talk._connection.response()
        await talk(b"LOGIN fred blurdybloop")
        return talk

    async def __call__(self, command: bytes) -> list[bytes]:
        """All that answers a command, CRLF cut off; the tag is t."""
        await self._connection.send(b"t " + command + b"\r\n")
        told: list[bytes] = []
        while not told or not told[-1].startswith((b"t ", b"+ ")):
            response = await self._connection.response()
            assert response is not None
            told.append(response.removesuffix(b"\r\n"))
        return told

    async def append(self, letter: bytes, mailbox: bytes = b"INBOX") -> list[bytes]:
        """APPEND of one or, with a `{}` in it, what stands there."""
        return await self(b"APPEND %b {%d+}\r\n%b" % (mailbox, len(letter), letter))
