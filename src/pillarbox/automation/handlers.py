"""What is done with a message: a command that gets it on stdin, or a function of yours.

Must never: put anything from a message on a command line; leave a command running that took too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import inspect
import os
import shlex
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from pillarbox.automation.message import Message

Handler = Callable[[Message], Awaitable[object] | object]
"""Returning means success, raising means failure. A function that is not `async` runs in a thread."""

_FAREWELL_SECONDS: Final = 5.0
"""From SIGTERM to SIGKILL."""
_HEADERS: Final = {"SUBJECT": "subject", "FROM": "from", "TO": "to", "MESSAGE_ID": "message-id"}
_MAX_HEAD_BYTES: Final = 256 * 1024
_MAX_VALUE: Final = 2_000
"""Characters of a header field in the environment."""


class HandlerFailed(Exception):
    """It did not do its work; the text says why. Handlers may raise it, too."""


@dataclass(frozen=True, slots=True)
class Command:
    """A handler that runs a program without a shell; exit code 0 is success."""

    words: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Command:
        """From words as a shell divides them. Raises ValueError."""
        words = tuple(shlex.split(text))
        if not words:
            raise ValueError("there is no command to run")
        return cls(words)

    async def __call__(self, message: Message) -> None:
        """Raises HandlerFailed."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self.words, stdin=asyncio.subprocess.PIPE, env=os.environ | facts(message), start_new_session=True
            )
        except OSError as error:
            raise HandlerFailed(f"can't run {self.words[0]}: {error.strerror}") from error
        try:
            await process.communicate(message.raw)  # a program that does not read all of it is no error
        except asyncio.CancelledError:
            await _end(process)
            raise
        if process.returncode:
            raise HandlerFailed(f"{self.words[0]} ended with {_ending(process.returncode)}")


async def run(handler: Handler, message: Message, timeout_seconds: float) -> None:
    """Raises HandlerFailed, whatever the handler raised."""
    try:
        async with asyncio.timeout(timeout_seconds):
            if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__):
                result = handler(message)
            else:
                result = await asyncio.to_thread(handler, message)
            if inspect.isawaitable(result):
                await result
    except TimeoutError as error:
        raise HandlerFailed(f"it took longer than {timeout_seconds:g} s") from error
    except HandlerFailed:
        raise
    except Exception as error:  # somebody else's code: whatever it raises is its failure, not ours
        raise HandlerFailed(f"{type(error).__name__}: {error}") from error


def facts(message: Message) -> dict[str, str]:
    """The environment of a command."""
    date = message.internal_date
    values = {
        "ACCOUNT": message.account,
        "MAILBOX": message.mailbox,
        "UID": str(message.uid),
        "UIDVALIDITY": str(message.uidvalidity),
        "FLAGS": " ".join(sorted(message.flags)),
        "DATE": "" if date is None else date.isoformat(),
        "SIZE": str(len(message.raw)),
        "ATTEMPT": str(message.attempt),
        "IDEMPOTENCY_KEY": message.idempotency_key,
    }
    values |= {name: _header(message, field) for name, field in _HEADERS.items()}
    return {f"PILLARBOX_{name}": value for name, value in values.items()}


def _header(message: Message, field: str) -> str:
    head = message.raw[:_MAX_HEAD_BYTES].partition(b"\r\n\r\n")[0]
    try:
        value = str(email.message_from_bytes(head, policy=email.policy.default)[field] or "")
    except Exception:  # the standard library's parser has its own ideas of what can't be
        return ""
    return "".join(each if each.isprintable() else " " for each in value)[:_MAX_VALUE]


async def _end(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await process.wait()
                return


def _ending(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"signal {-code}"
