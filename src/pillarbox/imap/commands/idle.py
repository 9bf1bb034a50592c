"""IDLE: changes as they happen (RFC 2177, RFC 9051 section 6.3.13)."""

from __future__ import annotations

from typing import Final

from pillarbox.imap.command import Area, Capability, Command
from pillarbox.imap.news import news
from pillarbox.imap.refusals import BadSyntax
from pillarbox.imap.replies import LOGGED_IN, Replies, WaitForChange
from pillarbox.imap.session import Session
from pillarbox.imap.updates import ExpungeRule

SETTLING_SECONDS: Final = 2.0
"""Thunderbird that reads an update together with `+ idling` looks at it only when more comes (seen with 153: flags and
expunges stayed unseen for minutes). So what is told this early is followed by a reminder."""


async def _idle(session: Session, _: None) -> Replies:
    """What was owed when it began is told at once. Commands pipelined after DONE wait in the framer."""
    clock = session.services.clock
    settled_seconds = clock.monotonic_seconds() + SETTLING_SECONDS
    yield b"+ idling\r\n"
    while True:
        told = False
        async for chunk in news(session, ExpungeRule.ALLOWED):
            yield chunk
            told = told or bool(chunk)
        line: bytes | None = yield WaitForChange(remind=told and clock.monotonic_seconds() < settled_seconds)
        if line is None:
            continue
        if line.strip().upper() != b"DONE":
            raise BadSyntax("Expected DONE")
        return


AREA = Area(
    commands=(Command("IDLE", LOGGED_IN, _idle, "2177 3"),),
    capabilities=(Capability("IDLE", "2177", LOGGED_IN),),
)
