"""How the command line speaks with every process of a running server: one Unix socket for each, in the folder `run`.

A question is one JSON object on one line, the answer likewise, then the connection is closed. Sockets are 0600 in a
folder that is 0700: who can ask may read the whole data folder anyway.

Must never: be needed for anything to come true in the end; a question may be lost with the process that it was for.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pillarbox.events import EventLog

_SUFFIX: Final = ".intercom"
_LONGEST_PATH: Final = 100
"""AF_UNIX addresses hold 108 bytes on Linux, 104 elsewhere."""
_QUESTION_BYTES: Final = 64 * 1024
_ANSWER_BYTES: Final = 256 * 1024 * 1024
PATIENCE_SECONDS: Final = 15.0

Question = Mapping[str, object]
Answer = Mapping[str, object]


class Intercom:
    """This process's place."""

    def __init__(self, folder: Path, respond: Callable[[Question], Awaitable[Answer]], events: EventLog) -> None:
        """`respond` is called on the loop's thread."""
        self._folder = folder
        self._respond = respond
        self._events = events
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen. Without a place to (a full disk), what is asked for comes true a little later."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.setblocking(False)
        try:
            with _reachable(self._folder, self._name) as address:
                listening.bind(address)
                (self._folder / self._name).chmod(0o600)
                self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=_QUESTION_BYTES)
        except OSError as error:
            listening.close()
            self._events.warning("intercom.off", error=type(error).__name__, text=str(error))

    async def close(self) -> None:
        """Leave."""
        if self._server is not None:
            self._server.close()
        with contextlib.suppress(OSError):
            (self._folder / self._name).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                question = json.loads(await reader.readline())
                answer = await self._respond(question if isinstance(question, dict) else {})
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError, TimeoutError) as error:
            self._events.warning("intercom.lost", error=type(error).__name__)
        except Exception as error:
            self._events.bug("intercom.failed", error)
        finally:
            writer.close()


@dataclass(frozen=True, slots=True)
class Answers:
    """What all processes said."""

    said: Sequence[Answer]
    silent: int
    """So many are there and did not answer in time."""


def ask_all(folder: Path, question: Question) -> Answers:
    """Ask every process of the server that runs on this folder; none when none runs. Blocks."""
    said: list[Answer] = []
    silent = 0
    for name in sorted(_names(folder)):
        try:
            said.append(_ask(folder, name, question))
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:  # its process was killed
                with contextlib.suppress(OSError):
                    (folder / name).unlink()
            elif error.errno != errno.ENOENT:
                silent += 1
        except ValueError:
            silent += 1
    return Answers(said, silent)


def _names(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.endswith(_SUFFIX)]
    except OSError:
        return []


def _ask(folder: Path, name: str, question: Question) -> Answer:
    """Raises OSError, ValueError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(PATIENCE_SECONDS)
        with _reachable(folder, name) as address:
            asking.connect(address)
        asking.sendall(json.dumps(question).encode() + b"\n")
        with asking.makefile("rb") as heard:
            answer = json.loads(heard.readline(_ANSWER_BYTES))
    if not isinstance(answer, dict):
        raise ValueError("no answer")
    return answer


@contextlib.contextmanager
def _reachable(folder: Path, name: str) -> Iterator[str]:
    """An address that is short enough, for as long as the context lasts."""
    path = str(folder / name)
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield path
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)
