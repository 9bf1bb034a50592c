"""One LMTP client's talk, bytes in and bytes out.

Satisfies pillarbox.conversation.Conversation. Replies to pipelined commands go out together (RFC 2920), and always
in the order of the commands.

Must never: say 250 for a recipient before the message is on disk.

RFC 2033 (LMTP), RFC 5321 (SMTP), RFC 3030 (CHUNKING), RFC 1870 (SIZE), RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8),
RFC 2034 (ENHANCEDSTATUSCODES), RFC 2920 (PIPELINING).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pillarbox.auth.directory import DirectoryUnavailable
from pillarbox.conversation import Outlet, Phase
from pillarbox.delivery.deliverer import Deliverer
from pillarbox.delivery.outcome import Outcome
from pillarbox.delivery.trace import Via
from pillarbox.events import EventLog
from pillarbox.lmtp import replies, syntax
from pillarbox.lmtp.framer import Framer, Unfit
from pillarbox.lmtp.limits import LmtpLimits
from pillarbox.lmtp.transaction import Transaction


@dataclass(frozen=True, slots=True)
class LmtpServices:
    """What every conversation needs."""

    deliverer: Deliverer
    events: EventLog
    limits: LmtpLimits
    server_name: str
    """What we call ourselves."""


class _Gone(Exception):
    """Nothing more will come; there is nobody to say goodbye to."""


class _Leave(Exception):
    """The talk is over after this reply."""

    def __init__(self, reply: bytes) -> None:
        super().__init__()
        self.reply = reply


class LmtpConversation:
    """Feed it with receive(); run() writes to the outlet until the talk is over."""

    def __init__(self, services: LmtpServices) -> None:
        self.phase = Phase.LOGIN
        self._services = services
        self._limits = services.limits
        self._framer = Framer()
        self._outlet: Outlet | None = None
        self._client_name = ""
        self._transaction: Transaction | None = None
        self._bad_commands = 0
        self._waiter: asyncio.Future[None] | None = None
        self._ended_input = False
        self._end_reason = ""
        self._handlers: dict[bytes, Callable[[bytes], Awaitable[bytes]]] = {
            b"LHLO": self._lhlo,
            b"MAIL": self._mail,
            b"RCPT": self._rcpt,
            b"DATA": self._data,
            b"BDAT": self._bdat,
            b"RSET": self._rset,
            b"NOOP": _always(replies.OK),
            b"VRFY": _always(replies.NO_VERIFYING),
            b"HELP": _always(replies.HELP),
            b"HELO": _always(replies.IS_LMTP),
            b"EHLO": _always(replies.IS_LMTP),
            b"QUIT": self._quit,
        }

    # --- what the connection calls ---------------------------------------------------------------

    @property
    def wants_input(self) -> bool:
        """False while enough waits."""
        return self._waiter is not None or self._framer.unread_bytes < self._limits.unread_input_bytes

    def receive(self, data: memoryview) -> None:
        """Bytes from the client."""
        self._framer.feed(data)
        self._wake()

    def receive_eof(self) -> None:
        """The client will send no more; whole commands that it sent are still answered."""
        self._ended_input = True
        self._wake()

    def keep_alive(self) -> None:
        """LMTP has nothing harmless to say."""

    def reassure(self) -> None:
        """Nor for a client that waits."""

    def end(self, reason: str) -> None:
        """Say goodbye after the running command; a message that has not come whole is dropped."""
        self._end_reason = self._end_reason or reason
        self._wake()

    async def run(self, outlet: Outlet) -> None:
        """Greet, serve, say goodbye."""
        self._outlet = outlet
        try:
            outlet.write(b"220 %b Pillarbox LMTP ready\r\n" % self._services.server_name.encode())
            while not self._end_reason:
                await self._serve_one()
            raise _Leave(replies.leaving(self._end_reason))
        except _Leave as leave:
            outlet.write(leave.reply)
        except _Gone:
            pass
        finally:
            self.phase = Phase.OVER
            self._forget()
        await outlet.drain()

    # --- commands --------------------------------------------------------------------------------

    async def _serve_one(self) -> None:
        line = self._framer.line(self._limits.line_bytes)
        if line is None:
            await self._more()
            return
        if isinstance(line, Unfit):
            self._write(replies.unfit_line(line.value))
            self._count_mistake()
            return
        verb, _, argument = line.partition(b" ")
        handler = self._handlers.get(verb.strip().upper())
        if handler is None:
            self._write(replies.UNKNOWN)
            self._count_mistake()
            return
        try:
            reply = await handler(argument.strip(b" "))
        except syntax.Unreadable as error:
            reply = replies.unreadable(str(error))
        except syntax.UnknownParameter as error:
            reply = replies.unknown_parameter(str(error))
        self._write(reply)

    async def _lhlo(self, argument: bytes) -> bytes:
        if not argument:
            return replies.LHLO_WANTS_NAME
        self._forget()
        self._client_name = argument.decode("utf-8", "replace")[:255]
        self.phase = Phase.OPEN
        offers = (
            self._services.server_name.encode(),
            b"PIPELINING",
            b"ENHANCEDSTATUSCODES",
            b"8BITMIME",
            b"SMTPUTF8",
            b"CHUNKING",
            b"SIZE %d" % self._services.deliverer.max_message_bytes,
        )
        return b"".join(b"250-%b\r\n" % offer for offer in offers[:-1]) + b"250 %b\r\n" % offers[-1]

    async def _mail(self, argument: bytes) -> bytes:
        if not self._client_name:
            return replies.LHLO_FIRST
        if self._transaction is not None:
            return replies.MAIL_TWICE
        mail = syntax.mail_from(argument)
        most = self._services.deliverer.max_message_bytes
        if mail.size_bytes > most:
            return replies.too_big(most)
        self._transaction = Transaction(self._services.deliverer, mail.sender)
        return replies.SENDER_OK

    async def _rcpt(self, argument: bytes) -> bytes:
        transaction = self._transaction
        if transaction is None:
            return replies.MAIL_FIRST
        if transaction.is_in_chunks:
            return replies.IN_CHUNKS
        address = syntax.rcpt_to(argument)
        if len(transaction.recipients) >= self._limits.recipients:
            return replies.TOO_MANY_RECIPIENTS
        try:
            recipient = self._services.deliverer.find(address)
        except DirectoryUnavailable as error:
            self._services.events.error("lmtp.no_directory", error=str(error))
            return replies.CANNOT_LOOK_UP
        if recipient is None:
            return replies.NO_SUCH_RECIPIENT
        transaction.recipients.append(recipient)
        return replies.RECIPIENT_OK

    async def _rset(self, argument: bytes) -> bytes:
        self._forget()
        return replies.OK

    async def _quit(self, argument: bytes) -> bytes:
        raise _Leave(replies.GOODBYE)

    async def _data(self, argument: bytes) -> bytes:
        """RFC 2033 section 4.2: 503 without a recipient, else one reply for each behind the final dot."""
        transaction = self._transaction
        if transaction is None:
            return replies.MAIL_FIRST
        if transaction.is_in_chunks:
            return replies.IN_CHUNKS
        if not transaction.recipients:
            return replies.RECIPIENT_FIRST
        if argument:
            raise syntax.Unreadable("DATA takes no argument")
        self._write(replies.SEND_TEXT)
        transaction.begin(self._via())
        self._framer.begin_text()
        while True:
            text, is_end = self._framer.text()
            self._take(transaction, text)
            if is_end:
                return await self._deliver(transaction)
            await self._more()

    async def _bdat(self, argument: bytes) -> bytes:
        """RFC 3030 section 2, RFC 2033 section 4.2: the octets are read whatever the answer is."""
        left, is_last = syntax.chunk(argument)
        size, transaction = left, self._transaction
        recipients = [] if transaction is None else transaction.recipients
        if transaction is not None and recipients:
            transaction.is_in_chunks = True
            transaction.begin(self._via())
        elif left > self._limits.drain_bytes:
            raise _Leave(replies.TOO_MUCH)
        while left:
            piece = self._framer.chunk(left)
            left -= len(piece)
            if transaction is not None and recipients:
                self._take(transaction, piece)
            if left and not piece:
                await self._more()
        if transaction is None:
            return replies.MAIL_FIRST
        if not recipients:
            return replies.RECIPIENT_FIRST
        if is_last:
            return await self._deliver(transaction)
        trouble = transaction.trouble
        return replies.CHUNK_OK % size if trouble is None else replies.outcome_reply(trouble, "")

    # --- inside ----------------------------------------------------------------------------------

    def _take(self, transaction: Transaction, data: bytes) -> None:
        transaction.write(data)
        if transaction.trouble is not None and transaction.received_bytes > self._limits.drain_bytes:
            raise _Leave(replies.TOO_MUCH)

    async def _deliver(self, transaction: Transaction) -> bytes:
        """One reply for each accepted RCPT, in their order; the last one is returned."""
        transaction.finish()
        done: dict[str, Outcome] = {}
        reply = b""
        for recipient in transaction.recipients:
            self._write(reply)
            if recipient.address not in done:
                done[recipient.address] = await transaction.deliver(recipient)
            reply = replies.outcome_reply(done[recipient.address], recipient.address)
        self._forget()
        return reply

    def _via(self) -> Via:
        """RFC 3848: LMTPS over TLS."""
        peer = None if self._outlet is None else self._outlet.peer
        is_tls = peer is not None and bool(peer.tls_version)
        address = "" if peer is None else peer.address
        return Via("LMTPS" if is_tls else "LMTP", self._services.server_name, self._client_name, address)

    def _forget(self) -> None:
        if self._transaction is not None:
            self._transaction.discard()
            self._transaction = None

    def _count_mistake(self) -> None:
        self._bad_commands += 1
        if self._bad_commands >= self._limits.bad_commands:
            raise _Leave(replies.TOO_MANY_MISTAKES)

    def _write(self, data: bytes) -> None:
        if self._outlet is not None:
            self._outlet.write(data)

    async def _more(self) -> None:
        """Send what waits, then wait for input or the end."""
        if self._end_reason:
            raise _Leave(replies.leaving(self._end_reason))
        if self._ended_input:
            raise _Gone
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            if self._outlet is not None:
                await self._outlet.drain()
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _always(reply: bytes) -> Callable[[bytes], Awaitable[bytes]]:
    async def answer(argument: bytes) -> bytes:
        return reply

    return answer
