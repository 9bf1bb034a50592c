"""Has attachments read by processes that may fail.

Must never: wait longer, or take more, than the limits say; leave a process behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

from pillarbox.extract.kinds import Kind
from pillarbox.extract.limits import ExtractLimits

_READER: Final = (sys.executable, "-I", "-m", "pillarbox.extract.child")
_MOST_BYTES_PER_CHARACTER: Final = 4
_STEP_BYTES: Final = 64 * 1024
_NEVER_BEGUN: Final = (1, 2)
"""What Python ends with when the reader can't be loaded; the reader itself never does."""
_GRACE_SECONDS: Final = 2.0
"""After the moment in which the process should have ended itself."""


class ReaderUnusable(OSError):
    """The process ended before it looked at the file: something is wrong with the installation."""


def can_extract() -> bool:
    """Whether the extra `attachments` is installed."""
    return importlib.util.find_spec("pypdf") is not None


class Extractor:
    """Reads one attachment at a time for each caller, each in a new process of `command`."""

    def __init__(self, limits: ExtractLimits, command: Sequence[str] = _READER) -> None:
        self._limits = limits
        self._command = tuple(command)

    async def text_of(self, kind: Kind, data: bytes) -> str | None:
        """The text of a file; None when it can't be read. Raises OSError when no process can be started, or none that
        looks at files."""
        if len(data) > self._limits.file_bytes:
            return None
        process = await asyncio.create_subprocess_exec(
            *self._command,
            kind.value,
            *self._limits.as_arguments(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd="/",
            env={},
            start_new_session=True,
        )
        written = bytearray()
        try:
            async with asyncio.timeout(self._limits.seconds + _GRACE_SECONDS):
                feeding = asyncio.create_task(_feed(process, data))
                try:
                    is_whole = await self._read(process, written)
                finally:
                    feeding.cancel()
                    await asyncio.gather(feeding, return_exceptions=True)
                if is_whole and await process.wait() == 0:
                    return _text(written)
                if process.returncode in _NEVER_BEGUN and not written:
                    raise ReaderUnusable("the process that reads attachments does not begin")
        except TimeoutError:
            pass
        finally:
            await _end(process)
        return _text(written) or None

    async def _read(self, process: asyncio.subprocess.Process, written: bytearray) -> bool:
        """All that the process writes; False when it is more than it may."""
        assert process.stdout is not None
        most = self._limits.characters * _MOST_BYTES_PER_CHARACTER
        while step := await process.stdout.read(_STEP_BYTES):
            written += step[: most - len(written)]
            if len(written) >= most:
                return False
        return True


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):  # it needs no more
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill it, and whatever it started, unless it has ended."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(_buried(process))


async def _buried(process: asyncio.subprocess.Process) -> None:
    """What it still wrote is read to its end: asyncio tells of the end of a process only when its pipes have ended,
    and a pipe that was written faster than it was read is not looked at any more."""
    assert process.stdout is not None
    while await process.stdout.read(_STEP_BYTES):
        pass
    await process.wait()


def _text(written: bytearray) -> str:
    return written.decode("utf-8", "replace").replace("\x00", " ")
