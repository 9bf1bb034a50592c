"""One logged-in client with its INBOX open, in memory: what it says and what it hears."""

from __future__ import annotations

from collections.abc import Sequence

from pillarbox.clock import HeldClock
from pillarbox.events import NoEvents
from pillarbox.imap.dispatch import Dispatcher
from pillarbox.imap.refusals import Farewell
from pillarbox.imap.registry import registry
from pillarbox.imap.replies import WaitForChange
from pillarbox.imap.services import Services
from pillarbox.imap.session import Session
from pillarbox.imap.wire.framer import Literal, RawCommand
from pillarbox.mail.dates import InternalDate
from pillarbox.mime.digest import digest
from pillarbox.sharing.neighbours import Nobody
from pillarbox.sharing.person import PersonalMail
from pillarbox.sharing.settings import SharingSettings
from pillarbox.store.contract import AccountId, AccountStore, MailboxId, NewMessage, Store, StoreLimits
from pillarbox.store.memory import MemoryStore

ACCOUNT = AccountId("someone")


class BugLog(NoEvents):
    """An error of ours fails the test."""

    def bug(self, event: str, error: BaseException, **fields: object) -> None:
        raise AssertionError(event) from error


def letter(content: bytes, flags: Sequence[str] = (), seconds: int = 1_770_000_000, zone: int = 0) -> NewMessage:
    return NewMessage(content, InternalDate(seconds, zone), frozenset(flags))


class Talk:
    """Make it with `await Talk.open(...)`."""

    def __init__(self, store: Store, clock: HeldClock, account: AccountStore) -> None:
        self.clock = clock
        self.account = account
        self.session = Session(Services(store, None, clock, BugLog()), registry(), lambda: None)
        self.session.account = PersonalMail(account, "fred", store, Nobody(), SharingSettings())
        self._heard = bytearray()
        self._dispatcher = Dispatcher(self.session, registry(), self)

    @classmethod
    async def open(cls, messages: Sequence[NewMessage], *, select: bytes = b"s SELECT INBOX") -> Talk:
        clock = HeldClock()
        store = MemoryStore(StoreLimits(), clock, digest)
        account = await store.open(ACCOUNT)
        talk = cls(store, clock, account)
        if messages:
            await account.append((await talk.inbox()), messages)
        await talk.say(select)
        return talk

    async def inbox(self) -> MailboxId:
        return (await self.account.find("INBOX")).id

    async def say(self, *pieces: bytes) -> bytes:
        """Text, literal, text ...: one command; gives all that the server says."""
        self._heard.clear()
        literals = tuple(Literal(piece, binary=False) for piece in pieces[1::2])
        await self._dispatcher.run(RawCommand(pieces[::2], literals))
        return bytes(self._heard)

    async def enable(self, feature: bytes) -> None:
        """Outside of a mailbox, as ENABLE demands; then back in."""
        await self.say(b"u UNSELECT")
        assert (await self.say(b"e ENABLE " + feature)).upper().startswith(b"* ENABLED " + feature.upper())
        await self.say(b"s SELECT INBOX")

    async def found(self, *pieces: bytes) -> list[int]:
        """The numbers that a plain `SEARCH ...` gives."""
        lines = (await self.say(b"a SEARCH " + pieces[0], *pieces[1:])).split(b"\r\n")
        assert lines[1:] == [b"a OK SEARCH completed", b""], lines
        star, name, *numbers = lines[0].split()
        assert (star, name) == (b"*", b"SEARCH")
        return list(map(int, numbers))

    # --- what the dispatcher calls -------------------------------------------------------------------

    async def send(self, data: bytes) -> None:
        self._heard += data

    async def line(self) -> bytes:
        raise Farewell("nothing to say")

    async def line_or_change(self, wait: WaitForChange) -> bytes | None:
        raise Farewell("nothing to say")
