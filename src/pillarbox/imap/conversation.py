"""One client's IMAP talk, bytes in and bytes out: joins framer, session and dispatcher.

Satisfies pillarbox.conversation.Conversation. Runs in tests in memory, whole.
"""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from typing import Final

from pillarbox.conversation import Outlet, Phase
from pillarbox.imap.command import Trait
from pillarbox.imap.dispatch import Begun, Dispatcher
from pillarbox.imap.refusals import Farewell
from pillarbox.imap.registry import registry
from pillarbox.imap.replies import State, WaitForChange
from pillarbox.imap.services import Services
from pillarbox.imap.session import Session
from pillarbox.imap.updates import ExpungeRule
from pillarbox.imap.wire.deflate import END_OF_FLUSH, DeflateStream
from pillarbox.imap.wire.framer import (
    Event,
    FrameLimits,
    Framer,
    GoAhead,
    Hopeless,
    NoRoom,
    RawCommand,
    Rejected,
    Room,
)
from pillarbox.imap.wire.writer import resp_text
from pillarbox.mail.errors import MailError

_COALESCE_BYTES: Final = 16 * 1024
"""Small replies wait for each other up to one TLS record."""

_INFLATE_BYTES: Final = 64 * 1024
"""How much of a compressed stream is inflated at a time."""

_SPARED_BYTES: Final = 256 * 1024
"""What a command that runs may still answer when the login behind it is taken back; then the connection is cut, for
BYE could be taken for a part of a message."""

_AHEAD: Final = 64
"""Commands that came together and are begun together, at most: as many changes as the store commits together."""

_REMIND_TICKS: Final = 2
"""Calls of `reassure`, one a second, before a reminder: the first may come at once."""


class Opening(enum.Enum):
    """How a talk begins."""

    GREETING = "greeting"
    AFTER_STARTTLS = "after STARTTLS"
    """The client was greeted in clear; now it speaks first (RFC 9051 section 6.2.1)."""


