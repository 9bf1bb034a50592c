"""Dates on the wire (RFC 9051 section 9, `date-time` and `date`)."""

from __future__ import annotations

import datetime
import functools
import re
import time
from typing import Final

from pillarbox.mail.dates import InternalDate

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBER: Final = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}

# date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
_DATE_TIME: Final = re.compile(
    rb"([ 0-3]?[0-9]-[A-Za-z]{3}-[0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"
)
# date-text = date-day "-" date-month "-" date-year
_DATE: Final = re.compile(rb"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})")
_TWO_DIGITS: Final = {b"%02d" % number: number for number in range(100)}
_EPOCH_DAY: Final = datetime.date(1970, 1, 1).toordinal()


def parse_date_time(data: bytes) -> InternalDate | None:
    """A date-time without its quotes, or None when it isn't one. A leap second counts as the second before."""
    found = _DATE_TIME.fullmatch(data)
    if not found:
        return None
    raw_day, *raw_numbers = found.group(1, 2, 3, 4, 6, 7)
    day = _epoch_day(raw_day)
    hour, minute, second, zone_hour, zone_minute = map(_TWO_DIGITS.__getitem__, raw_numbers)
    if day is None or hour > 23 or minute > 59 or second > 60 or zone_hour > 23 or zone_minute > 59:
        return None
    zone = zone_hour * 60 + zone_minute
    zone = -zone if found[5] == b"-" else zone
    return InternalDate(day * 86_400 + hour * 3_600 + (minute - zone) * 60 + min(second, 59), zone)


@functools.lru_cache(maxsize=4096)
def _epoch_day(day: bytes) -> int | None:
    """Days since 1970-01-01. Mail that is brought along has the same days again and again."""
    date = parse_date(day.lstrip())
    return None if date is None else date.toordinal() - _EPOCH_DAY


@functools.lru_cache(maxsize=4096)
def _render_day(day: int) -> str:
    year, month, date = time.gmtime(day * 86_400)[:3]
    return f"{date:2d}-{_MONTHS[month - 1]}-{year:04d}"


def render_date_time(epoch_seconds: int, zone_minutes: int) -> bytes:
    """As INTERNALDATE sends it, with quotes: `" 1-Feb-2026 09:05:00 +0100"`."""
    local = epoch_seconds + zone_minutes * 60
    day, second = divmod(local, 86_400)
    minutes = abs(zone_minutes)
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    sign = "-" if zone_minutes < 0 else "+"
    return f'"{_render_day(day)} {clock} {sign}{minutes // 60:02d}{minutes % 60:02d}"'.encode("ascii")


def parse_date(data: bytes) -> datetime.date | None:
    """A search date without quotes, or None when it isn't one."""
    found = _DATE.fullmatch(data)
    if not found:
        return None
    try:
        return datetime.date(int(found[3]), _MONTH_NUMBER.get(found[2].decode().lower(), 0), int(found[1]))
    except ValueError:
        return None
