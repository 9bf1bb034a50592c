"""What a line of the log looks like, and what never gets into it."""

from __future__ import annotations

import io
import json

import pytest

from pillarbox.app.log import StructuredLog
from pillarbox.app.settings import LogLevel, LogSettings, LogStyle
from pillarbox.clock import HeldClock
from pillarbox.secret import Secret

STYLES = pytest.mark.parametrize("style", [LogStyle.JSON, LogStyle.TEXT])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def log(style: LogStyle, level: LogLevel = LogLevel.INFO, stream: io.StringIO | None = None) -> StructuredLog:
    return StructuredLog(LogSettings(level, style), stream or io.StringIO(), HeldClock(1_780_000_000.25))


def test_an_event_is_one_json_line() -> None:
    stream = io.StringIO()
    log(LogStyle.JSON, stream=stream).info("login.granted", login="jo", seconds=1.5)
    assert stream.getvalue().count("\n") == 1
    assert json.loads(stream.getvalue()) == {
        "time": "2026-05-28T20:26:40.250Z",
        "level": "info",
        "event": "login.granted",
        "login": "jo",
        "seconds": 1.5,
    }


def test_people_on_a_terminal_get_text_and_programs_json() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    log(LogStyle.AUTO, stream=terminal).info("server.ready")
    log(LogStyle.AUTO, stream=pipe).info("server.ready")
    assert not terminal.getvalue().startswith("{")
    assert json.loads(pipe.getvalue())["event"] == "server.ready"


def test_events_below_the_level_are_dropped() -> None:
    stream = io.StringIO()
    quiet = log(LogStyle.JSON, LogLevel.WARNING, stream)
    quiet.debug("one")
    quiet.info("two")
    quiet.warning("three")
    quiet.error("four")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["three", "four"]


def test_tags_are_on_every_later_event() -> None:
    stream = io.StringIO()
    tagged = log(LogStyle.JSON, stream=stream)
    tagged.tag(worker=1)
    tagged.info("server.ready")
    assert json.loads(stream.getvalue())["worker"] == 1


@STYLES
def test_what_a_client_sent_can_not_forge_lines_or_steer_a_terminal(style: LogStyle) -> None:
    stream = Terminal()
    log(style, stream=stream).info("login.denied", login="jo\n2026 root logged in\x1b[2J\r")
    colours_off = stream.getvalue().replace("\x1b[0m", "")
    assert colours_off.count("\n") == 1
    assert "\x1b[2J" not in colours_off
    assert "\r" not in colours_off


@STYLES
def test_a_bug_shows_its_traceback_and_no_local_variables(style: LogStyle) -> None:
    stream = io.StringIO()
    password = "correct horse"
    holder = Secret("battery staple")
    try:
        raise RuntimeError("went wrong")
    except RuntimeError as error:
        log(style, stream=stream).bug("connection.failed", error, address="192.0.2.1")
    said = stream.getvalue()
    assert "RuntimeError: went wrong" in said
    assert "test_log.py" in said
    assert password not in said
    assert holder.reveal() not in said


def test_a_broken_stream_stops_nothing() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    log(LogStyle.JSON, stream=Full()).info("server.ready")
