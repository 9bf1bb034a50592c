"""One ManageSieve client's talk over TLS, bytes in and bytes out (RFC 5804).

Satisfies pillarbox.conversation.Conversation.

Must never: keep a script that can't run; log or echo what a client sends to log in.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pillarbox.auth.contract import SECOND_FACTOR_ADVICE, TRY_LATER, Attempt, Authenticator, Denied, RefusalReason
from pillarbox.auth.mechanisms import Mechanisms
from pillarbox.auth.sasl import Challenge, Failed
from pillarbox.auth.sessions import LiveSession, LiveSessions
from pillarbox.clock import Clock, SystemClock
from pillarbox.conversation import Outlet, Peer, Phase
from pillarbox.delivery.scripts import Scripts
from pillarbox.events import EventLog
from pillarbox.mail.errors import MailError, NameInvalid
from pillarbox.managesieve.framer import Argument, Command, Framer, Unfit
from pillarbox.managesieve.limits import ManageSieveLimits
from pillarbox.managesieve.replies import answer, capabilities, refusal, string
from pillarbox.sieve.check import compile_script
from pillarbox.sieve.errors import ScriptInvalid
from pillarbox.sieve.limits import SieveLimits
from pillarbox.store.contract import AccountStore, Store


@dataclass(frozen=True, slots=True)
class ManageSieveServices:
    """What every conversation needs."""

    store: Store
    authenticator: Authenticator
    events: EventLog
    limits: ManageSieveLimits
    sieve: SieveLimits
    sessions: LiveSessions = field(default_factory=LiveSessions)
    clock: Clock = field(default_factory=SystemClock)
    mechanisms: Mechanisms = field(default_factory=Mechanisms)


class _Gone(Exception):
    """Nothing more will come."""


class _Garbled(Exception):
    """What should continue an exchange does not."""


class _Leave(Exception):
    """The talk is over after this reply."""

    def __init__(self, reply: bytes) -> None:
        super().__init__()
        self.reply = reply


_Handler = Callable[[tuple[Argument, ...]], Awaitable[bytes]]
_TEXT: Final = "s"
_NUMBER: Final = "n"


class ManageSieveConversation:
    """Feed it with receive(); run() writes to the outlet until the talk is over."""

    def __init__(self, services: ManageSieveServices) -> None:
        self.phase = Phase.LOGIN
        self._services = services
        self._framer = Framer()
        self._outlet: Outlet | None = None
        self._account: AccountStore | None = None
        self._live: LiveSession | None = None
        self._login_name = ""
        self._failures = 0
        self._mistakes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._ended_input = False
        self._end_reason = ""
        self._anywhere: dict[str, tuple[tuple[str, ...], _Handler]] = {
            "CAPABILITY": (("",), self._capability),
            "NOOP": (("", _TEXT), self._noop),
            "LOGOUT": (("",), self._logout),
        }
        self._before_login: dict[str, tuple[tuple[str, ...], _Handler]] = {
            "AUTHENTICATE": ((_TEXT, _TEXT + _TEXT), self._authenticate),
        }
        self._logged_in: dict[str, tuple[tuple[str, ...], _Handler]] = {
            "HAVESPACE": ((_TEXT + _NUMBER,), self._have_space),
            "PUTSCRIPT": ((_TEXT + _TEXT,), self._put),
            "CHECKSCRIPT": ((_TEXT,), self._check),
            "LISTSCRIPTS": (("",), self._list),
            "SETACTIVE": ((_TEXT,), self._set_active),
            "GETSCRIPT": ((_TEXT,), self._get),
            "DELETESCRIPT": ((_TEXT,), self._delete),
            "RENAMESCRIPT": ((_TEXT + _TEXT,), self._rename),
            "UNAUTHENTICATE": (("",), self._unauthenticate),
        }

    # --- what the connection calls ---------------------------------------------------------------

    @property
    def wants_input(self) -> bool:
        """False while enough waits."""
        room = self._services.limits.unread_input_bytes + self._services.sieve.script_bytes
        return self._waiter is not None or self._framer.unread_bytes < room

    def receive(self, data: memoryview) -> None:
        """Bytes from the client."""
        self._framer.feed(data)
        self._wake()

    def receive_eof(self) -> None:
        """The client will send no more."""
        self._ended_input = True
        self._wake()

    def keep_alive(self) -> None:
        """ManageSieve has nothing harmless to say."""

    def reassure(self) -> None:
        """Nor for a client that waits."""

    def end(self, reason: str) -> None:
        """Say goodbye after the running command."""
        self._end_reason = self._end_reason or reason
        self._wake()

    async def run(self, outlet: Outlet) -> None:
        """Greet, serve, say goodbye."""
        self._outlet = outlet
        try:
            outlet.write(capabilities(self._services.sieve, self._mechanisms, ""))
            while True:
                outlet.write(await self._serve(await self._next()))
        except _Leave as leave:
            outlet.write(leave.reply)
        except _Gone:
            pass
        finally:
            self.phase = Phase.OVER
            await self._let_go()
        await outlet.drain()

    # --- one command -----------------------------------------------------------------------------

    async def _serve(self, command: Command | Unfit) -> bytes:
        if isinstance(command, Unfit):
            if command is Unfit.ENDLESS:
                raise _Leave(answer("BYE", command.value))
            if command is Unfit.TOO_LONG:
                return answer("NO", command.value, "QUOTA/MAXSIZE" if self._account is not None else "")
            return self._mistaken(command.value)
        state = self._before_login if self._account is None else self._logged_in
        known = self._anywhere.get(command.name) or state.get(command.name)
        if known is None:
            if command.name in self._before_login or command.name in self._logged_in:
                return answer("NO", "Log in first" if self._account is None else "You are logged in already")
            return self._mistaken(Unfit.SYNTAX.value)
        shapes, handler = known
        shape = "".join(_NUMBER if isinstance(each, int) else _TEXT for each in command.arguments)
        if shape not in shapes:
            return self._mistaken("Those are not the arguments of that command")
        try:
            return await handler(command.arguments)
        except MailError as error:
            return refusal(error)
        except ScriptInvalid as invalid:
            return answer("NO", "\r\n".join(map(str, invalid.mistakes)))
        except (_Leave, _Gone):
            raise
        except Exception as error:
            self._services.events.bug("managesieve.failed", error, command=command.name)
            return answer("NO", "An error of the server; it was logged", "TRYLATER")

    def _mistaken(self, text: str) -> bytes:
        self._mistakes += 1
        if self._mistakes >= self._services.limits.mistakes:
            raise _Leave(answer("BYE", "Too many commands that are none"))
        return answer("NO", text)

    # --- commands --------------------------------------------------------------------------------

    async def _capability(self, _arguments: tuple[Argument, ...]) -> bytes:
        return capabilities(self._services.sieve, self._mechanisms, self._login_name)

    async def _noop(self, arguments: tuple[Argument, ...]) -> bytes:
        if not arguments:
            return answer("OK")
        return b"OK (TAG %b) %b\r\n" % (string(_bytes(arguments[0])), string("Done"))

    async def _logout(self, _arguments: tuple[Argument, ...]) -> bytes:
        raise _Leave(answer("OK", "Goodbye"))

    async def _authenticate(self, arguments: tuple[Argument, ...]) -> bytes:
        name, peer = _text(arguments[0]).upper(), self._peer
        attempt = Attempt(peer.address, name, peer.tls_version)
        exchange = self._services.mechanisms.exchange(name, peer, self._services.authenticator, attempt)
        if exchange is None:
            return answer("NO", "That mechanism is not offered here")
        try:
            decision = await exchange.begin(None if len(arguments) < 2 else _decode(_bytes(arguments[1])))
            while isinstance(decision, Challenge):
                self._write(string(base64.b64encode(decision.data)) + b"\r\n")
                decision = await exchange.answer(_decode(await self._response()))
        except _Garbled:
            return self._mistaken("That is not base64, or the exchange was cancelled")
        if isinstance(decision, Failed):
            return self._denied()
        if isinstance(decision, Denied):
            if decision.reason is RefusalReason.UNAVAILABLE:
                return answer("NO", "Logging in is not possible at the moment; try again later", "TRYLATER")
            if decision.reason is RefusalReason.SECOND_FACTOR:
                return self._denied(SECOND_FACTOR_ADVICE)
            if decision.reason in TRY_LATER:
                return self._denied("Too many failed logins; try again in a few minutes", "TRYLATER")
            return self._denied()
        if decision.scope.is_limited:
            return self._denied("What you logged in with is limited; for Sieve scripts log in with another password")
        services = self._services
        self._account = await services.store.open(decision.account)
        self._live = services.sessions.begin("managesieve", decision, attempt, services.clock.now_seconds(), self.end)
        self._login_name = decision.login_name
        self.phase = Phase.OPEN
        return answer("OK", "Logged in")

    def _denied(self, text: str = "User name or password is wrong", code: str = "") -> bytes:
        self._failures += 1
        if self._failures >= self._services.limits.login_failures:
            raise _Leave(answer("BYE", "Too many failed logins"))
        return answer("NO", text, code)

    async def _unauthenticate(self, _arguments: tuple[Argument, ...]) -> bytes:
        await self._let_go()
        return answer("OK")

    async def _have_space(self, arguments: tuple[Argument, ...]) -> bytes:
        size = arguments[1]
        assert isinstance(size, int)
        await self._scripts.check_room(_text(arguments[0]), size)
        return answer("OK")

    async def _put(self, arguments: tuple[Argument, ...]) -> bytes:
        await self._scripts.put(_text(arguments[0]), _bytes(arguments[1]))
        return answer("OK", "Kept")

    async def _check(self, arguments: tuple[Argument, ...]) -> bytes:
        compile_script(_bytes(arguments[0]), self._services.sieve)
        return answer("OK", "The script is right")

    async def _list(self, _arguments: tuple[Argument, ...]) -> bytes:
        kept = await self._scripts.kept()
        lines = [string(name) + (b" ACTIVE" if name == kept.active else b"") + b"\r\n" for name in kept.scripts]
        return b"".join(lines) + answer("OK")

    async def _set_active(self, arguments: tuple[Argument, ...]) -> bytes:
        name = _text(arguments[0])
        if name:
            await self._scripts.activate(name)
        else:
            await self._scripts.deactivate()
        return answer("OK")

    async def _get(self, arguments: tuple[Argument, ...]) -> bytes:
        source = await self._scripts.get(_text(arguments[0]))
        return b"{%d}\r\n%b\r\n" % (len(source), source) + answer("OK")

    async def _delete(self, arguments: tuple[Argument, ...]) -> bytes:
        await self._scripts.remove(_text(arguments[0]))
        return answer("OK")

    async def _rename(self, arguments: tuple[Argument, ...]) -> bytes:
        await self._scripts.rename(_text(arguments[0]), _text(arguments[1]))
        return answer("OK")

    # --- inside ----------------------------------------------------------------------------------

    @property
    def _scripts(self) -> Scripts:
        assert self._account is not None
        return Scripts(self._account, self._services.sieve)

    @property
    def _mechanisms(self) -> Sequence[str]:
        return self._services.mechanisms.names(self._peer)

    @property
    def _peer(self) -> Peer:
        assert self._outlet is not None
        return self._outlet.peer

    async def _let_go(self) -> None:
        account, self._account, self._login_name = self._account, None, ""
        live, self._live = self._live, None
        if live is not None:
            self._services.sessions.leave(live)
        if account is not None:
            await account.close()

    async def _response(self) -> bytes:
        """The client's answer to a challenge: one string."""
        command = await self._next()
        if not isinstance(command, Command) or command.name or len(command.arguments) != 1:
            raise _Garbled
        response = command.arguments[0]
        if not isinstance(response, bytes):
            raise _Garbled
        return response

    async def _next(self) -> Command | Unfit:
        """The next command, as soon as it is whole."""
        limits = self._services.limits
        literal_bytes = limits.literal_bytes_before_login
        if self._account is not None:
            literal_bytes = self._services.sieve.script_bytes
        while True:
            if self._end_reason:
                raise _Leave(answer("BYE", self._end_reason))
            command = self._framer.pull(limits, literal_bytes)
            if command is not None:
                return command
            if self._ended_input:
                raise _Gone
            waiter = self._waiter = asyncio.get_running_loop().create_future()
            if self._outlet is not None:
                await self._outlet.drain()
            await waiter

    def _write(self, data: bytes) -> None:
        if self._outlet is not None:
            self._outlet.write(data)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        self._waiter = None


def _bytes(argument: Argument) -> bytes:
    assert isinstance(argument, bytes)
    return argument


def _text(argument: Argument) -> str:
    """A name. What is no UTF-8 is no name of anything."""
    try:
        return _bytes(argument).decode("utf-8")
    except UnicodeDecodeError:
        raise NameInvalid("A name must be UTF-8") from None


def _decode(data: bytes) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise _Garbled from None
