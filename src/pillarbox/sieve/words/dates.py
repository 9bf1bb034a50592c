"""date and currentdate (RFC 5260).

Must never: read a clock; the run's moment is one for all tests (section 5).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from email.utils import format_datetime
from typing import Final

from pillarbox.mime.dates import internal_date_of
from pillarbox.sieve.run import Run
from pillarbox.sieve.script import Call, Checker, Kind, Tag, Word
from pillarbox.sieve.words.arguments import (
    INDEX_TAGS,
    MATCH_TAGS,
    check_field_name,
    check_match,
    fields_named,
    matches,
)

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_JULIAN_ZERO: Final = datetime.date(1858, 11, 17)
_zone = re.compile(r"([+-])([0-9]{2})([0-5][0-9])")


def _zone_text(moment: datetime.datetime) -> str:
    return moment.strftime("%z")[:5]


_PARTS: Final[dict[str, Callable[[datetime.datetime], str]]] = {
    "year": lambda moment: f"{moment.year:04}",
    "month": lambda moment: f"{moment.month:02}",
    "day": lambda moment: f"{moment.day:02}",
    "date": lambda moment: moment.date().isoformat(),
    "julian": lambda moment: str((moment.date() - _JULIAN_ZERO).days),
    "hour": lambda moment: f"{moment.hour:02}",
    "minute": lambda moment: f"{moment.minute:02}",
    "second": lambda moment: f"{moment.second:02}",
    "time": lambda moment: moment.strftime("%H:%M:%S"),
    "iso8601": lambda moment: moment.isoformat(timespec="seconds").replace("+00:00", "Z"),
    "std11": format_datetime,
    "zone": _zone_text,
    "weekday": lambda moment: str(moment.isoweekday() % 7),
}
"""Section 4.2."""


def _check(call: Call, checker: Checker) -> None:
    check_match(call, checker)
    zone = call.tag_text("zone")
    if zone is not None and zone.constant is not None and _minutes(zone.constant) is None:
        checker.mistake(zone.place, ':zone is written as "+0200"')
    part = call.text(len(call.arguments) - 2)
    if part.constant is not None and part.constant.lower() not in _PARTS:
        checker.mistake(part.place, f'there is no part "{part.source[:60]}" of a date; there are: {" ".join(_PARTS)}')


def _check_date(call: Call, checker: Checker) -> None:
    check_field_name(call.text(0), checker)
    _check(call, checker)


def _minutes(zone: str) -> int | None:
    match = _zone.fullmatch(zone)
    if match is None or int(match[2]) > 23:
        return None
    return (int(match[2]) * 60 + int(match[3])) * (-1 if match[1] == "-" else 1)


def _tells(run: Run, call: Call, seconds: float, original_zone: int) -> bool:
    """Whether the wanted part of a moment matches."""
    text = call.tag_text("zone")
    if text is not None:
        zone = _minutes(run.expand(text))
        if zone is None:
            return False
    else:
        zone = original_zone if "originalzone" in call.tags else run.environment.zone_minutes
    part = _PARTS.get(run.expand(call.text(len(call.arguments) - 2)).lower())
    if part is None:
        return False
    try:
        moment = _EPOCH + datetime.timedelta(seconds=int(seconds))
        value = part(moment.astimezone(datetime.timezone(datetime.timedelta(minutes=zone))))
    except (OverflowError, ValueError):
        return False
    return matches(run, call, [value], call.texts(-1))


def _date(run: Run, call: Call) -> bool:
    fields = fields_named(run, call, [run.expand(call.text(0))])
    if fields:
        value = fields[0].raw_value.rpartition(b";")[2].replace(b"\r", b" ").replace(b"\n", b" ")
        date = internal_date_of(b"Date:" + value + b"\r\n")
        if date is not None:
            return _tells(run, call, date.epoch_seconds, date.zone_minutes)
    return matches(run, call, [], call.texts(-1)) if "count" in call.tags else False


def _current_date(run: Run, call: Call) -> bool:
    return _tells(run, call, run.environment.now_seconds, run.environment.zone_minutes)


_ZONE_TAG: Final = Tag("zone", Kind.STRING, group="zone")

WORDS = (
    Word(
        "date",
        "5260 4",
        ("date",),
        (*MATCH_TAGS, *INDEX_TAGS, _ZONE_TAG, Tag("originalzone", group="zone")),
        ((Kind.STRING, Kind.STRING, Kind.STRINGS),),
        test=_date,
        check=_check_date,
    ),
    Word(
        "currentdate",
        "5260 5",
        ("date",),
        (*MATCH_TAGS, _ZONE_TAG),
        ((Kind.STRING, Kind.STRINGS),),
        test=_current_date,
        check=_check,
    ),
)
