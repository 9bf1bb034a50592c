"""The owner's active Sieve script as the filter of arriving mail.

What must be remembered (vacation answers, messages seen, errors told) is kept as properties `sieve/seen/KEY` of the
account, each with the second at which it ends; it is written only when all that was decided has been done, so that a
delivery that is tried again is never taken for a duplicate (RFC 7352 section 3).

Must never: lose mail because of a script: what goes wrong means that the message is kept and the owner told.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final

from pillarbox.clock import Clock
from pillarbox.delivery import filter as to_do
from pillarbox.delivery.filter import KEEP, Arriving, Decision, Envelope
from pillarbox.delivery.headers import fields
from pillarbox.delivery.scripts import active_script
from pillarbox.events import EventLog
from pillarbox.mail.names import INBOX, canonical_name
from pillarbox.sieve import environment as sieve_environment
from pillarbox.sieve import outcome as wanted
from pillarbox.sieve.check import compile_script
from pillarbox.sieve.errors import ScriptInvalid
from pillarbox.sieve.interpreter import run
from pillarbox.sieve.limits import SieveLimits
from pillarbox.sieve.message import SieveMessage
from pillarbox.sieve.script import Script
from pillarbox.store.contract import AccountStore

SEEN: Final = "sieve/seen/"
MARK: Final = b"X-Sieve-Redirected"
"""Names the accounts that a message was redirected by."""
_REMEMBERING: Final = frozenset(("vacation", "vacation-seconds", "duplicate"))
_DAY: Final = 86_400
_SMALL: Final = 4_000_000
"""Bytes of script times bytes of message below which a run takes a millisecond or so, and no thread."""
_MOST_COMPILED: Final = 256

_NOTICE: Final = """\
Your Sieve script "{name}" could not do its work on a message:

{error}

