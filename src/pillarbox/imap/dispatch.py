"""A command's way: find, check the state, parse, run, send owed updates, complete.

RFC 9051 section 2.2.2, 5.2 and 5.5. Must never: know a command; what differs is data (command.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pillarbox.imap.command import Command, Trait
from pillarbox.imap.features import Feature
from pillarbox.imap.news import news
from pillarbox.imap.refusals import BadSyntax, Farewell, Refused, refusal_of
from pillarbox.imap.registry import Registry
from pillarbox.imap.replies import Ask, Done, Replies, Reply, State, WaitForChange
from pillarbox.imap.session import Session
from pillarbox.imap.updates import ExpungeRule
from pillarbox.imap.wire.cursor import Cursor
from pillarbox.imap.wire.framer import RawCommand
from pillarbox.imap.wire.writer import resp_text
from pillarbox.mail.errors import MailError

PROGRESS_SECONDS: Final = 10.0
"""RFC 9585: not before a command has taken about so long, and no more often."""


class Line(Protocol):
    """The other end, as dispatch needs it."""

    async def send(self, data: bytes) -> None:
        """Send bytes, at once or with what follows; slows down with the client."""
        ...

    async def line(self) -> bytes:
        """The client's next line. Raises Farewell when there is none to come."""
        ...

    async def line_or_change(self, wait: WaitForChange) -> bytes | None:
        """The client's next line, or None when something may have changed."""
        ...


@dataclass(frozen=True, slots=True)
class Begun:
    """A command that works before its turn. Its answers wait."""

    command: Command
    arguments: Any  # of its own type
    replies: Replies
    first: asyncio.Task[Reply]
    """The first of the replies."""

    async def drop(self) -> None:
        """Its turn will not come."""
        self.first.cancel()
        await asyncio.gather(self.first, return_exceptions=True)
        await self.replies.aclose()


