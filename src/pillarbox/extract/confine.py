"""A process shuts itself in before it touches a bad file.

Limits of the kernel hold whatever the file does. The audit hook is the second wall: whoever reads documents in Python
opens no socket, starts no program and opens no file but Python's own modules (PEP 578).

Must never: be called in the server's process: there is no way back.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final

from pillarbox.extract.limits import ExtractLimits

_REFUSED: Final = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.system",
    "os.kill",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
    "pty.",
    "ctypes.",
    "shutil.",
    "urllib.",
    "webbrowser.",
    "tempfile.",
)
"""Beginnings of the names of events in https://docs.python.org/3/library/audit_events.html."""


class Refused(Exception):
    """The process wanted something that reading a document doesn't need."""


def confine(limits: ExtractLimits) -> None:
    """From now on this process has little time and memory, stands back for all others, writes no file, and sees nothing
    of the machine."""
    os.nice(19)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits.seconds)
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.processor_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        _, hard = resource.getrlimit(what)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (least, least))
    modules = tuple({str(Path(place).resolve()) + os.sep for place in (sys.prefix, sys.base_prefix)})

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event.startswith(_REFUSED):
            raise Refused(event)
        if event == "open" and not _is_module(arguments, modules):
            raise Refused(event)

    sys.addaudithook(refuse)


def _is_module(arguments: tuple[object, ...], modules: tuple[str, ...]) -> bool:
    """Whether a file is opened to read Python's own modules, or is open already (a number)."""
    path, mode, flags = arguments
    if isinstance(path, int):
        return True
    writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    reads = mode is None or (isinstance(mode, str) and not set(mode).intersection("wax+"))
    return reads and not writes and os.path.realpath(os.fsdecode(path)).startswith(modules)  # type: ignore[arg-type]  # str, bytes or path