The message was kept. Mend the script; until then all mail that this happens to is kept in the same way, and you are
told once a day.
"""


class SieveFilter:
    """One for a process."""

    def __init__(
        self, limits: SieveLimits, separator: str, items: Mapping[str, str], clock: Clock, events: EventLog
    ) -> None:
        """`separator`: characters that part name and detail of an address; `items`: what the environment test knows."""
        self._limits = limits
        self._separator = separator
        self._items = items
        self._clock = clock
        self._events = events
        self._compiled: OrderedDict[bytes, Script] = OrderedDict()

    async def decide(self, account: AccountStore, envelope: Envelope, message: Arriving) -> Decision:
        """What the active script wants; KEEP without one."""
        found = await active_script(account)
        if found is None:
            return KEEP
        name, source = found
        now = self._clock.now_seconds()
        try:
            script = await self._compile(source)
        except ScriptInvalid as invalid:
            return await self._gone_wrong(account, name, source, str(invalid.mistakes[0]), now)
        seen = await self._seen(account) if script.extensions & _REMEMBERING else {}
        outcome = await self._run(script, source, account, envelope, message, seen, now)
        if outcome.error:
            return await self._gone_wrong(account, name, source, outcome.error, now)
        actions = tuple(self._action(action, envelope, message) for action in outcome.actions)
        return Decision(actions, self._changes(seen, outcome.remember, now))

    async def _compile(self, source: bytes) -> Script:
        key = hashlib.sha256(source).digest()
        script = self._compiled.get(key)
        if script is None:
            script = await asyncio.to_thread(compile_script, source, self._limits)
            self._compiled[key] = script
            if len(self._compiled) > _MOST_COMPILED:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return script

    async def _run(
        self,
        script: Script,
        source: bytes,
        account: AccountStore,
        envelope: Envelope,
        message: Arriving,
        seen: Mapping[str, float],
        now: float,
    ) -> wanted.Outcome:
        looked_at = min(message.size_bytes, self._limits.body_bytes) if "body" in script.extensions else 0
        reading = SieveMessage(
            message.header,
            message.size_bytes,
            lambda: message.read(0, max(len(message.header), self._limits.body_bytes)),
        )
        boxes = {mailbox.name: mailbox.special_use for mailbox in await account.mailboxes()}
        folder = canonical_name(envelope.detail)
        environment = sieve_environment.Environment(
            now_seconds=now,
            zone_minutes=self._clock.zone_minutes(),
            mailboxes=boxes,
            keep_mailbox=folder if folder in boxes else INBOX,
            own_addresses=frozenset({envelope.login_name} if "@" in envelope.login_name else ()),
            separator=next((mark for mark in self._separator if mark in envelope.local_part), "+"),
            is_remembered=lambda key: seen.get(key, 0.0) > now,
            items=self._items,
        )
        told = sieve_environment.Envelope(envelope.sender, envelope.recipient)
        if len(source) * (len(message.header) + looked_at) <= _SMALL:
            return run(script, reading, told, environment, self._limits)
        return await asyncio.to_thread(run, script, reading, told, environment, self._limits)

    def _action(self, action: wanted.Action, envelope: Envelope, message: Arriving) -> to_do.Action:
        match action:
            case wanted.Keep():
                return to_do.Keep(action.flags, action.raw_header)
            case wanted.FileInto():
                return to_do.FileInto(
                    action.mailbox, action.flags, action.create, action.special_use, action.raw_header
                )
            case wanted.Redirect():
                return self._redirect(action, envelope, message)
            case wanted.Reject():
                return to_do.Reject(action.text)
            case wanted.Answer():
                return to_do.Reply(action.recipient, action.content)

    def _redirect(self, action: wanted.Redirect, envelope: Envelope, message: Arriving) -> to_do.Action:
        """On to the next one, marked; what goes in a circle, or to oneself, is kept."""
        me = (envelope.login_name or envelope.recipient).lower()
        marks = [value.lower() for _, value in fields(message.header, frozenset({MARK.lower()}))]
        hops = sum(1 for _ in fields(message.header, frozenset({b"received"})))
        to_self = action.address.lower() in (envelope.recipient.lower(), envelope.login_name.lower())
        if to_self or me in marks or hops > self._limits.hops:
            self._events.warning("sieve.redirect_loop", account=envelope.login_name, hops=hops)
            return to_do.Keep(raw_header=action.raw_header)
        header = message.header if action.raw_header is None else action.raw_header
        first = header.index(b"\r\n") + 2 if header[:12].lower() == b"return-path:" else 0
        mark = b"%b: %b\r\n" % (MARK, me.encode("ascii", "replace"))
        return to_do.Redirect(action.address, header[:first] + mark + header[first:])

    # --- memory ----------------------------------------------------------------------------------

    @staticmethod
    async def _seen(account: AccountStore) -> dict[str, float]:
        kept = await account.properties(None, SEEN)
        return {name.removeprefix(SEEN): float(value) for name, value in kept.items() if value.isdigit()}

    def _changes(
        self, seen: Mapping[str, float], remember: Iterable[wanted.Remember], now: float
    ) -> dict[str, bytes | None]:
        """What is new, and what is over or too much."""
        new = {entry.key: int(now) + entry.seconds for entry in remember}
        if not new:
            return {}
        standing = {key: end for key, end in seen.items() if end > now and key not in new}
        too_many = max(0, len(standing) + len(new) - self._limits.memories)
        dropped = sorted(standing, key=standing.__getitem__)[:too_many]
        over = [key for key in seen if key not in standing and key not in new]
        changes: dict[str, bytes | None] = {SEEN + key: b"%d" % end for key, end in new.items()}
        return changes | dict.fromkeys((SEEN + key for key in (*dropped, *over)), None)

    async def _gone_wrong(self, account: AccountStore, name: str, source: bytes, error: str, now: float) -> Decision:
        """Keep the message, and tell the owner at most once a day for each script."""
        self._events.warning("sieve.failed", account=account.account, script=name, error=error)
        key = "e" + hashlib.sha256(source).hexdigest()[:32]
        seen = await self._seen(account)
        if seen.get(key, 0.0) > now:
            return KEEP
        notice = to_do.Notice(f'Your Sieve script "{name}" failed', _NOTICE.format(name=name, error=error))
        return Decision((to_do.Keep(), notice), self._changes(seen, [wanted.Remember(key, _DAY)], now))
