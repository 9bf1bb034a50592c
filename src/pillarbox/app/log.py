"""Where events go: one line each on a stream, JSON for programs or text for people.

Made here and not by a logging package: those bring megabytes that every server would hold (docs/performance.md).

Must never: print a Secret or the local variables of a traceback; let control characters from a client reach a
terminal; fail because the stream does.
"""

from __future__ import annotations

import contextlib
import json
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TextIO

from pillarbox.app.settings import LogLevel, LogSettings, LogStyle
from pillarbox.clock import Clock
from pillarbox.events import Field

_LEVELS: Final = (LogLevel.DEBUG, LogLevel.INFO, LogLevel.WARNING, LogLevel.ERROR)
"""The chattiest first."""

_EVENT_WIDTH: Final = 24
_LEVEL_WIDTH: Final = 9
_RESET, _BRIGHT, _DIM, _RED, _GREEN, _YELLOW, _MAGENTA, _CYAN = (
    f"\x1b[{code}m" for code in (0, 1, 2, 31, 32, 33, 35, 36)
)
_COLOURS: Final = {
    LogLevel.DEBUG: _GREEN,
    LogLevel.INFO: _GREEN,
    LogLevel.WARNING: _YELLOW,
    LogLevel.ERROR: _RED,
}

_Renderer = Callable[[str, LogLevel, str, dict[str, Field], str], str]
"""(time, level, event, fields, traceback or "") -> a line, or several for a traceback."""


class StructuredLog:
    """The EventLog of a running server."""

    def __init__(self, settings: LogSettings, stream: TextIO, clock: Clock) -> None:
        self._shown = frozenset(_LEVELS[_LEVELS.index(settings.level) :])
        self._render = _renderer(settings.style, stream)
        self._stream = stream
        self._clock = clock
        self._lock = threading.Lock()
        self._tags: dict[str, Field] = {}

    def tag(self, **fields: Field) -> None:
        """Add fields to every event from now on, such as the number of the worker."""
        self._tags |= fields

    def debug(self, event: str, **fields: Field) -> None:
        self._say(LogLevel.DEBUG, event, fields)

    def info(self, event: str, **fields: Field) -> None:
        self._say(LogLevel.INFO, event, fields)

    def warning(self, event: str, **fields: Field) -> None:
        self._say(LogLevel.WARNING, event, fields)

    def error(self, event: str, **fields: Field) -> None:
        self._say(LogLevel.ERROR, event, fields)

    def bug(self, event: str, error: BaseException, **fields: Field) -> None:
        """An error of ours, with its traceback."""
        # The lines of the traceback only: local variables may hold passwords.
        self._say(LogLevel.ERROR, event, {"bug": True, **fields}, "".join(traceback.format_exception(error)))

    def _say(self, level: LogLevel, event: str, fields: dict[str, Field], trace: str = "") -> None:
        if level not in self._shown:
            return
        now = datetime.fromtimestamp(self._clock.now_seconds(), UTC)
        stamp = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = self._render(stamp, level, event, self._tags | fields, trace.removesuffix("\n"))
        with self._lock, contextlib.suppress(OSError, ValueError):  # a full disk or a closed pipe stops no mail
            self._stream.write(line + "\n")
            self._stream.flush()


def _renderer(style: LogStyle, stream: TextIO) -> _Renderer:
    if style is LogStyle.AUTO:
        style = LogStyle.TEXT if stream.isatty() else LogStyle.JSON
    if style is LogStyle.JSON:
        return _json
    return _coloured if stream.isatty() else _text


def _json(stamp: str, level: LogLevel, event: str, fields: dict[str, Field], trace: str) -> str:
    line = {"time": stamp, **fields, "event": event, "level": level.value}
    return json.dumps(line | {"exception": trace} if trace else line, default=repr)


def _text(stamp: str, level: LogLevel, event: str, fields: dict[str, Field], trace: str) -> str:
    # repr: what a client sent may hold escape sequences.
    said = "".join(f" {name}={fields[name]!r}" for name in sorted(fields))
    line = f"{stamp} [{level.value:{_LEVEL_WIDTH}}] {event:{_EVENT_WIDTH}}{said}".rstrip(" ")
    return f"{line}\n{trace}" if trace else line


def _coloured(stamp: str, level: LogLevel, event: str, fields: dict[str, Field], trace: str) -> str:
    said = "".join(f" {_CYAN}{name}{_RESET}={_MAGENTA}{fields[name]!r}{_RESET}" for name in sorted(fields))
    line = (
        f"{_DIM}{stamp}{_RESET} [{_COLOURS[level]}{_BRIGHT}{level.value:{_LEVEL_WIDTH}}{_RESET}] "
        f"{_BRIGHT}{event:{_EVENT_WIDTH}}{_RESET}{said}"
    )
    return f"{line}\n{trace}" if trace else line
