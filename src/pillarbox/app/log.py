"""Where events go: one line each on a stream, JSON for programs or text for people, by structlog.

Must never: print a Secret or the local variables of a traceback; let control characters from a client reach a
terminal; fail because the stream does.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from datetime import UTC, datetime
from typing import TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from pillarbox.app.settings import LogLevel, LogSettings, LogStyle
from pillarbox.clock import Clock
from pillarbox.events import Field

_LEVELS = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}


class StructuredLog:
    """The EventLog of a running server."""

    def __init__(self, settings: LogSettings, stream: TextIO, clock: Clock) -> None:
        def stamp(_logger: object, _method: str, event: EventDict) -> EventDict:
            now = datetime.fromtimestamp(clock.now_seconds(), UTC)
            return {"time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"), **event}

        self._logger: FilteringBoundLogger = structlog.wrap_logger(
            _Sink(stream),
            processors=[structlog.processors.add_log_level, stamp, *_renderers(settings.style, stream)],
            wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
            context_class=dict,
        )

    def tag(self, **fields: Field) -> None:
        """Add fields to every event from now on, such as the number of the worker."""
        self._logger = self._logger.bind(**fields)

    def debug(self, event: str, **fields: Field) -> None:
        self._logger.debug(event, **fields)

    def info(self, event: str, **fields: Field) -> None:
        self._logger.info(event, **fields)

    def warning(self, event: str, **fields: Field) -> None:
        self._logger.warning(event, **fields)

    def error(self, event: str, **fields: Field) -> None:
        self._logger.error(event, **fields)

    def bug(self, event: str, error: BaseException, **fields: Field) -> None:
        """An error of ours, with its traceback."""
        self._logger.error(event, bug=True, exc_info=(type(error), error, error.__traceback__), **fields)


def _renderers(style: LogStyle, stream: TextIO) -> list[Processor]:
    if style is LogStyle.AUTO:
        style = LogStyle.TEXT if stream.isatty() else LogStyle.JSON
    if style is LogStyle.JSON:
        # Both formatters show the lines of a traceback only: local variables may hold passwords.
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [
        structlog.dev.ConsoleRenderer(
            colors=stream.isatty(),
            exception_formatter=structlog.dev.plain_traceback,
            repr_native_str=True,  # what a client sent may hold escape sequences
            timestamp_key="time",
            pad_event_to=24,
        )
    ]


class _Sink:
    """Writes finished lines, one at a time. structlog calls it by the level's name."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def msg(self, line: str) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):  # a full disk or a closed pipe stops no mail
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = msg
