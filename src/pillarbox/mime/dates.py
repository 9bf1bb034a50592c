"""The Date of a header as SEARCH and SORT need it.

Must never: raise, or guess a date where there is none. RFC 5322 sections 3.3 and 4.3, tolerant: the day's name may be
missing or wrong, years may have two or three digits, comments stand anywhere, zones may be names.

    date-time = [ day-of-week "," ] day month year hour ":" minute [ ":" second ] zone
"""

from __future__ import annotations

import datetime
import re
from typing import Final, NamedTuple

from pillarbox.mail.dates import InternalDate
from pillarbox.mime.fields import field_values
from pillarbox.mime.parameters import without_comments

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ZONES: Final = {
    "edt": -240,
    "est": -300,
    "cdt": -300,
    "cst": -360,
    "mdt": -360,
    "mst": -420,
    "pdt": -420,
    "pst": -480,
}
"""RFC 5322 section 4.3; any other name counts as UTC, as that section says of the military ones."""
_MAX_BYTES: Final = 256
_MAX_ZONE_MINUTES: Final = 24 * 60 - 1
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

_TIME: Final = r"(?P<hour>\d{1,2})\s*[:.]\s*(?P<minute>\d{1,2})(?:\s*[:.]\s*(?P<second>\d{1,2})(?:[.,]\d{1,9})?)?"
_ZONE: Final = r"\s*(?P<zone>[+-]\d{1,2}:?\d{2}\b|[a-z]{1,5}\b)?"
_MONTH: Final = rf"(?P<month>{'|'.join(_MONTHS)})[a-z]*\.?"
_date = re.compile(
    rf"\s*(?:[a-z]+\.?\s*,?\s*)?(?P<day>\d{{1,2}})[\s.-]+{_MONTH}[\s.,-]+(?P<year>\d{{2,4}})\b(?:[\s,]*{_TIME}{_ZONE})?",
    re.IGNORECASE | re.ASCII,
).match
_asctime = re.compile(
    rf"\s*(?:[a-z]+\.?\s*,?\s*)?{_MONTH}\s+(?P<day>\d{{1,2}}),?\s+(?:{_TIME}{_ZONE}\s+)?(?P<year>\d{{4}})\b",
    re.IGNORECASE | re.ASCII,
).match
"""As C's asctime() writes it, and old mbox mail has it."""


class SentDate(NamedTuple):
    """A calendar day as the sender wrote it; compares in order of time."""

    year: int
    month: int
    day: int


class _Moment(NamedTuple):
    date: SentDate
    hour: int
    minute: int
    second: int
    zone_minutes: int


def sent_date(header: bytes) -> SentDate | None:
    """The day in the Date field, disregarding time and zone (RFC 9051 section 6.4.4: SENTBEFORE, SENTON, SENTSINCE)."""
    moment = _read_moment(header)
    return None if moment is None else moment.date


def sent_instant(header: bytes) -> int | None:
    """The Date field in seconds since 1970-01-01 UTC; midnight UTC when it has no time."""
    date = internal_date_of(header)
    return None if date is None else date.epoch_seconds


def internal_date_of(header: bytes) -> InternalDate | None:
    """The Date field as an internal date, for mail that is imported without one."""
    moment = _read_moment(header)
    if moment is None:
        return None
    day = datetime.datetime(*moment.date, tzinfo=datetime.UTC)
    seconds = int((day - _EPOCH).total_seconds()) + moment.hour * 3600 + moment.minute * 60 + moment.second
    return InternalDate(seconds - moment.zone_minutes * 60, moment.zone_minutes)


def _read_moment(header: bytes) -> _Moment | None:
    values = field_values(header, b"date")
    if not values:
        return None
    text = without_comments(values[0][:_MAX_BYTES]).decode("latin-1")
    match = _date(text) or _asctime(text)
    if match is None:
        return None
    year = int(match["year"])
    if len(match["year"]) < 4:
        year += 2000 if year < 50 and len(match["year"]) == 2 else 1900
    month = _MONTHS.index(match["month"].lower()) + 1
    day = int(match["day"])
    try:
        datetime.date(year, month, day)
    except ValueError:
        return None
    date = SentDate(year, month, day)
    if match["hour"] is None:
        return _Moment(date, 0, 0, 0, 0)
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    if hour > 23 or minute > 59 or second > 60:
        return _Moment(date, 0, 0, 0, 0)
    return _Moment(date, hour, minute, second, _zone_minutes(match["zone"]))


def _zone_minutes(zone: str | None) -> int:
    if not zone:
        return 0
    if zone[0] not in "+-":
        return _ZONES.get(zone.lower(), 0)
    digits = zone[1:].replace(":", "")
    minutes = int(digits[:-2] or 0) * 60 + int(digits[-2:])
    return 0 if minutes > _MAX_ZONE_MINUTES else -minutes if zone[0] == "-" else minutes
