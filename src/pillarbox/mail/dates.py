"""The internal date of a message: an instant and the zone it was given in, so that it round-trips.

RFC 9051 section 2.3.3. How it looks on the wire is imap/wire's affair.
"""

from __future__ import annotations

from typing import NamedTuple


class InternalDate(NamedTuple):
    """Seconds since 1970-01-01 UTC and the zone's offset in minutes east."""

    epoch_seconds: int
    zone_minutes: int