class Dispatcher:
    """Runs one session's commands, one after another."""

    def __init__(self, session: Session, registry: Registry, line: Line) -> None:
        self._session = session
        self._registry = registry
        self._line = line
        self._waits_since_seconds: float | None = None
        """When the client began to wait for the first answer to the running command, or was told last that it takes
        long. None between commands, and as soon as answers come: they may come in pieces."""

    def progress(self) -> bytes:
        """resp-text-code =/ "INPROGRESS" SP "(" tag SP progress SP goal ")" for a command that takes long, when it is
        due (RFC 9585); else nothing. How much there is to do is not known, so both numbers are NIL."""
        since, now = self._waits_since_seconds, self._session.services.clock.monotonic_seconds()
        if since is None or now - since < PROGRESS_SECONDS or self._session.account is None:
            return b""
        self._waits_since_seconds = now
        return b'* OK [INPROGRESS ("%b" NIL NIL)] Still working\r\n' % self._session.tag

    def may_begin(self, raw: RawCommand) -> bool:
        """Whether it is one of those that begin() takes, by its name. Not while the client asks for news: what one
        does before its turn would be taken for somebody else's doing."""
        command = self._registry.command_of(raw.texts[0]) if self._session.is_plain else None
        return command is not None and command.begins_early is not None

    def begin(self, raw: RawCommand) -> Begun | None:
        """Let a command work before its turn, for run(). None when it can't, or when it is not what it should be: that
        is told in its turn."""
        try:
            cursor = Cursor(raw)
            cursor.tag()
            cursor.space()
            command = self._find(cursor)
            arguments = self._arguments(command, cursor)
        except (BadSyntax, Refused, MailError):
            return None
        if command.begins_early is None or not command.begins_early(self._session, arguments):
            return None
        replies = command.handle(self._session, arguments)
        return Begun(command, arguments, replies, asyncio.create_task(_first(replies)))

    async def run(self, raw: RawCommand, begun: Begun | None = None) -> None:
        """Run one framed command to its tagged response. Raises Farewell when the talk is over."""
        if raw.texts == (b"",):  # Apple Mail sends an empty line before a command
            return
        tag = b"*"
        try:
            cursor = Cursor(raw)
            tag = self._session.tag = cursor.tag()
            cursor.space()
            command = self._find(cursor)
            try:
                if command.prepare is not None:
                    await command.prepare(self._session, raw)
                done, rule = await self._run_command(command, cursor, begun)
            except MailError as error:
                raise refusal_of(error) from error
            if Trait.NO_UPDATES not in command.traits:
                await self._send_news(rule)
            if self._session.account is not None:
                self._session.bad_commands = 0  # a stranger's are never forgiven
            await self._line.send(b"%b OK %b%b\r\n" % (tag, _code(done.code), resp_text(done.text)))
        except Refused as refused:
            await self._send_news(ExpungeRule.HELD_BACK)
            await self._answer(tag, b"NO", refused.code, refused.text)
        except BadSyntax as error:
            await self.reject(tag, error.text, error.code)
        except (Farewell, ConnectionError):
            raise
        except Exception as error:
            self._session.services.events.bug("imap.bug", error, account=self._session.login_name)
            await self._answer(tag, b"NO", "SERVERBUG", "Something went wrong in the server; the operator can see what")
        finally:
            self._session.forget_command()
            raw.discard()

    async def notify(self) -> None:
        """Tell what changed while no command runs, to a client that asked for that (RFC 5465)."""
        notices = self._session.notices
        if notices is None:
            return
        try:
            await self._send_news(notices.between)
        except (Farewell, ConnectionError):
            raise
        except Exception as error:
            self._session.services.events.bug("imap.bug", error, account=self._session.login_name)
            await self._line.send(notices.overflow())

    async def reject(self, tag: bytes, text: str, code: str = "") -> None:
        """Answer BAD and count it; too many end the talk."""
        await self._answer(tag or b"*", b"BAD", code, text)
        session = self._session
        session.bad_commands += 1
        limits = session.services.limits
        most = limits.bad_commands_before_login if session.account is None else limits.bad_commands
        if session.bad_commands >= most:
            raise Farewell("Too many invalid commands")

    async def refuse(self, tag: bytes, text: str, code: str) -> None:
        """Answer NO to a command that never got as far as run()."""
        await self._answer(tag or b"*", b"NO", code, text)

    async def _answer(self, tag: bytes, status: bytes, code: str, text: str) -> None:
        await self._line.send(b"%b %b %b%b\r\n" % (tag, status, _code(code.encode("ascii")), resp_text(text)))

    def _find(self, cursor: Cursor) -> Command:
        name = cursor.word()
        if name in self._registry.prefixes and cursor.skip(b" "):
            name += " " + cursor.word()
        command = self._registry.commands.get(name)
        if command is None:
            raise BadSyntax("Unknown command")
        state = self._session.state
        if state not in command.states:
            raise BadSyntax(_WRONG_STATE[state])
        if Trait.TAKES_NUMBERS in command.traits and Feature.UIDONLY in self._session.features:
            raise BadSyntax("With UIDONLY, name messages by UID", "UIDREQUIRED")
        return command

    def _arguments(self, command: Command, cursor: Cursor) -> Any:  # Any: of the command's own type
        arguments = None
        if command.parse is not None:
            if not (cursor.at_end() and Trait.MAY_STAND_ALONE in command.traits):
                cursor.space()
            arguments = command.parse(cursor, self._session)
        cursor.end()
        return arguments

    async def _run_command(self, command: Command, cursor: Cursor, begun: Begun | None) -> tuple[Done, ExpungeRule]:
        session = self._session
        first: Awaitable[Reply]
        if begun is None:
            arguments = self._arguments(command, cursor)
            if command.states is State.SELECTED:
                await session.look_at_rights()
            replies = command.handle(session, arguments)
            first = replies.asend(None)
        else:
            arguments, replies, first = begun.arguments, begun.replies, begun.first
        done = Done()
        self._waits_since_seconds = session.services.clock.monotonic_seconds()
        try:
            reply = await first
            while True:
                answer: bytes | None = None
                self._waits_since_seconds = None
                if isinstance(reply, bytes):
                    await self._line.send(reply)
                elif isinstance(reply, Done):
                    done = reply
                elif isinstance(reply, Ask):
                    await self._line.send(b"+ %b\r\n" % reply.challenge)
                    answer = await self._line.line()
                elif isinstance(reply, WaitForChange):
                    answer = await self._line.line_or_change(reply)
                reply = await replies.asend(answer)
        except StopAsyncIteration:
            pass
        finally:
            self._waits_since_seconds = None
            await replies.aclose()
        rule = ExpungeRule.ASKED_FOR if Trait.EXPUNGES in command.traits else ExpungeRule.ALLOWED
        if Trait.KEEPS_NUMBERS in command.traits or (
            command.keeps_numbers is not None and command.keeps_numbers(arguments)
        ):
            rule = ExpungeRule.HELD_BACK
        return (done if done.text else Done(done.code, f"{command.name} completed")), rule

    async def _send_news(self, rule: ExpungeRule) -> None:
        """News never turn a command that was done into one that wasn't."""
        session = self._session
        try:
            if session.is_plain:  # nearly always, and generators within generators take a tenth of a NOOP
                await self._line.send(await session.annotation_news())
                if session.view is not None:
                    await self._line.send(await session.plain_updates(session.view, rule))
                    await self._line.send(session.rights_news(session.view))
                return
            async for chunk in news(session, rule):
                await self._line.send(chunk)
        except MailError:
            return


async def _first(replies: Replies) -> Reply:
    return await anext(replies)


def _code(code: bytes) -> bytes:
    return b"[%b] " % code if code else b""


_WRONG_STATE = {
    State.NOT_AUTHENTICATED: "Log in first",
    State.AUTHENTICATED: "Not now: it needs an open mailbox, or comes before login",
    State.SELECTED: "Not now: it comes before login, or before a mailbox is open",
}
