"""ManageSieve offers the same mechanisms as IMAP; SCRAM's last word comes before OK."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

from pillarbox.auth.authenticator import BuiltinAuthenticator
from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.mechanisms import Mechanisms
from pillarbox.auth.passwords import PasswordHasher
from pillarbox.auth.sasl_settings import PasswordMechanism, SaslSettings
from pillarbox.auth.scram_directory import ScramStore
from pillarbox.auth.settings import AuthSettings
from pillarbox.clock import HeldClock
from pillarbox.conversation import Peer
from pillarbox.events import NoEvents
from pillarbox.managesieve.conversation import ManageSieveConversation, ManageSieveServices
from pillarbox.managesieve.limits import ManageSieveLimits
from pillarbox.secret import Secret
from pillarbox.sieve.limits import SieveLimits
from pillarbox.store.contract import StoreLimits
from pillarbox.store.memory import MemoryStore
from tests.auth.scram_client import Bound, client_final, client_first

HEADER, BINDING = b"p=tls-exporter,,", b"what both ends know"
SASL = SaslSettings((PasswordMechanism.SCRAM_SHA_256,), scram_iterations=4096)
SETTINGS = AuthSettings(argon2_memory_kib=8192, argon2_passes=1, argon2_lanes=1, hash_threads=1, sasl=SASL)


class Line:
    """The client's end."""

    def __init__(self, services: ManageSieveServices) -> None:
        self.peer = Peer("192.0.2.7", 40_000, "TLSv1.3", bindings=Bound(("tls-exporter",), BINDING))
        self.talk = ManageSieveConversation(services)
        self._said = asyncio.Queue[bytes]()
        self._unread = b""
        self.running = asyncio.create_task(self.talk.run(self))

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._said.put_nowait(bytes(data))

    async def drain(self) -> None:
        await asyncio.sleep(0)

    async def line(self) -> bytes:
        while b"\r\n" not in self._unread:
            self._unread += await self._said.get()
        line, _, self._unread = self._unread.partition(b"\r\n")
        return line

    async def until_ok(self) -> list[bytes]:
        lines = [await self.line()]
        while not lines[-1].startswith((b"OK", b"NO", b"BYE")):
            lines.append(await self.line())
        return lines

    async def answer(self, data: bytes) -> bytes:
        self.talk.receive(memoryview(b'"%b"\r\n' % base64.b64encode(data)))
        return await self.line()


async def test_scram_with_channel_binding_logs_in(tmp_path: Path) -> None:
    directory = AccountDirectory.open(tmp_path / "accounts.db", HeldClock())
    hasher = PasswordHasher(SETTINGS)
    door = BuiltinAuthenticator(directory, HeldClock(), NoEvents(), SETTINGS, hasher)
    account = directory.add("alice", await hasher.hash(Secret("wonderland")))
    wanted = ScramStore(directory, SASL).wanted(account)
    ScramStore(directory, SASL).keep(account, await hasher.scram_keys(Secret(b"wonderland"), wanted))
    services = ManageSieveServices(
        MemoryStore(StoreLimits(), HeldClock()), door, NoEvents(), ManageSieveLimits(), SieveLimits(),
        mechanisms=Mechanisms(SASL.mechanisms, door),
    )  # fmt: skip
    line = Line(services)
    assert b'"SASL" "SCRAM-SHA-256-PLUS SCRAM-SHA-256"' in await line.until_ok()
    line.talk.receive(memoryview(b'AUTHENTICATE "PLAIN" "AGFsaWNlAHdvbmRlcmxhbmQ="\r\n'))
    assert await line.line() == b'NO "That mechanism is not offered here"'
    first = base64.b64encode(client_first(HEADER, "alice"))
    line.talk.receive(memoryview(b'AUTHENTICATE "SCRAM-SHA-256-PLUS" "%b"\r\n' % first))
    challenge = base64.b64decode((await line.line()).strip(b'"'))
    last = await line.answer(client_final(HEADER, BINDING, "alice", "wonderland")(challenge))
    assert base64.b64decode(last.strip(b'"')).startswith(b"v=")
    assert await line.answer(b"") == b'OK "Logged in"'
    line.talk.receive_eof()
    await line.running
    door.close()
    directory.close()
