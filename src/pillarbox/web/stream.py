"""`/events`: an account's events as they happen, for who knows its password (server-sent events, WHATWG HTML 9.2).

Every event that moves the position on carries it as its id; with `Last-Event-ID` a program goes on where it was, also
at another worker and after a restart, and misses nothing.

Must never: tell anybody of an account but its own; keep a stream past its time or the server's stop.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from pillarbox.auth.claims import PasswordClaim
from pillarbox.auth.contract import SECOND_FACTOR_ADVICE, Attempt, Authenticator, Denied, Granted, RefusalReason
from pillarbox.auth.sessions import LiveSessions
from pillarbox.clock import Clock
from pillarbox.events import EventLog
from pillarbox.mail.errors import MailError
from pillarbox.mail.rights import Rights
from pillarbox.push.feed import AccountFeed
from pillarbox.push.happening import Kind
from pillarbox.push.position import Position, PositionUnreadable, from_text, to_text
from pillarbox.push.settings import EventsSettings
from pillarbox.secret import Secret
from pillarbox.sharing.confined import ConfinedMail
from pillarbox.sharing.neighbours import Nobody
from pillarbox.sharing.person import PersonalMail
from pillarbox.sharing.settings import SharingSettings
from pillarbox.store.contract import AccountStore, Store

PATH: Final = "/events"
_KEEP_ALIVE_SECONDS: Final = 15.0
"""A comment is sent when nothing else was: gateways forget quiet connections, and who is gone is noticed."""
_MAX_STREAMS: Final = 20
"""Of one account, in each worker."""
_MAX_CREDENTIALS: Final = 4_096
_AT_A_TIME: Final = 1_000
_RETRY: Final = b"retry: 2000\n"


class EventStreams:
    """All streams of a worker."""

    def __init__(
        self,
        store: Store,
        authenticator: Authenticator,
        settings: EventsSettings,
        events: EventLog,
        sessions: LiveSessions,
        clock: Clock,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._clock = clock
        self._authenticator = authenticator
        self._settings = settings
        self._events = events
        self._stop = asyncio.Event()
        self._open: Counter[str] = Counter()

    def route(self) -> Route:
        return Route(PATH, self.answer, methods=["GET"])

    def close(self) -> None:
        """End all streams, so that the server can stop."""
        self._stop.set()

    async def answer(self, request: Request) -> Response:
        """Check who it is, then stream."""
        attempt = Attempt("" if request.client is None else request.client.host, "HTTP-BASIC")
        granted = await self._who(request, attempt)
        kinds = frozenset(request.query_params.getlist("kind")) or frozenset(kind.value for kind in Kind)
        if unknown := sorted(kinds - {kind.value for kind in Kind}):
            raise HTTPException(400, f"There is no event {unknown[0][:64]}.")
        last = request.headers.get("last-event-id", "")
        try:
            position = from_text(last) if last else None
        except PositionUnreadable as error:
            raise HTTPException(400, "That Last-Event-ID can't be read; begin without one.") from error
        if self._open[granted.account] >= _MAX_STREAMS:
            raise HTTPException(429, "This account has too many streams.")
        prolong = getattr(request.state, "prolong", None)
        if prolong is not None:
            prolong(self._settings.stream_seconds + _KEEP_ALIVE_SECONDS)
        return StreamingResponse(self._stream(granted, attempt, kinds, position), media_type="text/event-stream")

    async def _who(self, request: Request, attempt: Attempt) -> Granted:
        """RFC 7617. Raises HTTPException."""
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        try:
            if scheme.lower() != "basic" or len(text) > _MAX_CREDENTIALS:
                raise _unauthorized()
            name, colon, password = base64.b64decode(text.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise _unauthorized() from error
        if not colon:
            raise _unauthorized()
        claim = PasswordClaim(name, Secret(password))
        decision = await self._authenticator.decide(claim, attempt)
        if isinstance(decision, Denied):
            if decision.reason is RefusalReason.UNAVAILABLE:
                raise HTTPException(503, "Logins can't be checked now.")
            if decision.reason is RefusalReason.SECOND_FACTOR:
                raise _unauthorized(SECOND_FACTOR_ADVICE)
            raise _unauthorized()
        if Rights.READ not in decision.scope.rights:
            raise HTTPException(403, "This app password may not read.")
        return decision

    async def _stream(
        self, who: Granted, attempt: Attempt, kinds: frozenset[str], position: Position | None
    ) -> AsyncIterator[bytes]:
        self._open[who.account] += 1
        over = asyncio.Event()
        live = self._sessions.begin("events", who, attempt, self._clock.now_seconds(), lambda _reason: over.set())
        try:
            mail = await self._mail_of(who)
            try:
                feed = AccountFeed(mail, position)
                try:
                    await feed.begin()
                    async for chunk in self._told(who, kinds, feed, over):
                        yield chunk
                finally:
                    feed.close()
            finally:
                await mail.close()
        except MailError as error:
            self._events.error("events.interrupted", account=who.account, error=type(error).__name__)
        finally:
            self._sessions.leave(live)
            self._open[who.account] -= 1
            self._open += Counter()

    async def _mail_of(self, who: Granted) -> AccountStore:
        """The account's own mail, as far as it was granted."""
        own = await self._store.open(who.account)
        if not who.scope.is_limited:
            return own
        return ConfinedMail(PersonalMail(own, who.login_name, self._store, Nobody(), SharingSettings()), who.scope)

    async def _told(
        self, who: Granted, kinds: frozenset[str], feed: AccountFeed, over: asyncio.Event
    ) -> AsyncIterator[bytes]:
        """Until the stream's time, the server's stop, or what was logged in with is taken back (`over`)."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._settings.stream_seconds
        yield _RETRY + _id(feed.position) + b"\n"
        while loop.time() < end and not self._stop.is_set() and not over.is_set():
            before = dict(feed.position)
            found = [each for each in await feed.look(_AT_A_TIME) if each.kind.value in kinds]
            for number, each in enumerate(found, 1):
                data = json.dumps(each.document(who.login_name)).encode()
                id = _id(feed.position) if number == len(found) else b""
                yield b"event: %s\n%sdata: %s\n\n" % (each.kind.value.encode(), id, data)
            if not found and feed.position != before:
                yield _id(feed.position) + b"\n"
            if not await self._wait(feed, over):
                yield b":\n\n"

    async def _wait(self, feed: AccountFeed, over: asyncio.Event) -> bool:
        """Whether there may be something to look at; after a while not."""
        tasks = [asyncio.ensure_future(each.wait()) for each in (feed, self._stop, over)]
        try:
            done, _ = await asyncio.wait(tasks, timeout=_KEEP_ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            return bool(done)
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


def _id(position: Position) -> bytes:
    text = to_text(position)
    return b"" if text is None else b"id: %s\n" % text.encode()


def _unauthorized(text: str = "Log in with the account's name and password.") -> HTTPException:
    challenge = {"www-authenticate": 'Basic realm="Pillarbox", charset="UTF-8"'}
    return HTTPException(401, text, challenge)