class ImapConversation:
    """Feed it with receive(); run() writes to the outlet until the talk is over."""

    __slots__ = (
        "_ahead",
        "_changed",
        "_deflate",
        "_dispatcher",
        "_end_reason",
        "_ended_input",
        "_framer",
        "_idling",
        "_limits",
        "_logged_in",
        "_look_again",
        "_opening",
        "_outlet",
        "_reminds_in",
        "_session",
        "_spared_bytes",
        "_stream_ended",
        "_unsent",
        "_waiter",
        "_waiting",
        "phase",
    )

    def __init__(self, services: Services, opening: Opening = Opening.GREETING) -> None:
        limits = services.limits
        self.phase = Phase.LOGIN
        self._opening = opening
        self._limits = FrameLimits(
            limits.line_bytes_before_login, limits.drain_bytes, limits.literals_per_command, limits.spilled_literals
        )
        self._framer = Framer(self._literal_policy)
        self._session = Session(services, registry(), self._on_change)
        self._dispatcher = Dispatcher(self._session, registry(), self)
        self._ahead: deque[tuple[Event, Begun | None]] = deque()
        """Pulled already, with the command that works already."""
        self._deflate: DeflateStream | None = None
        self._outlet: Outlet | None = None
        self._unsent = 0
        self._waiter: asyncio.Future[None] | None = None
        self._waiting = True
        self._logged_in = False
        self._stream_ended = False
        self._changed = False
        self._look_again = False
        self._idling = False
        self._reminds_in = 0
        self._ended_input = False
        self._end_reason = ""
        self._spared_bytes: int | None = None
        """None: as many as there are."""
        self._session.end = self._expel

    # --- what the connection calls ---------------------------------------------------------------

    @property
    def wants_input(self) -> bool:
        """False while enough unread commands wait."""
        unread = self._framer.unread_bytes + (self._deflate.waiting_bytes if self._deflate is not None else 0)
        return self._waiting or unread < self._session.services.limits.unread_input_bytes

    def receive(self, data: memoryview) -> None:
        """Bytes from the client."""
        if self._deflate is not None:
            self._deflate.receive(data)
        elif self._stream_ended:
            self._receive_behind_stream(bytes(data))
        else:
            self._framer.feed(data)
        self._wake()

    def receive_eof(self) -> None:
        """The client will send no more; what it sent is still answered."""
        self._ended_input = True
        self._wake()

    def keep_alive(self) -> None:
        """RFC 9051 section 6.3.13: something untagged now and then keeps NATs and clients awake in IDLE."""
        listening = self._idling or (self._waiting and self._session.notices is not None)
        if listening and self._outlet is not None:
            self._write(b"* OK Still here\r\n")
            self._flush()

    def reassure(self) -> None:
        """RFC 9585: a command that takes long says so. Also the clock of what IDLE, NOTIFY and METADATA put off."""
        if self._idling and self._reminds_in:
            self._reminds_in -= 1
            if not self._reminds_in:
                self.keep_alive()
        if self._session.annotations is not None:
            self._session.annotations.tick()
        if self._session.notices is not None:
            self._session.notices.tick()
        if self._outlet is not None and (line := self._dispatcher.progress()):
            self._write(line)
            self._flush()

    def end(self, reason: str) -> None:
        """Say goodbye after the running command."""
        self._end_reason = self._end_reason or reason
        self._wake()

    async def run(self, outlet: Outlet) -> None:
        """Greet, serve, say goodbye."""
        self._outlet = outlet
        session = self._session
        session.meet(outlet.peer)
        try:
            if self._opening is Opening.GREETING:
                await self.send(b"* OK [CAPABILITY %b] Pillarbox ready\r\n" % session.offer.capabilities(session))
            while not session.leaving:
                if self._end_reason:
                    raise Farewell(self._end_reason)
                event, begun = self._next()
                if event is not None:
                    await self._on_event(event, begun)
                    self._look_again = True
                elif self._must_notify():
                    self._changed = self._look_again = False
                    await self._dispatcher.notify()
                elif not await self._more():
                    return
        except Farewell as farewell:
            await self.send(b"* BYE %b\r\n" % resp_text(farewell.text))
        finally:
            self.phase = Phase.OVER
            await self._drop_ahead()
            self._framer.close()
            await session.leave_account()
        self._flush()
        await outlet.drain()

    # --- what dispatch calls ---------------------------------------------------------------------

    async def send(self, data: bytes) -> None:
        """Write; small answers to pipelined commands go out together."""
        outlet = self._outlet
        if outlet is None or not data:
            return
        if self._spared_bytes is not None:
            self._spared_bytes -= len(data)
            if self._spared_bytes < 0:
                raise ConnectionAbortedError(self._end_reason)
        self._write(data)
        self._unsent += len(data)
        if self._unsent >= _COALESCE_BYTES:
            self._unsent = 0
            self._flush()
            await outlet.drain()

    async def line(self) -> bytes:
        """The client's next line, as an answer to a continuation."""
        while True:
            line = self._framer.pull_line(self._limits)
            if isinstance(line, Rejected):
                raise Farewell(line.text)
            if line is not None:
                return line
            if not await self._more():
                raise Farewell("Goodbye")

    async def line_or_change(self, wait: WaitForChange) -> bytes | None:
        """The client's next line, or None after a change: IDLE."""
        self._idling = True
        if wait.remind:
            self._reminds_in = _REMIND_TICKS
        try:
            while not self._changed:
                line = self._framer.pull_line(self._limits)
                if isinstance(line, Rejected):
                    raise Farewell(line.text)
                if line is not None:
                    self._reminds_in = 0
                    return line
                if not await self._more():
                    raise Farewell("Goodbye")
            self._changed = False
            return None
        finally:
            self._idling = False

    def _expel(self, reason: str) -> None:
        """The session's: what it logged in with is good no more."""
        self._spared_bytes = _SPARED_BYTES if self._spared_bytes is None else self._spared_bytes
        self.end(reason)

    # --- inside ----------------------------------------------------------------------------------

    def _next(self) -> tuple[Event | None, Begun | None]:
        """The next event. Commands that came together and may work together are begun together (RFC 9051 section 5.5):
        a client that pipelines APPEND waits for the disk once for many. What comes behind them waits as it is."""
        if self._ahead:
            return self._ahead.popleft()
        event = self._framer.pull(self._limits)
        together: list[RawCommand] = []
        while isinstance(event, RawCommand) and len(together) < _AHEAD and self._dispatcher.may_begin(event):
            together.append(event)
            event = self._framer.pull(self._limits)
        if not together:
            return event, None
        works = len(together) > 1
        for command in together:
            begun = self._dispatcher.begin(command) if works else None
            works = begun is not None
            self._ahead.append((command, begun))
        if event is not None:
            self._ahead.append((event, None))
        return self._ahead.popleft()

    async def _drop_ahead(self) -> None:
        while self._ahead:
            event, begun = self._ahead.popleft()
            if begun is not None:
                await begun.drop()
            if isinstance(event, RawCommand):
                event.discard()

    async def _more(self) -> bool:
        """Send what waits, then wait for input, a change or the end. False when nothing can come any more."""
        if self._end_reason:
            raise Farewell(self._end_reason)
        if self._deflate is not None and (data := self._deflate.inflate(_INFLATE_BYTES)):
            self._framer.feed(memoryview(data))
            await asyncio.sleep(0)  # no waiting: what some bytes inflate to may keep us busy for long
            return True
        if self._ended_input:
            return False
        self._waiting = True
        self._waiter = asyncio.get_running_loop().create_future()
        self._unsent = 0
        if self._outlet is not None:
            self._flush()
            await self._outlet.drain()
        await self._waiter
        return True

    def _wake(self) -> None:
        self._waiting = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _on_change(self) -> None:
        self._changed = True
        if self._idling or self._session.notices is not None:
            self._wake()

    def _must_notify(self) -> bool:
        """Whether a client that used NOTIFY is to be told something now that no command runs (RFC 5465 section 3.1).
        What a command held back is due behind it, unless it is to be held back between commands too."""
        session = self._session
        if session.notices is None:
            return False
        owed = session.view is not None and session.view.holds_back and session.notices.between is ExpungeRule.ALLOWED
        return self._changed or (self._look_again and owed)

    async def _on_event(self, event: Event, begun: Begun | None) -> None:
        if isinstance(event, RawCommand):
            await self._dispatcher.run(event, begun)
            self._follow_session()
        elif isinstance(event, GoAhead):
            await self.send(b"+ Go ahead\r\n")
        elif isinstance(event, Rejected):
            if event.bad:
                await self._dispatcher.reject(event.tag, event.text, event.code)
            else:
                await self._dispatcher.refuse(event.tag, event.text, event.code)
        elif isinstance(event, Hopeless):
            raise Farewell(event.text)

    def _follow_session(self) -> None:
        """What a command changed in the session, and the talk itself must follow."""
        session, limits = self._session, self._session.services.limits
        if self._logged_in != (session.account is not None):
            self._logged_in = not self._logged_in
            self.phase = Phase.OPEN  # for good: after UNAUTHENTICATE a client may wait before it logs in again
            session.bad_commands = 0
            self._limits.line_bytes = limits.line_bytes if self._logged_in else limits.line_bytes_before_login
        if session.compressed and self._deflate is None:
            self._compress()
        elif not session.compressed and self._deflate is not None:
            self._stop_compressing(self._deflate)

    def _compress(self) -> None:
        """From the next octet on, both ways (RFC 4978 section 3); what came behind the command is compressed."""
        self._deflate = DeflateStream(self._session.services.limits.inflate_ratio)
        self._deflate.receive(self._framer.take_unread())

    def _stop_compressing(self, deflate: DeflateStream) -> None:
        """The same the other way round (RFC 8437 section 4.1)."""
        self._flush()
        self._deflate = None
        self._stream_ended = True
        self._receive_behind_stream(deflate.take_unread())

    def _receive_behind_stream(self, data: bytes) -> None:
        """The command can be whole before its flush is: what is left of that (no command begins so) is passed over."""
        plain = data.lstrip(END_OF_FLUSH)
        if plain:
            self._stream_ended = False
            self._framer.feed(memoryview(plain))

    def _write(self, data: bytes) -> None:
        if self._outlet is not None:
            self._outlet.write(data if self._deflate is None else self._deflate.deflate(data))

    def _flush(self) -> None:
        if self._deflate is not None and self._outlet is not None:
            self._outlet.write(self._deflate.flush())

    def _literal_policy(self, text: bytes, size: int, held_bytes: int) -> Room | NoRoom:
        """RFC 7888 section 4 and 5, RFC 7889: how large a literal may be, here and now."""
        session, limits = self._session, self._session.services.limits
        if session.state is State.NOT_AUTHENTICATED:
            if size > limits.literal_bytes_before_login or held_bytes + size > limits.line_bytes_before_login:
                return NoRoom("The literal is too long before login", "TOOBIG")
            return Room()
        command = registry().command_of(text)
        if command is not None and Trait.TAKES_MESSAGES in command.traits:
            return self._room_for_message(size, held_bytes)
        if size > limits.literal_bytes:
            return NoRoom(f"A literal can have {limits.literal_bytes} bytes here at most", "TOOBIG")
        if held_bytes + size > limits.command_bytes:
            return NoRoom(f"A command can have {limits.command_bytes} bytes at most", "TOOBIG")
        return Room()

    def _room_for_message(self, size: int, held_bytes: int) -> Room | NoRoom:
        services = self._session.services
        most = services.store.limits.max_message_bytes
        if size > most:
            return NoRoom(f"A message can have {most} bytes at most", "TOOBIG", bad=False)
        if held_bytes + size <= services.limits.append_memory_bytes and size <= services.limits.literal_bytes:
            return Room()
        try:
            return Room(services.store.stage())
        except MailError as error:
            return NoRoom(str(error), "UNAVAILABLE", bad=False)
