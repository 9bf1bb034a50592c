"""The few header fields that importing mail needs: dates and what mailbox formats note in the header.

Must never: be used for what a client sees of a message; that is the mime room's.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from typing import Final

from pillarbox.mail.dates import InternalDate

_FIELD: Final = re.compile(rb"^([!-9;-~]+)[ \t]*:[ \t]*([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)(\r?\n|\Z)", re.MULTILINE)
_HEADER_END: Final = re.compile(rb"\n\r?\n")


def header_end(raw_message: bytes) -> int:
    """Where the header stops: after the line end of its last field."""
    if raw_message[:1] == b"\n" or raw_message[:2] == b"\r\n":
        return 0
    found = _HEADER_END.search(raw_message)
    return found.start() + 1 if found else len(raw_message)


def fields(raw_message: bytes, wanted: frozenset[bytes]) -> Iterator[tuple[bytes, str]]:
    """Fields whose lower-case name is wanted, as (name, unfolded value), in order."""
    for found in _FIELD.finditer(raw_message, 0, header_end(raw_message)):
        name = found[1].lower()
        if name in wanted:
            yield name, " ".join(found[2].decode("latin-1").split())


def without_fields(raw_message: bytes, unwanted: frozenset[bytes]) -> bytes:
    """The message less the header fields of these lower-case names."""
    end = header_end(raw_message)
    if not any(found[1].lower() in unwanted for found in _FIELD.finditer(raw_message, 0, end)):
        return raw_message
    header = _FIELD.sub(lambda found: b"" if found[1].lower() in unwanted else found[0], raw_message[:end])
    return header + raw_message[end:]


def date_of(text: str) -> InternalDate | None:
    """The instant of an RFC 5322 date or of an mbox From_ line; UTC when it names no zone (RFC 4155)."""
    from email.utils import parsedate_tz

    try:
        parsed = parsedate_tz(text)
        if parsed is None:
            return None
        return internal_date(parsed[:6], parsed[9] or 0)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None


def internal_date(moment: tuple[int, ...], zone_seconds: int) -> InternalDate | None:
    """From year ... second and the zone's offset; None when there is no such moment or zone."""
    year, month, day, hour, minute, second = moment
    zone_minutes = int(zone_seconds / 60)
    is_real = 1 <= month <= 12 and 1 <= day <= 31 and 0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 60
    if not is_real or not 1970 <= year <= 9998 or abs(zone_minutes) >= 24 * 60:
        return None
    epoch_seconds = calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0)) - zone_minutes * 60
    return InternalDate(epoch_seconds, zone_minutes)


def header_date(raw_message: bytes) -> InternalDate | None:
    """What the Date field says, when there is one that makes sense."""
    for _, value in fields(raw_message, frozenset({b"date"})):
        return date_of(value)
    return None
