"""A real IMAPS server in a thread: TLS with an authority of its own, accounts, mail, and nothing left behind.

What answers is what `pillarbox serve` runs, with cheap password hashes and a folder that goes away.

Must never: take signals, change the process's umask, write outside its temporary folder, or outlive `close`.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from pillarbox.app.folder import DataFolder
from pillarbox.app.mail import open_mail
from pillarbox.app.settings import ServerSettings
from pillarbox.auth.administration import DirectoryAdministration
from pillarbox.auth.authenticator import BuiltinAuthenticator
from pillarbox.auth.directory import AccountDirectory
from pillarbox.auth.groups import AccountNeighbours
from pillarbox.auth.names import prepare_login_name
from pillarbox.auth.passwords import PasswordHasher
from pillarbox.auth.settings import AuthSettings
from pillarbox.clock import Clock, SystemClock
from pillarbox.events import EventLog, NoEvents
from pillarbox.imap.conversation import ImapConversation
from pillarbox.imap.services import Services
from pillarbox.mail.errors import MailboxMissing
from pillarbox.mail.names import canonical_name
from pillarbox.net.certificates import ensure_certificates
from pillarbox.net.listener import open_listeners
from pillarbox.net.served import serve_one
from pillarbox.net.server import Server
from pillarbox.net.settings import ListenAddress, NetSettings
from pillarbox.secret import Secret
from pillarbox.store.contract import AccountStore, InternalDate, NewMessage, Store

R = TypeVar("R")

CHEAP: Final = AuthSettings(argon2_memory_kib=8 * 1024, argon2_passes=1, argon2_lanes=1, hash_threads=1)
"""The least that Argon2 settings may be: a login takes some milliseconds."""
_START_SECONDS: Final = 30.0
_CALL_SECONDS: Final = 60.0


class ImapsServer:
    """Use it as a context manager. Every method may be called from any thread but the server's own."""

    def __init__(self) -> None:
        self.host = "localhost"
        self.port = 0
        self._folder = tempfile.TemporaryDirectory(prefix="pillarbox-test-", ignore_cleanup_errors=True)
        self.ca_file = Path(self._folder.name) / "certificates" / "authority.crt"
        """What clients are to trust, PEM."""
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._house: _House | None = None
        self._thread = threading.Thread(target=self._run, name="pillarbox", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Begin to serve; returns when clients can connect."""
        self._thread.start()
        if not self._ready.wait(_START_SECONDS) or self._house is None:
            self._folder.cleanup()
            raise RuntimeError(f"the test server does not start: {self._failure}") from self._failure

    def close(self) -> None:
        """Stop serving and remove everything. Twice is no harm."""
        if self._house is not None:
            self._house.loop.call_soon_threadsafe(self._house.stop.set)
            self._thread.join(_CALL_SECONDS)
            self._house = None
        self._folder.cleanup()

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """TLS settings that trust this server and no other."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    def add_account(self, name: str, password: str) -> None:
        """Let somebody in."""
        self._call(lambda house: house.add_account(name, password))

    def deliver(
        self,
        account: str,
        message: bytes,
        mailbox: str = "INBOX",
        flags: Iterable[str] = (),
        date_seconds: int | None = None,
    ) -> int:
        """Put a message into a mailbox, made when it is not there; returns its UID. Clients that idle are told."""
        return self._call(lambda house: house.deliver(account, message, mailbox, frozenset(flags), date_seconds))

    def messages(self, account: str, mailbox: str = "INBOX") -> list[bytes]:
        """The bytes of all messages in a mailbox, by UID."""
        return [content for _, _, content in self._call(lambda house: house.listing(account, mailbox))]

    def flags(self, account: str, mailbox: str = "INBOX") -> dict[int, frozenset[str]]:
        """UID -> flags of all messages in a mailbox."""
        return {uid: names for uid, names, _ in self._call(lambda house: house.listing(account, mailbox))}

    def mailboxes(self, account: str) -> list[str]:
        """The mailboxes of an account, INBOX first."""
        return self._call(lambda house: house.mailboxes(account))

    def _call(self, work: Callable[[_House], Coroutine[Any, Any, R]]) -> R:  # Any: the loop's business
        if self._house is None:
            raise RuntimeError("the test server does not run")
        house = self._house
        return asyncio.run_coroutine_threadsafe(work(house), house.loop).result(_CALL_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        async with AsyncExitStack() as stack:
            house = await _House.open(Path(self._folder.name), SystemClock(), NoEvents(), stack)
            self.port = house.port
            self._house = house
            self._ready.set()
            await house.stop.wait()


class _House:
    """What serves, on the loop's thread."""

    def __init__(self, store: Store, directory: AccountDirectory, hasher: PasswordHasher, port: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.stop = asyncio.Event()
        self.port = port
        self._store = store
        self._directory = directory
        self._hasher = hasher
        self._clock = SystemClock()

    @classmethod
    async def open(cls, path: Path, clock: Clock, events: EventLog, stack: AsyncExitStack) -> _House:
        """As `app.server` does it, less workers, signals and the log."""
        settings = ServerSettings(path, (ListenAddress("127.0.0.1", 0),), 1, auth=CHEAP)
        net = NetSettings(stop_grace_seconds=1.0, farewell_seconds=1.0)
        folder = DataFolder(path)
        folder.prepare()
        sockets = open_listeners(settings.listen, net.backlog, 1)[0]
        tls = serve_one(ensure_certificates(folder.certificates_path, (), 1, clock).files)
        store = await open_mail(settings, clock, events)
        stack.push_async_callback(store.close)
        directory = AccountDirectory.open(folder.accounts_path, clock)
        stack.callback(directory.close)
        hasher = PasswordHasher(CHEAP)
        authenticator = BuiltinAuthenticator(directory, clock, events, CHEAP, hasher)
        stack.callback(authenticator.close)
        neighbours = AccountNeighbours(directory)
        stack.callback(neighbours.close)
        services = Services(
            store,
            authenticator,
            clock,
            events,
            neighbours=neighbours,
            administration=DirectoryAdministration(directory),
            accounts=authenticator,
        )
        server = Server(sockets, tls, partial(ImapConversation, services), net, clock, events)
        stack.push_async_callback(server.stop)
        server.start()
        return cls(store, directory, hasher, sockets[0].getsockname()[1])

    async def add_account(self, name: str, password: str) -> None:
        self._directory.add(prepare_login_name(name), await self._hasher.hash(Secret(password)))

    async def deliver(
        self, account: str, message: bytes, mailbox: str, flags: frozenset[str], date_seconds: int | None
    ) -> int:
        mail = await self._mail(account)
        try:
            name = canonical_name(mailbox)
            try:
                target = await mail.find(name)
            except MailboxMissing:
                target = await mail.create(name)
            when = int(self._clock.now_seconds()) if date_seconds is None else date_seconds
            appended = await mail.append(target.id, [NewMessage(message, InternalDate(when, 0), flags)])
            return appended.uids[0]
        finally:
            await mail.close()

    async def listing(self, account: str, mailbox: str) -> list[tuple[int, frozenset[str], bytes]]:
        mail = await self._mail(account)
        try:
            box = await mail.find(canonical_name(mailbox))
            image = await mail.image(box.id)
            uids, flags = list(image.uids), [each.names for each in image.flags]
            contents = await mail.contents(box.id, uids)
            return [
                (uid, names, bytes(content.whole()))
                for uid, names, content in zip(uids, flags, contents, strict=True)
                if content is not None
            ]
        finally:
            await mail.close()

    async def mailboxes(self, account: str) -> list[str]:
        mail = await self._mail(account)
        try:
            return [mailbox.name for mailbox in await mail.mailboxes()]
        finally:
            await mail.close()

    async def _mail(self, account: str) -> AccountStore:
        found = self._directory.find(prepare_login_name(account))
        if found is None:
            raise LookupError(f"there is no account {account}; call add_account first")
        return await self._store.open(found.id)
